/* Rules: which one decides for a span, which traces are in a sample, what is refused. */
#include "testing.h"

#include "pipeline/assess/rules.h"
#include "wire/encode.h"
#include "wire/otlp.h"

static void load(struct ts_arena *arena, const char *yaml, struct ts_blocks *out)
{
    static const struct ts_setting table[] = {
        {.key = "rules",
         .kind = TS_BLOCKS,
         .offset = 0,
         .sub = ts_rule_table,
         .size = sizeof(struct ts_rule)},
        {0},
    };
    struct ts_err err = {0};
    struct ts_node *node = ts_node_parse(arena, "f", ts_view_str(yaml), &err);
    if (!node || !ts_settings_load(arena, table, node, "t", out, &err))
        fail_msg("%s", err.what);
}

/* A span and its resource with attributes of every kind that a rule may ask for. */
struct encoded {
    struct ts_buf resource, span;
};

static void put_list(struct ts_buf *out, const char *key, const char *item)
{
    struct ts_buf any = TS_BUF_INIT;
    struct ts_buf list = TS_BUF_INIT;
    struct ts_buf array = TS_BUF_INIT;
    struct ts_buf pair = TS_BUF_INIT;
    ts_put_bytes(&any, TS_ANY_STRING, ts_view_str(item));
    ts_put_bytes(&list, TS_LIST_VALUES, ts_buf_view(&any));
    ts_put_bytes(&array, TS_ANY_ARRAY, ts_buf_view(&list));
    ts_put_bytes(&pair, TS_KV_KEY, ts_view_str(key));
    ts_put_bytes(&pair, TS_KV_VALUE, ts_buf_view(&array));
    ts_put_bytes(out, TS_SPAN_ATTRIBUTES, ts_buf_view(&pair));
    ts_buf_release(&any);
    ts_buf_release(&list);
    ts_buf_release(&array);
    ts_buf_release(&pair);
}

static void encode(struct encoded *e)
{
    *e = (struct encoded){TS_BUF_INIT, TS_BUF_INIT};
    ts_put_attr_text(&e->resource, TS_RESOURCE_ATTRIBUTES, TS_LIT("env"), TS_LIT("prod"));
    ts_put_attr_text(&e->resource, TS_RESOURCE_ATTRIBUTES, TS_LIT("tenant"), TS_LIT("outer"));
    ts_put_attr_text(&e->span, TS_SPAN_ATTRIBUTES, TS_LIT("tenant"), TS_LIT("acme"));
    ts_put_attr_int(&e->span, TS_SPAN_ATTRIBUTES, TS_LIT("n"), 42);
    ts_put_attr_double(&e->span, TS_SPAN_ATTRIBUTES, TS_LIT("temperature"), 0.7);
    put_list(&e->span, "tags", "beta");
}

static const struct row {
    const char *name, *rules;
    int want; /* index of the rule; -1: none */
} rows[] = {
    {"no rule", "rules: []", -1},
    {"a rule without conditions", "rules: [{score: false}]", 0},
    {"the first that fits", "rules: [{model: x}, {model: gpt-*}, {score: false}]", 1},
    {"a service", "rules: [{service: shop}]", 0},
    {"a pattern", "rules: [{service: 's?o*'}]", 0},
    {"case counts", "rules: [{service: Shop}]", -1},
    {"one of several", "rules: [{service: [a, shop]}]", 0},
    {"a scope", "rules: [{scope: 'openinference.*'}]", 0},
    {"a provider", "rules: [{provider: openai}]", 0},
    {"another provider", "rules: [{provider: anthropic}]", -1},
    {"all conditions must hold", "rules: [{service: shop, model: other}]", -1},
    {"the span's attribute", "rules: [{attributes: {tenant: acme}}]", 0},
    {"not the resource's of the same name", "rules: [{attributes: {tenant: outer}}]", -1},
    {"the resource's attribute", "rules: [{attributes: {env: prod, tenant: 'a*'}}]", 0},
    {"no such attribute", "rules: [{attributes: {none: '*'}}]", -1},
    {"a whole number", "rules: [{attributes: {n: 42}}]", 0},
    {"a number", "rules: [{attributes: {temperature: 0.7}}]", 0},
    {"an item of a list", "rules: [{attributes: {tags: beta}}]", 0},
    {"an agent's rule", "rules: [{kind: agent}]", -1},
    {"a rule for both", "rules: [{kind: [agent, llm]}]", 0},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_blocks rules = {0};
    struct encoded e;
    encode(&e);
    load(arena, row->rules, &rules);
    struct ts_llm llm = {.kind = TS_KIND_LLM,
                         .service = TS_LIT("shop"),
                         .scope = TS_LIT("openinference.instrumentation.openai"),
                         .model = TS_LIT("gpt-4o-mini"),
                         .provider = TS_LIT("openai")};
    const struct ts_rule *got =
        ts_rules_match(&rules, arena, &llm, ts_buf_view(&e.resource), ts_buf_view(&e.span));
    int index = got ? (int)(got - (const struct ts_rule *)rules.items) : -1;
    assert_int_equal(index, row->want);
    ts_buf_release(&e.resource);
    ts_buf_release(&e.span);
    ts_arena_free(arena);
}

static void other_kinds_are_scored_when_a_rule_names_them(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_blocks rules = {0};
    struct ts_llm agent = {.kind = TS_KIND_AGENT};
    load(arena, "rules: [{service: '*'}, {kind: agent}]", &rules);
    assert_int_equal(ts_rules_kinds(&rules), 1 << TS_KIND_LLM | 1 << TS_KIND_AGENT);
    assert_ptr_equal(ts_rules_match(&rules, arena, &agent, TS_NOTHING, TS_NOTHING),
                     (const struct ts_rule *)rules.items + 1);
    load(arena, "rules: []", &rules);
    assert_int_equal(ts_rules_kinds(&rules), 1 << TS_KIND_LLM);
    ts_arena_free(arena);
}

/* The last seven bytes count, as a fraction: 0x80… is one half. */
static void a_sample_is_taken_by_trace_id(void **state)
{
    (void)state;
    static const struct {
        uint8_t id[16];
        double rate;
        bool in;
    } ids[] = {
        {{0xff, [9] = 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0.5, false},
        {{0x00, [9] = 0x80}, 0.5, true},
        {{0x00, [9] = 0xe6}, 0.1, false},
        {{0x00, [9] = 0xe7}, 0.1, true},
        {{0x00, [9] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, false},
        {{0}, 1, true},
    };
    for (size_t i = 0; i < TS_COUNT(ids); i++) {
        struct ts_rule rule = {.sample_rate = ids[i].rate};
        if (ts_rule_samples(&rule, ts_view_of(ids[i].id, 16)) != ids[i].in)
            fail_msg("row %zu", i);
    }
}

static void what_says_nothing_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *where, *what;
    } bad[] = {
        {"rules: [{}, {kind: span}]", "rules[1]::kind", "'span' is none of llm, agent, chain"},
        {"rules: [{score: false, preset: high}]", "rules[0]::score", "take them out"},
        {"rules: [{score: false, hold: 0s}]", "rules[0]::score", "take them out"},
    };
    for (size_t i = 0; i < TS_COUNT(bad); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_blocks rules = {0};
        struct ts_err err = {0};
        load(arena, bad[i].yaml, &rules);
        assert_false(ts_rules_check(&rules, &err));
        assert_string_equal(err.where, bad[i].where);
        assert_non_null(strstr(err.what, bad[i].what));
        ts_arena_free(arena);
    }
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 3] = {{0}};
    size_t n = 0;
    for (; n < TS_COUNT(rows); n++)
        tests[n] =
            (struct CMUnitTest){rows[n].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[n]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(other_kinds_are_scored_when_a_rule_names_them);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_sample_is_taken_by_trace_id);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_says_nothing_is_refused);
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
