/* Recorded log probabilities as servers write them. */
#include "testing.h"

#include "llm/logprobs.h"

#include <math.h>

static cJSON *parsed(const char *text)
{
    struct ts_err err = {0};
    cJSON *tree = ts_json_parse(ts_view_str(text), NULL, &err);
    assert_non_null(tree);
    return tree;
}

static void tokens_come_in_their_order(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    cJSON *tree = parsed("[{\"token\":\"Yes\",\"logprob\":-0.5},{\"token\":\"!\",\"logprob\":0}]");
    struct ts_logprob *p = NULL;
    size_t count = 9;
    assert_true(ts_logprobs_read(arena, tree, TS_UNTOLD_LEFT_OUT, &p, &count));
    assert_int_equal(count, 2);
    assert_view_is(p[0].token, "Yes");
    assert_true(p[0].logprob == -0.5);
    assert_view_is(p[1].token, "!");
    assert_true(p[1].logprob == 0);
    cJSON_Delete(tree);
    ts_arena_free(arena);
}

static const char untold[] =
    "[{\"token\":\"a\",\"logprob\":null},{\"token\":\"b\",\"logprob\":\"high\"},7,"
    "{\"token\":\"c\",\"logprob\":-1},{\"logprob\":\"-Infinity\"}]";

static void the_untold_is_left_out(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    cJSON *tree = parsed(untold);
    struct ts_logprob *p = NULL;
    size_t count = 0;
    assert_true(ts_logprobs_read(arena, tree, TS_UNTOLD_LEFT_OUT, &p, &count));
    assert_int_equal(count, 2);
    assert_view_is(p[0].token, "c");
    assert_view_is(p[1].token, "");
    assert_true(isinf(p[1].logprob));
    cJSON_Delete(tree);
    ts_arena_free(arena);
}

static void or_it_is_kept_as_nan(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    cJSON *tree = parsed(untold);
    struct ts_logprob *p = NULL;
    size_t count = 0;
    assert_true(ts_logprobs_read(arena, tree, TS_UNTOLD_NAN, &p, &count));
    assert_int_equal(count, 5);
    assert_true(isnan(p[0].logprob) && isnan(p[1].logprob) && isnan(p[2].logprob));
    assert_true(p[3].logprob == -1);
    assert_true(isnan(ts_logprob_of(tree->child)));
    cJSON_Delete(tree);
    ts_arena_free(arena);
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    cJSON *tree = parsed("[]");
    struct ts_logprob *p = NULL;
    size_t count = 9;
    assert_true(ts_logprobs_read(arena, tree, TS_UNTOLD_LEFT_OUT, &p, &count));
    assert_int_equal(count, 0);
    cJSON_Delete(tree);
    ts_arena_free(arena);
}

static void what_is_no_list_touches_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"null", "{}", "\"x\"", "{\"token\":\"a\",\"logprob\":-1}"};
    struct ts_arena *arena = ts_arena_new();
    struct ts_logprob *p = NULL;
    size_t count = 9;
    for (size_t i = 0; i < TS_COUNT(texts); i++) {
        cJSON *tree = parsed(texts[i]);
        assert_false(ts_logprobs_read(arena, tree, TS_UNTOLD_NAN, &p, &count));
        cJSON_Delete(tree);
    }
    assert_false(ts_logprobs_read(arena, NULL, TS_UNTOLD_NAN, &p, &count));
    assert_null(p);
    assert_int_equal(count, 9);
    ts_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_in_their_order),
        cmocka_unit_test(the_untold_is_left_out),
        cmocka_unit_test(or_it_is_kept_as_nan),
        cmocka_unit_test(an_empty_list_is_a_list),
        cmocka_unit_test(what_is_no_list_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
