/* logfire.c - Logfire's own instrumentation and pydantic-ai's first format (dialects §8.4): request_data
 * and response_data, or a list of event bodies in the attribute `events`. */
#include "llm/dialect/genai.h"
#include "llm/dialect/request_response.h"

#include "llm/normal.h"

static void read_events(struct ts_reader *r, struct ts_source *out)
{
    const cJSON *list = ts_attr_json(r, "events");
    struct ts_genai_bodies b = {.prompt.arena = r->arena, .answers.arena = r->arena};
    const cJSON *body;
    if (ts_json_is_cut(ts_attrs_text(&r->attrs, "events"))) /* it held both sides */
        out->prompt.cut = out->response.cut = true;
    if (!cJSON_IsArray(list))
        return;
    cJSON_ArrayForEach(body, list)
    {
        ts_view name = ts_json_text(ts_json_get(body, "event.name"));
        if (ts_view_starts(name, TS_LIT("gen_ai.")))
            ts_genai_body(&b, name, body);
    }
    ts_genai_bodies_give(&b, out);
}

/* {"message":{…},"usage"}, {"text",…}, or what a stream came to: {"combined_chunk_content"}. */
static void read_response(struct ts_reader *r, struct ts_response_side *out)
{
    const struct ts_any *value = ts_attrs_get(&r->attrs, "response_data");
    const cJSON *tree = ts_any_json(r->arena, value);
    const cJSON *text = ts_json_get(tree, "combined_chunk_content");
    if (!text && !ts_json_get(tree, "message"))
        text = ts_json_get(tree, "text");
    if (cJSON_IsString(text)) {
        out->text = ts_json_text(text);
        out->found = out->text.len > 0;
        out->masked = ts_is_mask(out->text);
        out->finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
        if (!r->response) {
            r->response = ts_arena_alloc(r->arena, sizeof *r->response);
            r->response->usage = ts_usage_of(ts_json_get(tree, "usage"));
        }
    } else {
        ts_read_response(r, value, false, out);
    }
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request(r, ts_attrs_get(&r->attrs, "request_data"), false, &out->prompt);
    read_response(r, &out->response);
    if (out->prompt.count == 0 && !out->response.found)
        read_events(r, out);
}

/* ---- what it says of itself ---- */

/* Logfire shows a span before its end by another one. */
static bool read_span_type(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)notes;
    *kind = TS_KIND_PLACEHOLDER;
    return ts_view_is(ts_any_text(value), "pending_span");
}

/* request_data alone is also a web framework's. */
enum { HAS_REQUEST = 1, HAS_MODEL = 2 };

static bool note_request(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)value;
    (void)kind;
    *notes |= HAS_REQUEST;
    return false;
}

static bool note_model(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)value;
    (void)kind;
    *notes |= HAS_MODEL;
    return false;
}

static bool kind_of_notes(uint8_t notes, ts_view span_name, enum ts_kind *kind)
{
    (void)span_name;
    *kind = TS_KIND_LLM;
    return notes == (HAS_REQUEST | HAS_MODEL);
}

/* pydantic-ai: with output mode `tool` the answer is a call of an output tool (§8.4). */
static bool answers_by_tool(struct ts_reader *r, const struct ts_llm *llm)
{
    const cJSON *parameters = ts_attr_json(r, "model_request_parameters");
    const cJSON *tools = ts_json_get(parameters, "output_tools");
    const cJSON *tool;
    if (!ts_view_is(ts_json_text(ts_json_get(parameters, "output_mode")), "tool"))
        return false;
    cJSON_ArrayForEach(tool, tools)
    {
        ts_view name = ts_json_text(ts_json_get(tool, "name"));
        for (size_t i = 0; i < llm->tool_call_count; i++)
            if (ts_view_eq(name, llm->tool_calls[i].name))
                return true;
    }
    return false;
}

static const struct ts_kind_key kind_keys[] = {
    {"logfire.span_type", 1, .read = read_span_type,
     .rule_text = "logfire.span_type says that the span is still open"},
    {"pydantic_ai.all_messages*", 12, .kind = TS_KIND_AGENT,
     .rule_text = "messages of a whole agent run, or an agent's cycle"},
    {"all_messages_events", 12, .kind = TS_KIND_AGENT},
    {"request_data", TS_RULE_GENERATED, .read = note_request},
    {"gen_ai.request.model", TS_RULE_GENERATED, .read = note_model},
    {0},
};
static const char *const masks[] = {"[Scrubbed due to '*']", NULL};

const struct ts_dialect ts_dialect_logfire = {
    .name = "logfire",
    .read = read_source,
    .kind_keys = kind_keys,
    .kind_of_notes = kind_of_notes,
    .notes_rule = TS_RULE_GENERATED,
    .answers_by_tool = answers_by_tool,
    .masks = masks,
};
