/* Ids as digits, and back. */
#include "testing.h"

#include "base/hex.h"

static void every_byte_is_two_lower_case_digits(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf out = TS_BUF_INIT;
    ts_view id = ts_view_of("\x00\x0f\xa0\xff\x5b", 5);
    ts_buf_add_str(&out, "id=");
    assert_true(ts_hex_add(&out, id));
    assert_view_is(ts_buf_view(&out), "id=000fa0ff5b");
    assert_string_equal((const char *)ts_hex_copy(arena, id).ptr, "000fa0ff5b"); /* has its NUL */
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void nothing_is_the_empty_text(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf out = TS_BUF_INIT;
    assert_true(ts_hex_add(&out, TS_NOTHING));
    assert_true(ts_hex_read(TS_NOTHING, &out));
    assert_int_equal(out.len, 0);
    assert_int_equal(ts_hex_copy(arena, TS_NOTHING).len, 0);
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void a_full_buffer_takes_no_half_of_it(void **state)
{
    (void)state;
    struct ts_buf out = TS_BUF_LIMIT(3);
    assert_false(ts_hex_add(&out, TS_LIT("ab")));
    assert_int_equal(out.len, 0);
    assert_true(out.overflow);
    ts_buf_release(&out);
}

static void digits_of_either_case_are_read(void **state)
{
    (void)state;
    struct ts_buf out = TS_BUF_INIT;
    assert_true(ts_hex_read(TS_LIT("00fAFa9b"), &out));
    assert_true(ts_view_eq(ts_buf_view(&out), ts_view_of("\x00\xfa\xfa\x9b", 4)));
    ts_buf_release(&out);
}

static void what_is_no_pair_of_digits_is_refused_whole(void **state)
{
    (void)state;
    static const char *const bad[] = {"a", "abc", "0x12", "12 3", "+1", "-1", "ag", "Ga", "a\xc3"};
    for (size_t i = 0; i < TS_COUNT(bad); i++) {
        struct ts_buf out = TS_BUF_INIT;
        ts_buf_add_str(&out, "kept");
        assert_false(ts_hex_read(ts_view_str(bad[i]), &out));
        assert_view_is(ts_buf_view(&out), "kept");
        ts_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_two_lower_case_digits),
        cmocka_unit_test(nothing_is_the_empty_text),
        cmocka_unit_test(a_full_buffer_takes_no_half_of_it),
        cmocka_unit_test(digits_of_either_case_are_read),
        cmocka_unit_test(what_is_no_pair_of_digits_is_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
