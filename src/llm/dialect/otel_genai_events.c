/* otel_genai_events.c - one event a message, as the conventions had it from 1.28 to 1.36
 * (dialects §6.4): the body as JSON text in one attribute (style A), or spread over attributes (B). */
#include "llm/dialect/events.h"
#include "llm/dialect/genai.h"

/* A value as a member of the body, or NULL. Text is JSON where JSON is due: a user may write some, too. */
static cJSON *member_of(struct ts_reader *r, const char *key, const struct ts_any *value)
{
    static const char *const marks[] = {"role", "content", "tool_calls", "parts"};
    const cJSON *tree = ts_any_json(r->arena, value);
    bool wanted = value->type == TS_ANY_ARRAY || value->type == TS_ANY_KVLIST ||
                  strcmp(key, "tool_calls") == 0 || strcmp(key, "parts") == 0;
    for (size_t i = 0; i < TS_COUNT(marks) && strcmp(key, "message") == 0; i++)
        wanted = wanted || ts_json_get(tree, marks[i]);
    if (value->type == TS_ANY_INT)
        return cJSON_CreateNumber((double)value->i);
    if (tree && wanted)
        return cJSON_IsArray(tree) ? cJSON_CreateArrayReference(tree->child)
                                   : cJSON_CreateObjectReference(tree->child);
    bool text = value->type == TS_ANY_STRING || ts_any_text(value).len > 0;
    return text ? ts_json_new_text(ts_any_text(value))
                : NULL; /* of a type that says nothing here */
}

static const cJSON *body_of(struct ts_reader *r, const struct ts_span_event *event, cJSON *spread)
{
    static const char *const keys[] = {"content", "role",          "id",          "tool_calls",
                                       "message", "finish_reason", "index",       "name",
                                       "text",    "parts",         "tool_call_id"};
    const cJSON *body = ts_any_json(r->arena, ts_attrs_get(&event->attrs, "gen_ai.event.content"));
    if (body)
        return body;
    for (size_t i = 0; i < TS_COUNT(keys); i++) {
        const struct ts_any *value = ts_attrs_get(&event->attrs, keys[i]);
        cJSON *member = value ? member_of(r, keys[i], value) : NULL;
        if (member)
            cJSON_AddItemToObject(spread, keys[i], member);
    }
    return spread;
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    static const char *const names[] = {
        "gen_ai.system.",      "gen_ai.user.message", "gen_ai.assistant.message",
        "gen_ai.tool.message", "gen_ai.choice",       NULL};
    struct ts_genai_bodies b = {.prompt.arena = r->arena, .answers.arena = r->arena};
    struct ts_span_event event;
    size_t at = 0;
    bool prompt_cut = false;
    bool answer_cut = false;
    while (ts_event_next(r, names, &at, &event)) {
        if (ts_json_is_cut(ts_attrs_text(&event.attrs, "gen_ai.event.content"))) {
            bool answer = ts_view_is(event.name, "gen_ai.choice");
            *(answer ? &answer_cut : &prompt_cut) = true;
            b.chose = b.chose || answer;
            continue;
        }
        cJSON *spread = ts_keep_tree(r->arena, cJSON_CreateObject());
        ts_genai_body(&b, event.name, body_of(r, &event, spread));
    }
    ts_genai_bodies_give(&b, out);
    out->prompt.cut = prompt_cut;
    out->response.cut = answer_cut;
}

static bool is_message(const struct ts_any *name, uint8_t *notes, enum ts_kind *kind)
{
    (void)notes;
    *kind = TS_KIND_LLM;
    return ts_view_ends(ts_any_text(name), TS_LIT(".message"));
}

static const struct ts_kind_key kind_events[] = {
    {"gen_ai.choice", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"gen_ai.*", TS_RULE_GENERATED, .read = is_message},
    {0},
};

const struct ts_dialect ts_dialect_otel_genai_events = {
    .name = "otel_genai_events",
    .read = read_source,
    .kind_events = kind_events,
};
