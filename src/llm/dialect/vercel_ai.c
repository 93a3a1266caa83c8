/* vercel_ai.c - the Vercel AI SDK's own attributes, versions 3 to 6 (dialects §8.1). */
#include "llm/dialect/said.h"

#include "llm/normal.h"

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    const cJSON *messages = ts_attr_json(r, "ai.prompt.messages");
    const cJSON *whole = ts_attr_json(r, "ai.prompt");
    struct ts_said s = {.arena = r->arena};
    if (cJSON_IsArray(messages)) {
        ts_said_list(&s, messages);
    } else if (cJSON_IsObject(whole)) {
        const cJSON *system = ts_json_get(whole, "system");
        if (cJSON_IsString(system))
            ts_said_text(&s, "system", ts_json_text(system));
        if (cJSON_IsString(ts_json_get(whole, "prompt")))
            ts_said_text(&s, "user", ts_json_text(ts_json_get(whole, "prompt")));
        ts_said_list(&s, ts_json_get(whole, "messages"));
    }
    ts_said_prompt(&s, out);
    out->cut = ts_json_is_cut(ts_attrs_text(&r->attrs, "ai.prompt.messages")) ||
               (!messages && ts_json_is_cut(ts_attrs_text(&r->attrs, "ai.prompt")));
}

static const struct ts_any *either(const struct ts_reader *r, const char *now, const char *before)
{
    const struct ts_any *value = ts_attrs_get(&r->attrs, now);
    bool empty = !value || (value->type == TS_ANY_STRING && value->bytes.len == 0);
    return empty ? ts_attrs_get(&r->attrs, before) : value;
}

/* An object is its JSON text. */
static ts_view object_text(struct ts_reader *r, const struct ts_any *value)
{
    bool structure = value && (value->type == TS_ANY_ARRAY || value->type == TS_ANY_KVLIST);
    const cJSON *tree = structure ? ts_any_json(r->arena, value) : NULL;
    return tree ? ts_json_print(r->arena, tree) : ts_any_text(value);
}

static void read_answer(struct ts_reader *r, struct ts_response_side *out)
{
    ts_view text = ts_any_text(either(r, "ai.response.text", "ai.result.text"));
    ts_view object = object_text(r, either(r, "ai.response.object", "ai.result.object"));
    const struct ts_any *calls = either(r, "ai.response.toolCalls", "ai.result.toolCalls");
    cJSON *message = cJSON_CreateObject();
    const cJSON *list = ts_any_json(r->arena, calls);
    struct ts_said s = {.arena = r->arena};
    if (cJSON_IsArray(list))
        cJSON_AddItemReferenceToObject(message, "tool_calls", (cJSON *)(uintptr_t)list);
    ts_said_message(&s, TS_LIT("assistant"), message);
    cJSON_Delete(message);
    s.messages[0].content = text.len ? text : object;
    ts_said_answer(&s, out);
    out->structured = text.len == 0 && object.len > 0;
    out->masked = out->masked || ts_is_mask(text) || ts_is_mask(object);
    out->cut = ts_json_is_cut(ts_any_text(calls)) || ts_json_is_cut(object) || ts_is_cut(r, text);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    read_answer(r, &out->response);
}

const struct ts_dialect ts_dialect_vercel_ai = {"vercel_ai", read_source};
