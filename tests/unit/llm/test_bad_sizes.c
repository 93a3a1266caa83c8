/* Spans that are large, deep, or many in every way: each is read in time that grows with its bytes, or is bounded
 * by a limit, and what comes out is what is in them. No time is asserted: what is quadratic takes minutes here,
 * and shows. */
#include "testing.h"

#include "llm/flatten.h"
#include "llm/trace.h"
#include "records.h"
#include "span_lines.h"

#include <stdio.h>

enum { MANY = 100000, LARGE = 50 << 20 };

static void put(struct ts_buf *span, const char *key, ts_view text)
{
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, ts_view_str(key), text);
}

static void put_numbered(struct ts_buf *span, const char *before, int i, const char *after,
                         const char *text)
{
    char key[160];
    snprintf(key, sizeof key, "%s%d%s", before, i, after);
    put(span, key, ts_view_str(text));
}

/* `before`, MANY times `each` with a comma between, `after`. */
static void put_list(struct ts_buf *out, const char *before, const char *each, const char *after)
{
    ts_buf_add_str(out, before);
    for (int i = 0; i < MANY; i++) {
        if (i > 0)
            ts_buf_add_byte(out, ',');
        ts_buf_printf(out, each, i);
    }
    ts_buf_add_str(out, after);
}

static void start(struct ts_buf *span)
{
    ts_put_bytes(span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
    ts_put_bytes(span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
    put(span, "openinference.span.kind", TS_LIT("LLM"));
}

/* ---- what is large ---- */

struct seen {
    size_t messages, calls, choices, documents, prompt_bytes, response_bytes, tools;
    const char *skip, *response; /* NULL: not looked at */
};

static const struct large {
    const char *name;
    void (*make)(struct ts_buf *span);
    struct seen want;
} rows[];

static void many_attributes(struct ts_buf *span)
{
    for (int i = 0; i < MANY; i++)
        put_numbered(span, "my.attribute.", i, "", "x");
    put(span, "input.value", TS_LIT("Q?"));
    put(span, "output.value", TS_LIT("A."));
}

static void many_flattened(struct ts_buf *span)
{
    for (int i = MANY; i-- > 0;) { /* last first */
        put_numbered(span, "llm.input_messages.", i, ".message.role", i % 2 ? "assistant" : "user");
        put_numbered(span, "llm.input_messages.", i, ".message.content", "Q?");
        put_numbered(span, "llm.output_messages.", i, ".message.content", "A.");
    }
}

static void many_flattened_parts(struct ts_buf *span)
{
    for (int i = 0; i < MANY; i++) {
        put_numbered(span, "llm.input_messages.0.message.contents.", i, ".message_content.text",
                     "Q?");
        put_numbered(span, "llm.output_messages.0.message.tool_calls.", i,
                     ".tool_call.function.name", "f");
        put_numbered(span, "llm.output_messages.0.message.tool_calls.", i, ".tool_call.id",
                     i % 2 ? "odd" : "even");
    }
}

static void many_messages(struct ts_buf *span)
{
    struct ts_buf json = TS_BUF_INIT;
    put_list(&json, "{\"messages\":[", "{\"role\":\"user\",\"content\":\"%d\"}", "]}");
    put(span, "input.value", ts_buf_view(&json));
    ts_buf_clear(&json);
    put_list(&json, "{\"choices\":[", "{\"index\":0,\"message\":{\"content\":\"%d\"}}", "]}");
    put(span, "output.value", ts_buf_view(&json));
    ts_buf_release(&json);
}

static void many_calls(struct ts_buf *span)
{
    struct ts_buf json = TS_BUF_INIT;
    put_list(&json, "{\"messages\":[{\"role\":\"tool\",\"content\":[",
             "{\"type\":\"tool_result\",\"tool_use_id\":\"%d\",\"content\":\"x\"}", "]}]}");
    put(span, "input.value", ts_buf_view(&json));
    ts_buf_clear(&json);
    put_list(&json, "{\"choices\":[{\"message\":{\"tool_calls\":[",
             "{\"id\":\"%d\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}", "]}}]}");
    put(span, "output.value", ts_buf_view(&json));
    ts_buf_release(&json);
}

static void many_parts(struct ts_buf *span)
{
    struct ts_buf json = TS_BUF_INIT;
    put_list(&json, "[{\"role\":\"user\",\"parts\":[", "{\"type\":\"text\",\"content\":\"%05d\"}",
             "]}]");
    put(span, "gen_ai.input.messages", ts_buf_view(&json));
    ts_buf_clear(&json);
    put_list(&json, "[",
             "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"%05d\"}]}", "]");
    put(span, "gen_ai.output.messages", ts_buf_view(&json));
    ts_buf_release(&json);
}

static void many_duplicate_keys(struct ts_buf *span)
{
    struct ts_buf json = TS_BUF_INIT;
    put_list(&json, "{\"prompt\":\"Q?\",", "\"prompt\":\"no %d\"", "}");
    put(span, "input.value", ts_buf_view(&json));
    ts_buf_clear(&json);
    put_list(&json, "{\"choices\":[{\"text\":\"A.\",", "\"text\":\"no %d\"", "}]}");
    put(span, "output.value", ts_buf_view(&json));
    for (int i = 0; i < MANY; i++)
        put(span, "input.value", TS_LIT("No."));
    ts_buf_release(&json);
}

static void put_event(struct ts_buf *span, const char *name, const char *key, ts_view text)
{
    struct ts_buf event = TS_BUF_INIT;
    ts_put_bytes(&event, TS_EVENT_NAME, ts_view_str(name));
    ts_put_attr_text(&event, TS_EVENT_ATTRIBUTES, ts_view_str(key), text);
    ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_buf_release(&event);
}

static void many_events(struct ts_buf *span)
{
    for (int i = 0; i < MANY; i++)
        put_event(span, "gen_ai.user.message", "content", TS_LIT("Q?"));
    for (int i = MANY; i-- > 0;) {
        struct ts_buf body = TS_BUF_INIT;
        ts_buf_printf(&body, "{\"index\":%d,\"message\":\"%d\"}", i, i);
        put_event(span, "gen_ai.choice", "gen_ai.event.content", ts_buf_view(&body));
        ts_buf_release(&body);
    }
}

static void many_chunks(struct ts_buf *span)
{
    for (int i = 0; i < MANY; i++)
        put_event(span, "gen_ai.content.completion.chunk", "x", TS_LIT(""));
    put_event(span, "gen_ai.content.prompt", "gen_ai.prompt", TS_LIT("Q?"));
    put_event(span, "gen_ai.content.completion", "gen_ai.completion", TS_LIT("A."));
}

static void many_details(struct ts_buf *span)
{
    static const char name[] = "gen_ai.client.inference.operation.details";
    for (int i = 0; i < MANY; i++) {
        put_event(span, name, "gen_ai.input.messages",
                  TS_LIT("[{\"role\":\"user\",\"content\":\"Q?\"}]"));
        put_event(span, name, "gen_ai.output.messages", TS_LIT("[{\"content\":\"A.\"}]"));
    }
}

static void many_tools(struct ts_buf *span)
{
    struct ts_buf json = TS_BUF_INIT;
    put(span, "input.value", TS_LIT("Q?"));
    put(span, "output.value", TS_LIT("A."));
    put_list(&json, "[", "{\"name\":\"f%d\",\"parameters\":{}}", "]");
    put(span, "gen_ai.tool.definitions", ts_buf_view(&json));
    ts_buf_release(&json);
}

static void one_event_of_many_attributes(struct ts_buf *span)
{
    struct ts_buf event = TS_BUF_INIT;
    ts_put_bytes(&event, TS_EVENT_NAME, TS_LIT("gen_ai.user.message"));
    for (int i = 0; i < MANY; i++)
        put_numbered(&event, "x", i, "", "y"); /* links, to an event: read as nothing */
    ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_buf_clear(&event);
    ts_put_bytes(&event, TS_EVENT_NAME, TS_LIT("gen_ai.user.message"));
    for (int i = 0; i < MANY; i++) {
        char key[32];
        snprintf(key, sizeof key, "x%d", i);
        ts_put_attr_text(&event, TS_EVENT_ATTRIBUTES, ts_view_str(key), TS_LIT("y"));
    }
    ts_put_attr_text(&event, TS_EVENT_ATTRIBUTES, TS_LIT("content"), TS_LIT("Q?"));
    ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    put_event(span, "gen_ai.choice", "message", TS_LIT("A."));
    ts_buf_release(&event);
}

/* [[[…]]] in AnyValues, deeper than any that is taken */
static void a_deep_structure(struct ts_buf *span)
{
    struct ts_buf inner = TS_BUF_INIT;
    for (int i = 0; i < 10000; i++) {
        struct ts_buf list = TS_BUF_INIT;
        struct ts_buf any = TS_BUF_INIT;
        ts_put_bytes(&list, TS_LIST_VALUES, ts_buf_view(&inner));
        ts_put_bytes(&any, TS_ANY_ARRAY, ts_buf_view(&list));
        ts_buf_release(&list);
        ts_buf_release(&inner);
        inner = any;
    }
    ts_put_pair(span, TS_SPAN_ATTRIBUTES, TS_LIT("gen_ai.input.messages"), ts_buf_view(&inner));
    ts_put_pair(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.tools.0.tool.json_schema"),
                ts_buf_view(&inner));
    put(span, "output.value", TS_LIT("A."));
    ts_buf_release(&inner);
}

/* Three million empty values: 6 MB of span would be 240 MB of tree. */
static void a_wide_structure(struct ts_buf *span)
{
    struct ts_buf list = TS_BUF_INIT;
    struct ts_buf any = TS_BUF_INIT;
    for (int i = 0; i < 3000000; i++)
        ts_put_bytes(&list, TS_LIST_VALUES, TS_NOTHING);
    ts_put_bytes(&any, TS_ANY_ARRAY, ts_buf_view(&list));
    ts_put_pair(span, TS_SPAN_ATTRIBUTES, TS_LIT("gen_ai.input.messages"), ts_buf_view(&any));
    put(span, "output.value", TS_LIT("A."));
    ts_buf_release(&any);
    ts_buf_release(&list);
}

static void put_large(struct ts_buf *span, const char *key, const char *before, const char *each,
                      const char *after)
{
    struct ts_buf json = TS_BUF_INIT;
    ts_buf_add_str(&json, before);
    size_t tail = strlen(after);
    while (json.len + strlen(each) + tail <= LARGE)
        ts_buf_add_str(&json, each);
    ts_buf_add_str(&json, after);
    put(span, key, ts_buf_view(&json));
    ts_buf_release(&json);
}

static void a_large_payload(struct ts_buf *span)
{
    put_large(span, "input.value", "{\"messages\":[{\"role\":\"user\",\"content\":\"",
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\"}]}");
    put(span, "output.value", TS_LIT("A."));
}

static void a_large_text(struct ts_buf *span)
{
    put(span, "input.value", TS_LIT("Q?"));
    put_large(span, "output.value", "",
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "");
}

/* 25 million numbers: more values than are taken, so it is no payload */
static void a_large_list(struct ts_buf *span)
{
    put_large(span, "gen_ai.input.messages", "[1", ",1", "]");
    put(span, "output.value", TS_LIT("A."));
}

static void an_answer_cut_at_50_mb(struct ts_buf *span)
{
    put(span, "input.value", TS_LIT("Q?"));
    put_large(span, "output.value", "{\"choices\":[{\"message\":{\"content\":\"",
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "");
}

static const struct large rows[] = {
    {"100,000 attributes", many_attributes, {.messages = 1, .response = "A."}},
    {"100,000 flattened messages, last first",
     many_flattened,
     {.messages = MANY, .response_bytes = 3 * MANY - 1}},
    {"100,000 flattened parts and tool calls",
     many_flattened_parts,
     {.messages = 1, .prompt_bytes = 3 * MANY - 1, .calls = 2}},
    {"100,000 messages and choices",
     many_messages,
     {.messages = MANY, .choices = MANY, .response = "0"}},
    {"100,000 tool calls and results", many_calls, {.messages = MANY, .calls = MANY}},
    {"100,000 parts and output messages",
     many_parts,
     {.messages = 1, .prompt_bytes = 6 * MANY - 1, .response_bytes = 6 * MANY - 1}},
    {"100,000 times the same key",
     many_duplicate_keys,
     {.messages = 1, .prompt_bytes = 2, .response = "A."}},
    {"100,000 events, and choices in the wrong order",
     many_events,
     {.messages = MANY, .choices = MANY, .response = "0"}},
    {"100,000 chunks of a stream", many_chunks, {.messages = 1, .response = "A."}},
    {"200,000 details events", many_details, {.messages = 1, .response = "A."}},
    {"100,000 tools", many_tools, {.messages = 1, .tools = MANY, .response = "A."}},
    {"an event of 100,000 attributes",
     one_event_of_many_attributes,
     {.skip = "content_disabled", .messages = 1, .response = "A."}},
    {"a structure 10,000 levels deep", a_deep_structure, {.skip = "no_prompt", .response = "A."}},
    {"a structure of three million values",
     a_wide_structure,
     {.skip = "no_prompt", .response = "A."}},
    {"a payload of 50 MB", a_large_payload, {.messages = 1, .response = "A."}},
    {"a text of 50 MB", a_large_text, {.messages = 1, .response_bytes = LARGE}},
    {"a list of 25 million numbers", a_large_list, {.skip = "no_prompt", .response = "A."}},
    {"an answer cut at 50 MB", an_answer_cut_at_50_mb, {.skip = "truncated", .messages = 1}},
};

static void check_large(void **state)
{
    const struct large *row = *state;
    struct ts_buf span = TS_BUF_INIT;
    struct ts_buf text = TS_BUF_INIT;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    start(&span);
    row->make(&span);
    ts_llm_extract(arena, TS_NOTHING, TS_NOTHING, ts_buf_view(&span), &llm);
    assert_true(ts_llm_print(&llm, &text));
    check_record(&llm, ts_buf_view(&text));
    assert_true(llm.skip || ts_flatten_prompt(arena, &llm).len > 0);
    assert_true(llm.skip || ts_flatten_response(arena, &llm).len > 0);
    assert_view_is(ts_view_str(ts_skip_name(llm.skip)), row->want.skip ? row->want.skip : "");
    assert_int_equal(llm.message_count, row->want.messages);
    assert_int_equal(llm.tool_call_count, row->want.calls);
    assert_int_equal(llm.choice_count, row->want.choices);
    assert_int_equal(llm.tool_count, row->want.tools);
    if (row->want.response)
        assert_view_is(llm.response, row->want.response);
    if (row->want.prompt_bytes)
        assert_int_equal(llm.messages[0].content.len, row->want.prompt_bytes);
    if (row->want.response_bytes)
        assert_true(llm.response.len <= row->want.response_bytes &&
                    llm.response.len + 64 > row->want.response_bytes);
    ts_arena_free(arena);
    ts_buf_release(&text);
    ts_buf_release(&span);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows)];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_large, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("bad_sizes", tests, NULL, NULL);
}
