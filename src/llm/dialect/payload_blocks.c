/* payload_blocks.c - requests and answers made of content blocks: Anthropic and Bedrock Converse
 * (dialects §5). The blocks themselves are read by message_reader.c; here is what stands around them. */
#include "llm/dialect/message_reader.h"

static bool is_message_list(const cJSON *list)
{
    const cJSON *m;
    if (!cJSON_IsArray(list) || !list->child)
        return false;
    cJSON_ArrayForEach(m, list) if (!cJSON_IsString(ts_json_get(m, "role"))) return false;
    return true;
}

/* `system` is a string, or a list of text blocks. */
static void read_system(struct ts_message_reader *s, const cJSON *system)
{
    cJSON *message = NULL;
    if (cJSON_IsString(system)) {
        ts_read_text(s, "system", ts_json_text(system));
    } else if (cJSON_IsArray(system) && system->child) {
        message = cJSON_CreateObject();
        cJSON_AddItemReferenceToObject(message, "content", (cJSON *)(uintptr_t)system);
        ts_read_message(s, TS_LIT("system"), message);
        cJSON_Delete(message);
    }
}

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *messages = cJSON_IsArray(tree) ? tree : ts_json_get(tree, "messages");
    struct ts_message_reader s = {.arena = arena};
    if (!is_message_list(messages))
        return false;
    read_system(&s, ts_json_get(tree, "system"));
    ts_read_messages(&s, messages);
    ts_messages_as_prompt(&s, &out->prompt);
    ts_messages_documents(&s, out);
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->tools = ts_json_get(tree, "tools");
    if (!out->tools)
        out->tools = ts_json_path(tree, "toolConfig.tools");
    out->stream = ts_json_true(ts_json_get(tree, "stream"));
    return true;
}

static int64_t with_cache(int64_t tokens, int64_t cached)
{
    return tokens >= 0 && cached > 0 ? ts_count_sum(tokens, cached) : tokens;
}

/* Anthropic: {content:[…], stop_reason}; Bedrock: {output:{message}, stopReason}, or the message. */
static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *message = ts_json_path(tree, "output.message");
    bool anthropic = cJSON_IsArray(ts_json_get(tree, "content")) &&
                     (ts_json_get(tree, "stop_reason") || ts_json_get(tree, "role"));
    if (!message && !anthropic)
        return false;
    struct ts_message_reader s = {.arena = arena, .tight = true};
    ts_read_message(&s, TS_LIT("assistant"), message ? message : tree);
    ts_messages_as_response(&s, &out->side);
    out->side.finish_raw = ts_json_text(ts_json_get(tree, message ? "stopReason" : "stop_reason"));
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->id = ts_json_text(ts_json_get(tree, "id"));
    out->usage = ts_usage_of(ts_json_get(tree, "usage"));
    if (anthropic && out->usage.input_tokens >= 0) /* it leaves out what the cache had (§5.2) */
        out->usage.input_tokens = with_cache(
            with_cache(out->usage.input_tokens, out->usage.cache_read), out->usage.cache_write);
    return true;
}

const struct ts_payload_shape ts_payload_blocks = {"content blocks", read_request, read_response};
