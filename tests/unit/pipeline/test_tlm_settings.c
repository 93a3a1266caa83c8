/* The tlm scorer's settings: what is refused, what becomes of the rest, what tokens cost. */
#include "testing.h"

#include "pipeline/scorer/tlm_body.h"
#include "pipeline/scorer/tlm_price.h"
#include "pipeline/scorer/tlm_settings.h"

#include <math.h>

static struct ts_tlm_config load(struct ts_arena *arena, const char *yaml)
{
    struct ts_tlm_config c = {0};
    struct ts_err err = {0};
    struct ts_node *node = ts_node_parse(arena, "f", ts_view_str(yaml), &err);
    if (!node || !ts_settings_load(arena, ts_tlm_table, node, "s", &c, &err))
        fail_msg("%s", err.what);
    return c;
}

static void rules_across_settings_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"{api_key: '', base_url: 'https://api.openai.com/v1'}", "api_key is missing"},
        {"{api_key: k, base_url: 'localhost:11434'}", "'localhost:11434' is no URL"},
        {"{api_key: k, model: ''}", "model is empty"},
        {"{api_key: k, body: [1]}", "body must be a map"},
        {"{api_key: k, evals: x}", "evals must be a list"},
        {"{api_key: k, evals: [{name: 'a b', criteria: c, query_identifier: Q}]}", "'a b' is none"},
        {"{api_key: k, evals: [{name: a, query_identifier: Q}]}", "'a' needs criteria"},
        {"{api_key: k, evals: [{name: a, criteria: c}]}", "at least one of"},
        {"{api_key: k, evals: [{name: a, criteria: c, query_id: Q}]}", "'query_id' is no key"},
        {"{api_key: k, evals: [{name: a, criteria: c, query_identifier: Q}, {name: a, criteria: d, "
         "query_identifier: Q}]}",
         "two named 'a'"},
        {"{api_key: k, prices: {m: 3}}", "'m' must be [input, output]"},
        {"{api_key: k, prices: {m: [1, x]}}", "'m' must be [input, output]"},
        {"{api_key: k, prices: {m: [1, 2, 3]}}", "'m' must be [input, output]"},
        {"{api_key: k, prices: {m: [-1, 2]}}", "'m' must be [input, output]"},
        {"{api_key: k, prices: {m: [inf, 2]}}", "'m' must be [input, output]"},
        {"{api_key: k, prices: {gpt-4o: [x, y]}}", "'gpt-4o' must be [input, output]"},
        {"{api_key: k, prices: 5}", "prices must be a map"},
        {"{api_key: k, prices: [1, 2]}", "prices must be a map"},
        {"{api_key: k, max_tokens: 15}", "max_tokens 15 is too few"},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_tlm_config c = load(arena, rows[i].yaml);
        struct ts_err err = {0};
        if (ts_tlm_check(&c, &err))
            fail_msg("%s is accepted", rows[i].yaml);
        if (!strstr(err.what, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.what, rows[i].says);
        ts_arena_free(arena);
    }
}

static void a_server_without_a_key_is_fine(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_config c = load(arena, "{api_key: '', base_url: 'http://localhost:11434/v1'}");
    struct ts_err err = {0};
    assert_true(ts_tlm_check(&c, &err));
    ts_arena_free(arena);
}

static void options_are_those_of_the_algorithm(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options o;
    struct ts_tlm_config c = load(arena, "{}");
    ts_tlm_options_of(arena, &c, &o);
    assert_int_equal(o.compat, TS_TLM_RECOMMENDED);
    assert_int_equal(o.preset, TS_TLM_MEDIUM);
    assert_int_equal(o.effort, TS_TLM_LOW_EFFORT); /* or there were nothing to explain with */
    assert_int_equal(o.measure, TS_TLM_UNSET);
    assert_int_equal(o.reflections, TS_TLM_UNSET);
    assert_int_equal(o.samples, TS_TLM_UNSET);
    assert_int_equal(o.prompt_evaluation, TS_TLM_UNSET);
    assert_false(o.has_evals);
    c = load(arena, "{preset: best, compat: reference, similarity_measure: code, evals: [], "
                    "prompt_evaluation: off, num_consistency_samples: 3, num_self_reflections: 1, "
                    "constrain_outputs: [a, b]}");
    ts_tlm_options_of(arena, &c, &o);
    assert_int_equal(o.compat, TS_TLM_REFERENCE);
    assert_int_equal(o.preset, TS_TLM_BEST);
    assert_int_equal(o.effort, TS_TLM_UNSET);
    assert_int_equal(o.measure, TS_TLM_CODE);
    assert_int_equal(o.samples, 3);
    assert_int_equal(o.reflections, 1);
    assert_int_equal(o.prompt_evaluation, 0);
    assert_true(o.has_evals && o.eval_count == 0);
    assert_true(o.label_count == 2);
    assert_view_is(o.labels[1], "b");
    c = load(arena, "preset: low");
    ts_tlm_options_of(arena, &c, &o);
    assert_int_equal(o.effort, TS_TLM_UNSET);
    ts_arena_free(arena);
}

static void further_parameters_keep_their_types(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_config c = load(
        arena, "body: {seed: 7, user: '7', stop: [a, \"b\"], deep: {on: true, off: null}, x: nan}");
    assert_view_is(ts_tlm_extra_body(arena, c.body),
                   "\"seed\":7,\"user\":\"7\",\"stop\":[\"a\",\"b\"],"
                   "\"deep\":{\"on\":true,\"off\":null},\"x\":\"nan\"");
    assert_int_equal(ts_tlm_extra_body(arena, NULL).len, 0);
    ts_arena_free(arena);
}

static void prices_are_found_with_and_without_a_date(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_price p;
    struct ts_tlm_config c = load(arena, "prices: {mine: [1.5, 2], gpt-4o: [0, 0]}");
    assert_true(ts_price_find(NULL, TS_LIT("gpt-4.1-mini"), &p) && p.input == .4 &&
                p.output == 1.6);
    assert_true(ts_price_find(NULL, TS_LIT("gpt-4.1-mini-2025-04-14"), &p) && p.input == .4);
    assert_true(ts_price_find(NULL, TS_LIT("claude-sonnet-4-20250514"), &p) && p.output == 15);
    assert_true(ts_price_find(c.prices, TS_LIT("mine"), &p) && p.input == 1.5 && p.output == 2);
    assert_true(ts_price_find(c.prices, TS_LIT("gpt-4o-2024-08-06"), &p) && p.input == 0);
    assert_false(ts_price_find(c.prices, TS_LIT("qwen3"), &p));
    assert_false(ts_price_find(NULL, TS_LIT("2024-08-06"), &p));
    assert_false(ts_price_find(NULL, TS_NOTHING, &p));
    ts_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_across_settings_are_checked),
        cmocka_unit_test(a_server_without_a_key_is_fine),
        cmocka_unit_test(options_are_those_of_the_algorithm),
        cmocka_unit_test(further_parameters_keep_their_types),
        cmocka_unit_test(prices_are_found_with_and_without_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
