/* Every fixture span with something wrong in it, everywhere, one thing at a time: each attribute with a value
 * of each other type, and each value inside each JSON text replaced by each other kind of value. Nothing is
 * expected of the record but what holds for all (records.h), and that a value of nothing is no value. */
#include "testing.h"

#include "records.h"
#include "span_lines.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <stdio.h>

/* ---- a span with one attribute changed ---- */

/* Where an attribute stands: of the span, or of the event that `event` counts to. */
struct spot {
    int event; /* -1: of the span itself */
    int attribute;
};

struct change {
    struct spot spot;
    bool drop;
    ts_view any; /* content of the new AnyValue */
};

static void copy_attribute(struct ts_buf *out, uint32_t number, ts_view pair,
                           const struct change *change, bool here)
{
    struct ts_attr attr;
    if (!here)
        ts_put_bytes(out, number, pair);
    else if (!change->drop && ts_attr_read(pair, &attr))
        ts_put_pair(out, number, attr.key, change->any);
}

static void copy_holder(struct ts_buf *out, ts_view message, uint32_t number, int event,
                        const struct change *change)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    int attribute = 0;
    int events = 0;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == number) {
            bool here = change->spot.event == event && change->spot.attribute == attribute++;
            copy_attribute(out, number, f.bytes, change, here);
        } else if (event < 0 && f.number == TS_SPAN_EVENTS) {
            struct ts_buf inner = TS_BUF_INIT;
            copy_holder(&inner, f.bytes, TS_EVENT_ATTRIBUTES, events++, change);
            ts_put_bytes(out, TS_SPAN_EVENTS, ts_buf_view(&inner));
            ts_buf_release(&inner);
        } else {
            ts_buf_add_view(out, ts_field_raw(&f, &c));
        }
    }
}

static cJSON *record_with(ts_view span, const struct change *change)
{
    struct ts_buf changed = TS_BUF_INIT;
    copy_holder(&changed, span, TS_SPAN_ATTRIBUTES, -1, change);
    cJSON *record = record_of(ts_buf_view(&changed));
    ts_buf_release(&changed);
    return record;
}

/* ---- all attributes of a span ---- */

struct sweep {
    void (*attribute)(struct sweep *s, ts_view span, struct spot spot, const struct ts_attr *attr);
    size_t done, records;
};

static void each_in(struct sweep *s, ts_view span, ts_view holder, uint32_t number, int event)
{
    struct ts_cursor c = ts_cursor_of(holder);
    struct ts_field f;
    struct spot spot = {event, 0};
    int events = 0;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        struct ts_attr attr;
        if (f.number == number && ts_attr_read(f.bytes, &attr)) {
            s->attribute(s, span, spot, &attr);
            s->done++;
            spot.attribute++;
        } else if (event < 0 && f.number == TS_SPAN_EVENTS) {
            each_in(s, span, f.bytes, TS_EVENT_ATTRIBUTES, events++);
        }
    }
}

static void on_span(void *arg, const struct ts_span_at *at)
{
    each_in(arg, at->span, at->span, TS_SPAN_ATTRIBUTES, -1);
}

static void sweep_fixture(const char *name, struct sweep *s)
{
    char path[512];
    struct ts_buf text = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    struct ts_scan scan;
    struct ts_err err = {0};
    snprintf(path, sizeof path, TS_FIXTURES "/dialects/%s.json", name);
    assert_true(ts_buf_read_file(&text, path, &err));
    assert_true(ts_otlp_from_json(ts_buf_view(&text), &request, &err));
    assert_true(ts_scan(ts_buf_view(&request), true, on_span, s, &scan, &err));
    print_message("%-20s %zu attributes, %zu records\n", name, s->done, s->records);
    assert_true(s->records > 0);
    ts_buf_release(&request);
    ts_buf_release(&text);
}

/* ---- values of other types ---- */

static const struct {
    char type; /* see span_lines.h */
    const char *text;
    bool nothing; /* it says nothing, wherever it stands */
} others[] = {
    {'=', "a word", false},
    {'=', "", false},
    {'=', "{\"role\":\"user\",\"content\":\"a\",\"text\":\"b\",\"0\":[]}", false},
    {'@', "true", false},
    {'@', "false", false},
    {'#', "-1", false},
    {'#', "9223372036854775807", false},
    {'@', "0.5", false},
    {'@', "1e300", false},
    {'~', "bytes", false},
    {'~', "\xff\xfe", true},
    {'@', "[]", false},
    {'@', "[\"a\",{\"b\":[1,null]}]", false},
    {'@', "{}", false},
    {'@', "{\"role\":\"user\",\"content\":\"a\",\"messages\":[{\"role\":\"x\",\"content\":1}]}",
     false},
    {'-', "", true},
};

static void put_other(struct ts_buf *any, size_t i)
{
    struct ts_buf pair = TS_BUF_INIT;
    struct ts_attr attr;
    ts_put_line(&pair, TS_SPAN_ATTRIBUTES, (uint8_t)others[i].type, TS_LIT("k"),
                ts_view_str(others[i].text));
    struct ts_cursor c = ts_cursor_of(ts_buf_view(&pair));
    struct ts_field f;
    assert_true(ts_cursor_next(&c, &f) && ts_attr_read(f.bytes, &attr));
    c = ts_cursor_of(f.bytes);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_KV_VALUE)
            ts_buf_add_view(any, f.bytes);
    ts_buf_release(&pair);
}

/* Keys whose presence says something, whatever the value is (dialects §3, §11.1). */
static bool says_by_being_there(ts_view key)
{
    static const char *const keys[] = {"retrieval.documents.",
                                       "gen_ai.retrieval.documents",
                                       "embedding.embeddings.",
                                       "llm.output_messages.",
                                       "llm.input_messages.",
                                       "llm.prompts",
                                       "llm.choices",
                                       "llm.tools.",
                                       "llm.request.functions.",
                                       "gen_ai.prompt",
                                       "gen_ai.completion",
                                       "gen_ai.input.messages",
                                       "gen_ai.output.messages",
                                       "gen_ai.tool.name",
                                       "gen_ai.request.model",
                                       "request_data",
                                       "gen_ai.response.time_to_first_chunk",
                                       "langfuse.observation.completion_start_time",
                                       "langfuse.observation.model.name",
                                       "gcp.vertex.agent.tool_call_args",
                                       "pydantic_ai.all_messages",
                                       "all_messages_events",
                                       "event_loop.cycle_id",
                                       "haystack.pipeline.",
                                       "haystack.component.type",
                                       "reranker.output_documents."};
    for (size_t i = 0; i < TS_COUNT(keys); i++)
        if (ts_view_starts(key, ts_view_str(keys[i])))
            return true;
    return false;
}

static void with_each_type(struct sweep *s, ts_view span, struct spot spot,
                           const struct ts_attr *attr)
{
    struct change dropped = {spot, true, TS_NOTHING};
    cJSON *without = record_with(span, &dropped);
    for (size_t i = 0; i < TS_COUNT(others); i++) {
        struct ts_buf any = TS_BUF_INIT;
        put_other(&any, i);
        struct change change = {spot, false, ts_buf_view(&any)};
        cJSON *record = record_with(span, &change);
        if (others[i].nothing && !says_by_being_there(attr->key) && !equal(record, without)) {
            compare("without", without, record);
            fail_msg("a value of nothing in '" TS_FMT "' is no value", TS_ARG(attr->key));
        }
        cJSON_Delete(record);
        ts_buf_release(&any);
        s->records++;
    }
    cJSON_Delete(without);
}

/* ---- values inside JSON texts ---- */

static cJSON *node_at(cJSON *tree, size_t *n)
{
    if ((*n)-- == 0)
        return tree;
    for (cJSON *child = tree->child; child; child = child->next) {
        cJSON *found = node_at(child, n);
        if (found)
            return found;
    }
    return NULL;
}

static const char *const kinds[] = {
    "null",     "true",
    "-1e400",   "\"\"",
    "\"text\"", "\"[{\\\"type\\\":\\\"text\\\"}]\"",
    "[]",       "[null,1,\"a\",{},[]]",
    "{}",       "{\"role\":\"user\",\"type\":\"text\",\"text\":\"a\",\"content\":[{}]}"};

static void with_each_node(struct sweep *s, ts_view span, struct spot spot,
                           const struct ts_attr *attr)
{
    ts_view text = attr->value.type == TS_ANY_STRING ? ts_view_trim(attr->value.bytes) : TS_NOTHING;
    if (text.len == 0 || (text.ptr[0] != '{' && text.ptr[0] != '['))
        return;
    for (size_t node = 0;; node++)
        for (size_t i = 0; i < TS_COUNT(kinds); i++) {
            cJSON *tree = ts_json_parse(text, NULL, NULL);
            size_t n = node;
            cJSON *at = tree ? node_at(tree, &n) : NULL;
            if (!at) {
                cJSON_Delete(tree);
                return;
            }
            cJSON *other = cJSON_Parse(kinds[i]);
            cJSON was = *at; /* its place and name stay */
            *at = *other;
            at->next = was.next;
            at->prev = was.prev;
            at->string = was.string;
            at->type |= was.type & cJSON_StringIsConst;
            *other = was;
            other->next = other->prev = NULL;
            other->string = NULL;
            struct ts_buf any = TS_BUF_INIT;
            char *printed = cJSON_PrintUnformatted(tree);
            ts_put_bytes(&any, TS_ANY_STRING, ts_view_str(printed));
            struct change change = {spot, false, ts_buf_view(&any)};
            cJSON_Delete(record_with(span, &change));
            cJSON_free(printed);
            cJSON_Delete(other);
            cJSON_Delete(tree);
            ts_buf_release(&any);
            s->records++;
        }
}

static void check_types(void **state)
{
    struct sweep s = {.attribute = with_each_type};
    sweep_fixture(*state, &s);
}

static void check_nodes(void **state)
{
    struct sweep s = {.attribute = with_each_node};
    sweep_fixture(*state, &s);
}

#define TYPES(name)                                                                                \
    {                                                                                              \
        "a value of another type in " name, check_types, NULL, NULL, (void *)(uintptr_t)name       \
    }
#define NODES(name)                                                                                \
    {                                                                                              \
        "another value inside the JSON of " name, check_nodes, NULL, NULL, (void *)(uintptr_t)name \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TYPES("openinference"),
        TYPES("openinference_raw"),
        TYPES("otel_genai"),
        TYPES("otel_genai_events"),
        TYPES("otel_genai_legacy"),
        TYPES("openllmetry"),
        TYPES("vercel_ai"),
        TYPES("langfuse"),
        TYPES("langsmith"),
        TYPES("logfire_pydantic_ai"),
        TYPES("mlflow"),
        TYPES("strands"),
        TYPES("google_adk"),
        TYPES("frameworks"),
        NODES("openinference"),
        NODES("openinference_raw"),
        NODES("otel_genai"),
        NODES("otel_genai_events"),
        NODES("otel_genai_legacy"),
        NODES("vercel_ai"),
        NODES("langfuse"),
        NODES("langsmith"),
        NODES("logfire_pydantic_ai"),
        NODES("mlflow"),
        NODES("strands"),
        NODES("google_adk"),
        NODES("frameworks"),
    };
    return cmocka_run_group_tests_name("bad_fixtures", tests, NULL, NULL);
}
