/* vercel_ai.c - the Vercel AI SDK's own attributes, versions 3 to 6 (dialects §8.1). */
#include "llm/dialect/said.h"

#include "llm/normal.h"

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    ts_view text = ts_attrs_text(&r->attrs, "ai.prompt.messages");
    const cJSON *messages = ts_any_json(r->arena, ts_attrs_get(&r->attrs, "ai.prompt.messages"));
    const cJSON *whole = ts_any_json(r->arena, ts_attrs_get(&r->attrs, "ai.prompt"));
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
    out->cut = ts_json_is_cut(text);
}

static ts_view either(const struct ts_reader *r, const char *now, const char *before)
{
    ts_view text = ts_attrs_text(&r->attrs, now);
    return text.len ? text : ts_attrs_text(&r->attrs, before);
}

static void read_answer(struct ts_reader *r, struct ts_response_side *out)
{
    ts_view text = either(r, "ai.response.text", "ai.result.text");
    ts_view object = either(r, "ai.response.object", "ai.result.object");
    ts_view calls = either(r, "ai.response.toolCalls", "ai.result.toolCalls");
    cJSON *message = cJSON_CreateObject();
    const cJSON *list = ts_parse_value(r->arena, calls);
    struct ts_said s = {.arena = r->arena};
    if (cJSON_IsArray(list))
        cJSON_AddItemReferenceToObject(message, "tool_calls", (cJSON *)(uintptr_t)list);
    ts_said_message(&s, TS_LIT("assistant"), message);
    cJSON_Delete(message);
    s.messages[0].content = text.len ? text : object;
    ts_said_answer(&s, out);
    out->structured = text.len == 0 && object.len > 0;
    out->masked = out->masked || ts_is_mask(text) || ts_is_mask(object);
    out->cut = ts_json_is_cut(calls) || ts_json_is_cut(object) || ts_is_cut(r, text);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    read_answer(r, &out->response);
}

const struct ts_dialect ts_dialect_vercel_ai = {"vercel_ai", read_source};
