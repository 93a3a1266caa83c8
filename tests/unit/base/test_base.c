/* The small things that everything stands on. */
#include "testing.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/payload.h"
#include "base/random.h"
#include "base/time.h"
#include "base/utf8.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void views_cut_trim_and_find(void **state)
{
    (void)state;
    ts_view v = TS_LIT("  hello \n");
    assert_view_is(ts_view_trim(v), "hello");
    assert_view_is(ts_view_cut(TS_LIT("hello"), 1, 3), "ell");
    assert_view_is(ts_view_cut(TS_LIT("hello"), 3, 99), "lo");
    assert_view_is(ts_view_cut(TS_LIT("hello"), 9, 1), "");
    assert_true(ts_view_find(TS_LIT("abcab"), TS_LIT("ca")) == 2);
    assert_true(ts_view_find(TS_NOTHING, TS_LIT("a")) == SIZE_MAX);
    assert_true(ts_view_eq_nocase(TS_LIT("Retry-After"), TS_LIT("retry-AFTER")));
    assert_false(ts_view_starts(TS_LIT("a"), TS_LIT("ab")));
    assert_true(ts_view_eq(TS_NOTHING, TS_LIT("")));
}

static void integers_are_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } rows[] = {{"0", true, 0},
                {"-1", true, -1},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"", false, 0},
                {"-", false, 0},
                {"1x", false, 0},
                {" 1", false, 0}};
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        int64_t got = 0;
        assert_int_equal(ts_view_to_int64(ts_view_str(rows[i].text), &got), rows[i].ok);
        if (rows[i].ok)
            assert_true(got == rows[i].want);
    }
}

static void buffers_stop_at_their_limit(void **state)
{
    (void)state;
    struct ts_buf b = TS_BUF_LIMIT(10);
    assert_true(ts_buf_add_str(&b, "12345"));
    assert_false(ts_buf_add_str(&b, "678901"));
    assert_true(b.overflow);
    assert_false(ts_buf_add_str(&b, "6"));
    assert_string_equal(ts_buf_cstr(&b), "12345");
    ts_buf_clear(&b);
    assert_true(ts_buf_printf(&b, "%d-%s", 7, "x"));
    assert_string_equal(ts_buf_cstr(&b), "7-x");
    ts_buf_release(&b);
}

static void files_are_read_up_to_the_limit(void **state)
{
    (void)state;
    char path[] = "/tmp/ts-base-XXXXXX";
    int fd = mkstemp(path);
    struct ts_err err = {0};
    assert_int_equal(write(fd, "0123456789", 10), 10);
    close(fd);
    struct ts_buf b = TS_BUF_LIMIT(10);
    assert_true(ts_buf_read_file(&b, path, &err));
    assert_int_equal(b.len, 10);
    ts_buf_release(&b);
    b = TS_BUF_LIMIT(9);
    assert_false(ts_buf_read_file(&b, path, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
    ts_buf_release(&b);
    unlink(path);
    assert_false(ts_buf_read_file(&b, path, &err));
    assert_int_equal(err.code, TS_NOT_FOUND);
}

static void add_letter(void *arg)
{
    struct {
        char text[4];
        size_t n;
    } *seen = arg;
    seen->text[seen->n] = (char)('a' + seen->n);
    seen->n++;
}

static void arenas_keep_and_end(void **state)
{
    (void)state;
    struct {
        char text[4];
        size_t n;
    } seen = {{0}, 0};
    struct ts_arena *a = ts_arena_new();
    uint8_t *zeroed = ts_arena_alloc(a, 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(zeroed[i], 0);
    assert_view_is(ts_arena_printf(a, "%s-%d", "x", 3), "x-3");
    ts_view copy = ts_arena_copy(a, TS_LIT("abc"));
    assert_int_equal(copy.ptr[3], 0);
    ts_arena_defer(a, add_letter, &seen);
    ts_arena_defer(a, add_letter, &seen);
    ts_arena_free(a);
    assert_int_equal(seen.n, 2);
    ts_arena_free(NULL);
}

static void errors_are_one_line(void **state)
{
    (void)state;
    struct ts_err err = {0};
    assert_false(ts_fail(&err, TS_NOT_FOUND, "no '%s'", "a\nb\x01"));
    assert_string_equal(err.what, "no 'a b '");
    assert_false(ts_fail(NULL, TS_NOT_FOUND, "x"));
    assert_string_equal(ts_code_name(TS_UNAVAILABLE), "UNAVAILABLE");
    assert_string_equal(ts_code_name((enum ts_code)99), "UNKNOWN");
}

static void durations_print_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        ts_time length;
        const char *want;
    } rows[] = {{0, "0s"},
                {200 * TS_MS, "200ms"},
                {90 * 60 * TS_S, "1h30m"},
                {1500 * TS_MS, "1s500ms"},
                {-TS_S, "-1s"}};
    char text[32];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        assert_string_equal(ts_duration_print(rows[i].length, text, sizeof text), rows[i].want);
    assert_string_equal(ts_time_print(1764061844032 * TS_MS, text, sizeof text),
                        "2025-11-25T09:10:44.032Z");
}

static const struct utf8_row {
    const char *text;
    size_t valid;
    const char *repaired; /* ? stands for U+FFFD */
} utf8_rows[] = {
    {"plain ascii text, longer than eight", 35, "plain ascii text, longer than eight"},
    {"\xC3\xA9", 2, "\xC3\xA9"},
    {"\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80"},
    {"\xED\x9F\xBF", 3, "\xED\x9F\xBF"},
    {"a\xC0\x80z", 1, "a??z"},       /* overlong */
    {"\xE0\x80\x80", 0, "???"},      /* overlong */
    {"\xED\xA0\x80", 0, "???"},      /* surrogate */
    {"\xF4\x90\x80\x80", 0, "????"}, /* above U+10FFFF */
    {"\xE2\x82", 0, "?"},            /* cut: one replacement for the piece */
    {"\xE2\x82z", 0, "?z"},
    {"\xFF", 0, "?"},
    {"12345678\x80", 8, "12345678?"},
};

static void utf8_follows_unicode(void **state)
{
    (void)state;
    for (size_t i = 0; i < TS_COUNT(utf8_rows); i++) {
        const struct utf8_row *row = &utf8_rows[i];
        struct ts_buf out = TS_BUF_INIT;
        struct ts_buf want = TS_BUF_INIT;
        for (const char *c = row->repaired; *c; c++)
            *c == '?' ? ts_buf_add_str(&want, "\xEF\xBF\xBD") : ts_buf_add_byte(&want, (uint8_t)*c);
        assert_int_equal(ts_utf8_valid_prefix(ts_view_str(row->text)), row->valid);
        ts_utf8_append_repaired(&out, ts_view_str(row->text));
        assert_string_equal(ts_buf_cstr(&out), ts_buf_cstr(&want));
        assert_true(ts_utf8_valid(ts_buf_view(&out)));
        ts_buf_release(&out);
        ts_buf_release(&want);
    }
    assert_int_equal(ts_utf8_length(TS_LIT("a\xC3\xA9\xFF")), 3);
    assert_view_is(ts_utf8_prefix(TS_LIT("a\xC3\xA9z"), 2), "a\xC3\xA9");
}

static void drop(void *arg)
{
    ++*(int *)arg;
}

static void payloads_are_dropped_once_by_the_last(void **state)
{
    (void)state;
    int dropped = 0;
    struct ts_payload *p = ts_payload_new(TS_LIT("x"), drop, &dropped);
    ts_payload_ref(p);
    ts_payload_unref(p);
    assert_int_equal(dropped, 0);
    assert_view_is(ts_payload_view(p), "x");
    ts_payload_unref(p);
    assert_int_equal(dropped, 1);
    ts_payload_unref(NULL);
}

static void random_numbers_fill_zero_to_one(void **state)
{
    (void)state;
    enum { DRAWS = 4096, PARTS = 16 };
    bool seen[PARTS] = {false};
    for (int i = 0; i < DRAWS; i++) {
        double x = ts_random();
        assert_true(x >= 0 && x < 1);
        seen[(size_t)(x * PARTS)] = true;
    }
    for (int i = 0; i < PARTS; i++) /* missed by chance once in 10^113 runs */
        assert_true(seen[i]);
}

static void processes_draw_different_numbers(void **state)
{
    (void)state;
    double drawn[2];
    for (int i = 0; i < 2; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            double x = ts_random();
            _exit(write(ends[1], &x, sizeof x) != (ssize_t)sizeof x);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(read(ends[0], &drawn[i], sizeof drawn[i]), sizeof drawn[i]);
        close(ends[0]);
        close(ends[1]);
    }
    assert_true(drawn[0] != drawn[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_cut_trim_and_find),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(buffers_stop_at_their_limit),
        cmocka_unit_test(files_are_read_up_to_the_limit),
        cmocka_unit_test(arenas_keep_and_end),
        cmocka_unit_test(errors_are_one_line),
        cmocka_unit_test(durations_print_as_they_are_written),
        cmocka_unit_test(utf8_follows_unicode),
        cmocka_unit_test(payloads_are_dropped_once_by_the_last),
        cmocka_unit_test(random_numbers_fill_zero_to_one),
        cmocka_unit_test(processes_draw_different_numbers),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
