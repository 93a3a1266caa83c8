/* The record of every fixture span, field by field, as the README beside the fixtures says; and what
 * extraction makes of spans that nobody should write. */
#include "testing.h"

#include "llm/trace.h"
#include "records.h"
#include "wire/encode.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <stdio.h>

/* The whole request is one trace store: all spans are noted, then each is resolved (§14). */
struct reading {
    struct ts_traces *traces;
    bool resolving;
    cJSON *spans;
};

static void read_span(void *arg, const struct ts_span_at *at)
{
    struct reading *r = arg;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    struct ts_buf text = TS_BUF_INIT;
    char id[64] = "";
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    if (r->resolving) {
        ts_traces_resolve(r->traces, arena, &llm);
        assert_true(ts_llm_print(&llm, &text));
        for (size_t i = 0; i < llm.span_id.len && i < 16; i++)
            sprintf(id + 2 * i, "%02x", llm.span_id.ptr[i]);
        cJSON *record = ts_json_parse(ts_buf_view(&text), NULL, NULL);
        assert_non_null(record);
        cJSON_AddItemToObject(r->spans, id, record);
    } else {
        ts_traces_note(r->traces, &llm, true);
    }
    ts_buf_release(&text);
    ts_arena_free(arena);
}

static cJSON *load_json(const char *name, const char *ending, struct ts_buf *text)
{
    char path[512];
    struct ts_err err = {0};
    snprintf(path, sizeof path, TS_FIXTURES "/dialects/%s%s", name, ending);
    ts_buf_clear(text);
    if (!ts_buf_read_file(text, path, &err))
        fail_msg("%s", err.what);
    cJSON *tree = ts_json_parse(ts_buf_view(text), NULL, &err);
    if (!tree)
        fail_msg("%s: %s", path, err.what);
    return tree;
}

static void check_fixture(void **state)
{
    const char *name = *state;
    struct ts_buf text = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    struct ts_err err = {0};
    struct ts_scan scan;
    struct reading r = {.traces = ts_traces_new(64 << 20, 300 * TS_S),
                        .spans = cJSON_CreateObject()};
    cJSON_Delete(load_json(name, ".json", &text));
    assert_true(ts_otlp_from_json(ts_buf_view(&text), &request, &err));
    assert_true(ts_scan(ts_buf_view(&request), true, read_span, &r, &scan, &err));
    r.resolving = true;
    assert_true(ts_scan(ts_buf_view(&request), true, read_span, &r, &scan, &err));
    ts_traces_free(r.traces);
    cJSON *expected = load_json(name, ".expected.json", &text);
    const cJSON *wanted = ts_json_get(expected, "spans");
    assert_int_equal(cJSON_GetArraySize(r.spans), cJSON_GetArraySize(wanted));
    const cJSON *span;
    int bad = 0;
    cJSON_ArrayForEach(span, wanted) bad +=
        compare(span->string, span, ts_json_get(r.spans, span->string)) > 0;
    print_message("%-20s %2d spans, %2d passed\n", name, cJSON_GetArraySize(wanted),
                  cJSON_GetArraySize(wanted) - bad);
    assert_int_equal(bad, 0);
    cJSON_Delete(expected);
    cJSON_Delete(r.spans);
    ts_buf_release(&request);
    ts_buf_release(&text);
}

/* ---- hostile spans ---- */

static const char *const keys[] = {
    "openinference.span.kind",
    "llm.input_messages.0.message.role",
    "llm.input_messages.0.message.content",
    "llm.output_messages.0.message.content",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
    "llm.output_messages.-1.message.content",
    "llm.output_messages.2147483648.message.content",
    "llm.output_messages.99999999999999999999.message.content",
    "llm.output_messages..",
    "llm.tools.0.tool.json_schema",
    "llm.invocation_parameters",
    "llm.prompts",
    "llm.finish_reason",
    "input.value",
    "output.value",
    "llm.token_count.prompt",
    "gen_ai.response.finish_reasons",
    "session.id",
    "retrieval.documents.0.document.score",
    "llm.input_messages.7.message.contents.3",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "ai.prompt.messages",
    "ai.prompt",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.prompt.tools",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.observation.usage_details",
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "request_data",
    "response_data",
    "events",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.llm.model",
    "mlflow.chat.tokenUsage",
    "mlflow.chat.tools",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0.tool_calls.0.arguments",
    "gen_ai.completion.0.content",
    "gen_ai.completion.-3.content",
    "gen_ai.prompt",
    "gen_ai.completion",
    "haystack.component.input",
    "haystack.component.output",
    "genkit:input",
    "genkit:output",
    "traceloop.entity.input",
    "model_request_parameters",
    "llm.request.functions.0.parameters",
};
static const char *const values[] = {
    "LLM",
    "",
    "{",
    "[",
    "{\"choices\":",
    "{\"choices\":[]}",
    "{\"choices\":[{\"message\":3}]}",
    "{\"choices\":[{\"message\":{\"content\":[1,{\"type\":\"text\"}],\"tool_calls\":[{}]}}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d\"}],\"n\":1e400}",
    "NaN",
    "\"\\\"{\\\\\\\"a\\\\\\\":1}\\\"\"",
    "{'a': None}",
    "__REDACTED__",
    "\xff\xfe\xc3",
    "{\"a\":1,\"a\":2}",
    "[[[[[[[[[[]]]]]]]]]]",
    "null",
    "{\"prompt\":[]}",
    "stop",
    "\\u0000",
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"tool_call_response\",\"result\":[{}]},{\"type\":"
    "\"text\"},3,null]}]",
    "{\"contents\":[{\"parts\":[{\"functionCall\":{}},{\"functionResponse\":3}]}]}",
    "{\"candidates\":[{},{\"content\":{\"parts\":[{\"function_response\":{}},{\"function_"
    "response\":{}}]}}]}",
    "{\"messages\":[[{\"lc\":1,\"id\":[\"x\",\"HumanMessage\"],\"kwargs\":{}}]]}",
    "{\"generations\":[[{},{\"message\":{\"content\":[{\"type\":\"tool_result\"},{\"type\":\"tool_"
    "result\"}]}}]]}",
    "{\"output\":[{\"type\":\"message\"},{\"type\":\"function_call_output\"}],\"input\":[{\"type\":"
    "\"function_call\"}]}",
    "{\"replies\":[3],\"choices\":[3]}",
    "[[\"a\"]]",
    "[3,null,{}]",
    "{\"content\":[{\"type\":\"tool_use\"}],\"stop_reason\":3}",
    "{\"message\":\"x\",\"chat_history\":[3,{}]}",
    "[{\"event.name\":\"gen_ai.choice\"},{\"event.name\":\"gen_ai.choice\",\"message\":{"
    "\"content\":[{\"toolResult\":{}}]}}]",
};

static void wrong_types_and_odd_indexes_in_every_place(void **state)
{
    (void)state;
    for (size_t k = 0; k < TS_COUNT(keys); k++)
        for (size_t v = 0; v < TS_COUNT(values) + 3; v++) {
            struct ts_buf span = TS_BUF_INIT;
            ts_view key = ts_view_str(keys[k]);
            ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("openinference.span.kind"),
                             TS_LIT("LLM"));
            for (size_t other = 0; other < TS_COUNT(keys); other++)
                if (other != k)
                    ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, ts_view_str(keys[other]),
                                     ts_view_str(values[(other + v) % TS_COUNT(values)]));
            if (v < TS_COUNT(values))
                ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, key, ts_view_str(values[v]));
            else if (v == TS_COUNT(values))
                ts_put_attr_int(&span, TS_SPAN_ATTRIBUTES, key, INT64_MIN);
            else
                ts_put_attr_double(&span, TS_SPAN_ATTRIBUTES, key, (double)__builtin_nanf(""));
            struct ts_arena *arena = ts_arena_new();
            struct ts_buf text = TS_BUF_INIT;
            struct ts_llm llm;
            ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_buf_view(&span), &llm);
            assert_int_equal(llm.kind, TS_KIND_LLM);
            assert_true(ts_llm_print(&llm, &text));
            cJSON *tree = ts_json_parse(ts_buf_view(&text), NULL, NULL);
            assert_non_null(tree);
            cJSON_Delete(tree);
            ts_buf_release(&text);
            ts_arena_free(arena);
            ts_buf_release(&span);
        }
}

/* Attributes and events without names, values or content: found by tests/fuzz. */
static void spans_of_next_to_nothing(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "",
        "\x4a\x00",                   /* an attribute of nothing */
        "\x4a\x02\x0a\x00",           /* an empty key, no value */
        "\x4a\x03\x0a\x01g",          /* one letter */
        "\x4a\x06\x12\x04\x0a\x02hi", /* a value, no key */
        "\x5a\x00",                   /* an event of nothing */
        "\x5a\x02\x12\x00",           /* an event without a name */
    };
    static const size_t lengths[] = {0, 2, 4, 5, 8, 2, 4};
    for (size_t i = 0; i < TS_COUNT(pieces); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_view_of(pieces[i], lengths[i]), &llm);
        assert_int_equal(llm.kind, TS_KIND_OTHER);
        ts_arena_free(arena);
    }
}

static void deep_and_large_json_is_bounded(void **state)
{
    (void)state;
    enum { DEEP = 10000, LARGE = 50 << 20 };
    struct ts_buf json = TS_BUF_INIT;
    for (int i = 0; i < DEEP; i++)
        ts_buf_add_byte(&json, '[');
    for (int i = 0; i < DEEP; i++)
        ts_buf_add_byte(&json, ']');
    for (int round = 0; round < 2; round++) {
        struct ts_buf span = TS_BUF_INIT;
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("openinference.span.kind"),
                         TS_LIT("LLM"));
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("input.value"), ts_buf_view(&json));
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("output.value"), ts_buf_view(&json));
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_buf_view(&span), &llm);
        assert_int_equal(llm.response.len, json.len); /* text that is no payload stands as it is */
        ts_arena_free(arena);
        ts_buf_release(&span);
        ts_buf_clear(&json);
        ts_buf_add_byte(&json, '"');
        while (json.len < LARGE)
            ts_buf_add_str(&json,
                           "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        /* not closed: no JSON, and not cut either, for it is no object or list */
    }
    ts_buf_release(&json);
}

#define FIXTURE(name)                                                                              \
    {                                                                                              \
        name, check_fixture, NULL, NULL, (void *)(uintptr_t)name                                   \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE("openinference"),
        FIXTURE("openinference_raw"),
        FIXTURE("otel_genai"),
        FIXTURE("otel_genai_events"),
        FIXTURE("otel_genai_legacy"),
        FIXTURE("openllmetry"),
        FIXTURE("vercel_ai"),
        FIXTURE("langfuse"),
        FIXTURE("langsmith"),
        FIXTURE("logfire_pydantic_ai"),
        FIXTURE("mlflow"),
        FIXTURE("strands"),
        FIXTURE("google_adk"),
        FIXTURE("frameworks"),
        FIXTURE("instrumentors"),
        cmocka_unit_test(wrong_types_and_odd_indexes_in_every_place),
        cmocka_unit_test(spans_of_next_to_nothing),
        cmocka_unit_test(deep_and_large_json_is_bounded),
    };
    return cmocka_run_group_tests_name("extract", tests, NULL, NULL);
}
