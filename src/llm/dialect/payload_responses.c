/* payload_responses.c - OpenAI's Responses API: items in, items out (dialects §5). */
#include "llm/dialect/message_reader.h"

static bool is_item_list(const cJSON *list)
{
    const cJSON *item;
    if (!cJSON_IsArray(list) || !list->child)
        return false;
    cJSON_ArrayForEach(item, list) if (!cJSON_IsString(ts_json_get(item, "role")) &&
                                       !cJSON_IsString(ts_json_get(item, "type"))) return false;
    return true;
}

/* A message says who speaks; a call and its result are items of their own. */
static void read_item(struct ts_message_reader *s, const cJSON *item, ts_view role)
{
    ts_view type = ts_json_text(ts_json_get(item, "type"));
    bool part = ts_view_is(type, "function_call") || ts_view_is(type, "function_call_output");
    if (!part) {
        if (type.len == 0 || ts_view_is(type, "message"))
            ts_read_message(s, role, item);
        return; /* reasoning, calls of the server's own tools */
    }
    cJSON *list = cJSON_CreateArray();
    cJSON *message = cJSON_CreateObject();
    cJSON_AddItemReferenceToArray(list, (cJSON *)(uintptr_t)item);
    cJSON_AddItemToObject(message, "content", list);
    ts_read_message(s, ts_view_is(type, "function_call") ? TS_LIT("assistant") : TS_LIT("tool"),
                    message);
    cJSON_Delete(message);
}

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *input = ts_json_get(tree, "input");
    const cJSON *instructions = ts_json_get(tree, "instructions");
    bool plain = cJSON_IsString(input) && (ts_json_get(tree, "model") || instructions);
    const cJSON *item;
    if (!plain && !is_item_list(input))
        return false;
    struct ts_message_reader s = {.arena = arena};
    if (cJSON_IsString(instructions))
        ts_read_text(&s, "system", ts_json_text(instructions));
    if (plain)
        ts_read_text(&s, "user", ts_json_text(input));
    else
        cJSON_ArrayForEach(item, input) read_item(&s, item, TS_LIT("user"));
    ts_messages_as_prompt(&s, &out->prompt);
    const cJSON *conversation = ts_json_get(tree, "conversation");
    out->prompt.incomplete = ts_json_text(ts_json_get(tree, "previous_response_id")).len > 0 ||
                             (conversation && !cJSON_IsNull(conversation));
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->tools = ts_json_get(tree, "tools");
    out->response_format = ts_json_path(tree, "text.format");
    out->stream = ts_json_true(ts_json_get(tree, "stream"));
    return true;
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *output = ts_json_get(tree, "output");
    const cJSON *item;
    if (!is_item_list(output))
        return false;
    struct ts_message_reader s = {.arena = arena};
    cJSON_ArrayForEach(item, output) read_item(&s, item, TS_LIT("assistant"));
    ts_messages_as_response(&s, &out->side);
    ts_view why = ts_json_text(ts_json_path(tree, "incomplete_details.reason"));
    out->side.finish_raw = why.len ? why : ts_json_text(ts_json_get(tree, "status"));
    if (ts_view_is(out->side.finish_raw, "failed"))
        out->side.finish_raw = TS_LIT("error");
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->id = ts_json_text(ts_json_get(tree, "id"));
    out->usage = ts_usage_of(ts_json_get(tree, "usage"));
    return true;
}

const struct ts_payload_shape ts_payload_responses = {"OpenAI Responses", read_request,
                                                      read_response};
