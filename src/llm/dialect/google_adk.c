/* google_adk.c - Google's Agent Development Kit (dialects §8.7): Gemini's request, and its answer as one
 * candidate. `{}` means that nothing was recorded. */
#include "llm/dialect/request_response.h"
#include "llm/dialect/message_reader.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request(r, ts_attrs_get(&r->attrs, "gcp.vertex.agent.llm_request"), false,
                    &out->prompt);
    ts_view text = ts_attrs_text(&r->attrs, "gcp.vertex.agent.llm_response");
    const cJSON *tree = ts_attr_json(r, "gcp.vertex.agent.llm_response");
    struct ts_message_reader s = {.arena = r->arena, .tight = true};
    out->response.cut = ts_json_is_cut(text);
    out->response.finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
    if (!ts_json_get(tree, "content"))
        return;
    ts_read_message(&s, TS_LIT("assistant"), ts_json_get(tree, "content"));
    ts_messages_as_response(&s, &out->response);
    out->response.finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
    if (r->response)
        return;
    r->response = ts_arena_alloc(r->arena, sizeof *r->response);
    r->response->side = out->response;
    r->response->usage = ts_usage_of(ts_json_get(tree, "usage_metadata"));
}

/* An empty request is an agent's own step, which is no call. */
enum { HAS_REQUEST = 1, IS_FULL = 2, HAS_TOOL = 4 };

static bool read_request(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    ts_view text = ts_any_text(value);
    bool full = (text.len > 0 && !ts_view_is(ts_view_trim(text), "{}")) ||
                (value->type == TS_ANY_KVLIST && value->bytes.len > 0);
    (void)kind;
    if (!(*notes & HAS_REQUEST) && full)
        *notes |= IS_FULL;
    *notes |= HAS_REQUEST;
    return false;
}

static bool note_tool(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)value;
    (void)kind;
    *notes |= HAS_TOOL;
    return false;
}

static bool kind_of_notes(uint8_t notes, ts_view span_name, enum ts_kind *kind)
{
    (void)span_name;
    *kind = notes & IS_FULL ? TS_KIND_LLM : TS_KIND_TOOL;
    return notes & (IS_FULL | HAS_TOOL);
}

static const struct ts_kind_key kind_keys[] = {
    {"gcp.vertex.agent.llm_request", 13, .read = read_request,
     .rule_text = "Google ADK's request, or its tool's arguments"},
    {"gcp.vertex.agent.tool_call_args", 13, .read = note_tool},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_SESSION, 10, .key = "gcp.vertex.agent.session_id"},
    {0},
};
static const char *const own_providers[] = {"gcp.vertex.agent", NULL};

const struct ts_dialect ts_dialect_google_adk = {
    .name = "google_adk",
    .read = read_source,
    .kind_keys = kind_keys,
    .kind_of_notes = kind_of_notes,
    .notes_rule = 13,
    .meta_keys = meta_keys,
    .own_providers = own_providers,
};
