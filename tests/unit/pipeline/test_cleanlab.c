/* The pure halves of the cleanlab scorer: bodies, rules and answers (tlm-api.md). */
#include "testing.h"

#include "json/json.h"
#include "pipeline/scorer/cleanlab_reply.h"
#include "pipeline/scorer/cleanlab_request.h"
#include "pipeline/scorer/cleanlab_settings.h"

#include <math.h>

static struct ts_cleanlab_config defaults(struct ts_arena *arena, const char *yaml)
{
    struct ts_cleanlab_config c = {0};
    struct ts_err err = {0};
    struct ts_node *node = ts_node_parse(arena, "f", ts_view_str(yaml), &err);
    if (!node || !ts_settings_load(arena, ts_cleanlab_table, node, "s", &c, &err))
        fail_msg("%s", err.what);
    return c;
}

static struct ts_message question = {.role = TS_LIT("user"), .content = TS_LIT("Which metal?")};

static struct ts_llm record(void)
{
    return (struct ts_llm){
        .messages = &question, .message_count = 1, .response = TS_LIT("Gallium.")};
}

static cJSON *body_of(const struct ts_cleanlab_config *c, const struct ts_llm *llm)
{
    struct ts_buf out = TS_BUF_INIT;
    assert_true(ts_cleanlab_fits(llm));
    ts_cleanlab_request(c, ts_cleanlab_endpoint_for(c, llm), llm, 20 * TS_S, &out);
    cJSON *body = ts_json_parse(ts_buf_view(&out), NULL, NULL);
    ts_buf_release(&out);
    assert_non_null(body);
    return body;
}

static void the_plain_request_is_that_of_the_client(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_cleanlab_config c = defaults(arena, "api_key: secret-key\n");
    struct ts_llm llm = record();
    struct ts_logprob p[] = {{TS_LIT("Gallium"), log(0.9)}, {TS_LIT("."), log(0.5)}};
    llm.logprobs = p;
    llm.logprob_count = 2;
    cJSON *body = body_of(&c, &llm);
    assert_view_is(ts_json_text(ts_json_get(body, "prompt")), "Which metal?");
    assert_view_is(ts_json_text(ts_json_path(body, "response.response")), "Gallium.");
    assert_true(fabs(ts_json_path(body, "response.perplexity")->valuedouble - 0.7) < 1e-12);
    assert_view_is(ts_json_text(ts_json_get(body, "quality")), "medium");
    assert_view_is(ts_json_text(ts_json_get(body, "task")), "default");
    assert_view_is(ts_json_text(ts_json_path(body, "options.model")), "gpt-4.1-mini");
    assert_int_equal(ts_json_path(body, "options.max_timeout")->valueint, 20);
    const cJSON *log = ts_json_path(body, "options.log");
    assert_view_is(ts_json_text(cJSON_GetArrayItem(log, 0)), "explanation");
    assert_int_equal(cJSON_GetArraySize(ts_json_get(body, "options")), 3);
    struct ts_buf text = TS_BUF_INIT;
    ts_json_append(&text, body);
    assert_null(strstr(ts_buf_cstr(&text), "secret-key")); /* the key is a header here */
    ts_buf_release(&text);
    cJSON_Delete(body);
    ts_arena_free(arena);
}

static void structured_outputs_go_to_their_own_endpoint(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_cleanlab_config c = defaults(arena, "api_key: k\n");
    struct ts_llm llm = record();
    llm.format_type = TS_FORMAT_JSON_SCHEMA;
    llm.format_schema = TS_LIT("{\"type\":\"object\"}");
    assert_int_equal(ts_cleanlab_endpoint_for(&c, &llm), TS_CLEANLAB_STRUCTURED);
    cJSON *body = body_of(&c, &llm);
    assert_view_is(ts_json_text(ts_json_get(body, "quality_preset")), "medium");
    assert_view_is(ts_json_text(ts_json_get(body, "model")), "gpt-4.1-mini");
    assert_view_is(ts_json_text(cJSON_GetArrayItem(ts_json_get(body, "log"), 0)),
                   "per_field_score");
    cJSON_Delete(body);
    ts_arena_free(arena);
}

static void what_is_too_long_is_not_sent(void **state)
{
    (void)state;
    struct ts_llm llm = record();
    size_t len = 15001 * 4 + 4;
    uint8_t *text = ts_alloc(len);
    memset(text, 'x', len);
    llm.response = ts_view_of(text, len);
    assert_false(ts_cleanlab_fits(&llm));
    llm.response.len = 15000 * 4;
    assert_true(ts_cleanlab_fits(&llm));
    free(text);
}

static void retrieval_is_judged_only_with_a_query(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_cleanlab_config c =
        defaults(arena, "{api_key: k, evals: [{name: a, criteria: b, query_identifier: Q}]}");
    struct ts_document document = {.content = TS_LIT("text")};
    struct ts_llm llm = record();
    llm.documents = &document;
    llm.document_count = 1;
    assert_int_equal(ts_cleanlab_endpoint_for(&c, &llm), TS_CLEANLAB_RAG);
    struct ts_message system = {.role = TS_LIT("system"), .content = TS_LIT("x")};
    llm.messages = &system;
    assert_int_equal(ts_cleanlab_endpoint_for(&c, &llm), TS_CLEANLAB_SCORE);
    ts_arena_free(arena);
}

/* Settings that differ in one thing that changes a score must not share cached scores. */
static void every_setting_that_matters_is_in_the_identity(void **state)
{
    (void)state;
    static const char *const yamls[] = {"{}",
                                        "base_url: http://x",
                                        "quality: best",
                                        "task: classification",
                                        "model: m",
                                        "max_tokens: 100",
                                        "num_consistency_samples: 1",
                                        "num_self_reflections: 1",
                                        "similarity_measure: code",
                                        "reasoning_effort: low",
                                        "explain: false",
                                        "constrain_outputs: [a b]",
                                        "constrain_outputs: [a, b]",
                                        "disable_trustworthiness: true",
                                        "custom_eval_criteria: [{name: a, criteria: b}]",
                                        "evals: [{name: a, criteria: b}]",
                                        "evals: [{name: a, criteria: c}]"};
    struct ts_buf seen[TS_COUNT(yamls)];
    struct ts_arena *arena = ts_arena_new();
    for (size_t i = 0; i < TS_COUNT(yamls); i++) {
        struct ts_cleanlab_config c = defaults(arena, yamls[i]);
        seen[i] = TS_BUF_INIT;
        ts_cleanlab_identity(&c, &seen[i]);
        for (size_t k = 0; k < i; k++)
            if (ts_view_eq(ts_buf_view(&seen[i]), ts_buf_view(&seen[k])))
                fail_msg("%s and %s look the same", yamls[i], yamls[k]);
    }
    for (size_t i = 0; i < TS_COUNT(yamls); i++)
        ts_buf_release(&seen[i]);
    ts_arena_free(arena);
}

static void explanations_are_asked_for_where_the_service_allows(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        bool rag, allowed;
    } rows[] = {
        /* tlm-api.md 4.3, a row a rule */
        {"disable_trustworthiness: true", false, false},
        {"{num_consistency_samples: 0, num_self_reflections: 0}", false, false},
        {"{num_consistency_samples: 2, quality: base}", false, true},
        {"{reasoning_effort: low, quality: base}", false, true},
        {"{num_consistency_samples: 0, reasoning_effort: none}", false, false},
        {"model: o3-mini", false, false},
        {"quality: low", false, false},
        {"{quality: medium, reasoning_effort: none}", false, false},
        {"{quality: medium, num_self_reflections: 0}", false, false},
        {"quality: medium", false, true},
        {"quality: high", false, true},
        {"quality: medium", true, false},
        {"quality: high", true, true},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_cleanlab_config c = defaults(arena, rows[i].yaml);
        if (ts_cleanlab_can_log_explanation(&c, rows[i].rag) != rows[i].allowed)
            fail_msg("row %zu: %s", i, rows[i].yaml);
        ts_arena_free(arena);
    }
}

static void rules_across_settings_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"api_key: ''", "api_key is missing"},
        {"{api_key: k, task: classification}", "needs constrain_outputs"},
        {"{api_key: k, task: code_generation, constrain_outputs: [a]}", "does not go with"},
        {"{api_key: k, disable_trustworthiness: true}", "nothing is left to score"},
        {"{api_key: k, custom_eval_criteria: [{name: x}]}", "needs name and criteria"},
        {"{api_key: k, evals: [{name: response, criteria: c, query_identifier: Q}]}",
         "may not name an eval"},
        {"{api_key: k, evals: [{name: tone, criteria: c}]}", "'tone' reads nothing"},
        {"{api_key: k, reasoning_effort: hihg}", "'hihg' is none of none, low"},
        {"{api_key: k, similarity_measure: jaccard}", "'jaccard' is none of semantic"},
        {"{api_key: k, max_tokens: 12}", "12 is too few"},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_cleanlab_config c = defaults(arena, rows[i].yaml);
        struct ts_err err = {0};
        assert_false(ts_cleanlab_check(&c, &err));
        if (!strstr(err.what, rows[i].says))
            fail_msg("'%s' does not say '%s'", err.what, rows[i].says);
        ts_arena_free(arena);
    }
}

static const struct reply_row {
    const char *name;
    int status;
    const char *body;
    enum ts_api_outcome outcome;
    double score; /* < 0: none */
    const char *says;
} replies[] = {
    {"a score", 200, "{\"confidence_score\":0.25,\"log\":{\"explanation\":\"why\"}}", TS_API_OK,
     0.25, NULL},
    {"zero", 200, "{\"confidence_score\":0}", TS_API_OK, 0, NULL},
    {"one", 200, "{\"confidence_score\":1.0,\"deberta_success\":false}", TS_API_PARTIAL, 1, NULL},
    {"null", 200, "{\"confidence_score\":null}", TS_API_OK, -1, NULL},
    {"missing", 200, "{}", TS_API_RETRY, -1, "without a score"},
    {"above one", 200, "{\"confidence_score\":1.7}", TS_API_FINAL, -1, "'1.7', which is outside"},
    {"below zero", 200, "{\"confidence_score\":-0.1}", TS_API_FINAL, -1, "outside 0"},
    {"huge", 200, "{\"confidence_score\":1e308}", TS_API_FINAL, -1, "outside 0"},
    {"a word", 200, "{\"confidence_score\":\"high\"}", TS_API_FINAL, -1, "outside 0"},
    {"a list", 200, "[]", TS_API_RETRY, -1, "without a score"},
    {"HTML", 200, "<html>", TS_API_RETRY, -1, "not JSON"},
    {"nothing", 200, "", TS_API_RETRY, -1, "not JSON"},
    {"wrong key", 401, "{\"code\":\"invalid_api_key\"}", TS_API_FINAL, -1,
     "check CLEANLAB_TLM_API_KEY"},
    {"another 401", 401, "{}", TS_API_FINAL, -1, "answered 401"},
    {"bad request", 400, "{\"error\":\"no quality\"}", TS_API_FINAL, -1,
     "answered 400: the request was refused"},
    {"too long", 422, "{\"error\":\"Prompt length exceeds\"}", TS_API_FINAL, -1, "length exceeds"},
    {"rate limit", 429, "{}", TS_API_RATE_LIMITED, -1, "429"},
    {"server error", 500, "{\"error\":\"x\"}", TS_API_RETRY, -1, "500"},
    {"overload", 503, "", TS_API_OVERLOADED, -1, "503"},
    {"gateway", 502, "<html>", TS_API_RETRY, -1, "502"},
};

static void check_reply(void **state)
{
    const struct reply_row *row = *state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_score score = {0};
    struct ts_err err = {0};
    assert_int_equal(ts_cleanlab_reply(TS_CLEANLAB_SCORE, row->status, ts_view_str(row->body),
                                       arena, &score, &err),
                     row->outcome);
    assert_int_equal(score.has_score, row->score >= 0);
    if (row->score >= 0)
        assert_true(score.score == row->score);
    if (row->says && !strstr(err.what, row->says))
        fail_msg("'%s' does not say '%s'", err.what, row->says);
    ts_arena_free(arena);
}

static void evaluations_and_fields_are_read(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_score score = {0};
    struct ts_err err = {0};
    ts_cleanlab_reply(TS_CLEANLAB_RAG, 200,
                      TS_LIT("{\"trustworthiness\":{\"score\":0.5,\"log\":{\"explanation\":\"e\"}},"
                             "\"groundedness\":{\"score\":0.75},\"ease\":{\"score\":null}}"),
                      arena, &score, &err);
    assert_true(score.score == 0.5);
    assert_view_is(score.explanation, "e");
    assert_int_equal(score.eval_count, 1);
    assert_string_equal(score.evals[0].name, "groundedness");
    score = (struct ts_score){0};
    ts_cleanlab_reply(TS_CLEANLAB_STRUCTURED, 200,
                      TS_LIT("{\"trustworthiness_score\":0.7,\"log\":{\"per_field_score\":"
                             "{\"line\":{\"score\":0.9}}}}"),
                      arena, &score, &err);
    assert_true(score.score == 0.7);
    assert_view_is(score.fields, "{\"line\":{\"score\":0.9}}");
    score = (struct ts_score){0};
    ts_cleanlab_reply(TS_CLEANLAB_STRUCTURED, 200,
                      TS_LIT("{\"trustworthiness_score\":0.7,\"log\":{\"per_field_score\":"
                             "{\"error\":\"too many fields\"}}}"),
                      arena, &score, &err);
    assert_int_equal(score.fields.len, 0);
    ts_arena_free(arena);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(replies) + 8];
    for (size_t i = 0; i < TS_COUNT(replies); i++)
        tests[i] = (struct CMUnitTest){replies[i].name, check_reply, NULL, NULL,
                                       (void *)(uintptr_t)&replies[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(the_plain_request_is_that_of_the_client),
        cmocka_unit_test(structured_outputs_go_to_their_own_endpoint),
        cmocka_unit_test(what_is_too_long_is_not_sent),
        cmocka_unit_test(explanations_are_asked_for_where_the_service_allows),
        cmocka_unit_test(rules_across_settings_are_checked),
        cmocka_unit_test(retrieval_is_judged_only_with_a_query),
        cmocka_unit_test(every_setting_that_matters_is_in_the_identity),
        cmocka_unit_test(evaluations_and_fields_are_read),
    };
    memcpy(tests + TS_COUNT(replies), more, sizeof more);
    return cmocka_run_group_tests_name("cleanlab", tests, NULL, NULL);
}
