/* payload_others.c - the small shapes at the end of dialects §5: Haystack, Cohere v1, Ollama, one
 * message alone. */
#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

static void read_documents(struct ts_arena *arena, const cJSON *list,
                           struct ts_payload_request *out)
{
    const cJSON *d;
    if (!cJSON_IsArray(list))
        return;
    out->documents =
        ts_arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *out->documents);
    cJSON_ArrayForEach(d, list)
    {
        ts_view text = ts_json_text(ts_json_get(d, "text"));
        if (text.len == 0)
            text = ts_json_text(ts_json_get(d, "snippet"));
        ts_view id = ts_json_text(ts_json_get(d, "title"));
        if (text.len > 0)
            out->documents[out->document_count++] =
                (struct ts_document){.content = text,
                                     .id = id.len ? id : ts_json_text(ts_json_get(d, "id")),
                                     .source = TS_LIT("prompt")};
    }
}

static bool read_cohere(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *history = ts_json_get(tree, "chat_history");
    const cJSON *preamble = ts_json_get(tree, "preamble");
    const cJSON *m;
    if (!cJSON_IsString(ts_json_get(tree, "message")) ||
        (!history && !preamble && !ts_json_get(tree, "documents")))
        return false;
    struct ts_message_reader s = {.arena = arena};
    if (cJSON_IsString(preamble))
        ts_read_text(&s, "system", ts_json_text(preamble));
    if (cJSON_IsArray(history))
        cJSON_ArrayForEach(m, history)
        {
            ts_read_text(&s, "user", ts_json_text(ts_json_get(m, "message")));
            s.messages[s.count - 1].role = ts_normal_role(ts_json_text(ts_json_get(m, "role")));
        }
    ts_read_text(&s, "user", ts_json_text(ts_json_get(tree, "message")));
    ts_messages_as_prompt(&s, &out->prompt);
    out->model = ts_json_text(ts_json_get(tree, "model"));
    read_documents(arena, ts_json_get(tree, "documents"), out);
    return true;
}

/* Haystack: replies are strings or messages. */
static bool read_replies(struct ts_arena *arena, const cJSON *tree, struct ts_payload_response *out)
{
    const cJSON *replies = ts_json_get(tree, "replies");
    const cJSON *reply;
    if (!cJSON_IsArray(replies) || !replies->child)
        return false;
    struct ts_message_reader s = {.arena = arena};
    ts_view *finish = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(replies) * sizeof *finish);
    const cJSON *beside = ts_json_get(tree, "meta");
    beside = beside ? beside->child : NULL; /* one a reply, where the reply has none */
    const cJSON *first = ts_json_get(replies->child, "meta");
    const cJSON *meta = first ? first : beside;
    cJSON_ArrayForEach(reply, replies)
    {
        const cJSON *own = ts_json_get(reply, "meta");
        if (cJSON_IsString(reply))
            ts_read_text(&s, "assistant", ts_json_text(reply));
        else
            ts_read_reply(&s, reply);
        finish[s.count - 1] = ts_json_text(ts_json_get(own ? own : beside, "finish_reason"));
        beside = beside ? beside->next : NULL;
    }
    ts_messages_as_choices(&s, finish, &out->side);
    out->model = ts_json_text(ts_json_get(meta, "model"));
    out->usage = ts_usage_of(ts_json_get(meta, "usage"));
    return true;
}

static bool is_message(const cJSON *m)
{
    return cJSON_IsObject(m) && cJSON_IsString(ts_json_get(m, "role")) &&
           (ts_json_get(m, "content") || ts_json_get(m, "tool_calls") || ts_json_get(m, "parts"));
}

/* One message; {"message": …} around it (Ollama, Logfire); several are choices (Langfuse). */
static bool read_message(struct ts_arena *arena, const cJSON *tree, struct ts_payload_response *out)
{
    const cJSON *inner = ts_json_get(tree, "message");
    const cJSON *m = is_message(inner) ? inner : tree;
    struct ts_message_reader s = {.arena = arena};
    if (cJSON_IsArray(tree) && is_message(tree->child)) {
        ts_read_messages(&s, tree);
        ts_messages_as_choices(&s, NULL, &out->side);
    } else if (is_message(m)) {
        ts_read_message(&s, TS_LIT("assistant"), m);
        ts_messages_as_response(&s, &out->side);
    } else {
        return false;
    }
    ts_view done = ts_json_text(ts_json_get(tree, "done_reason"));
    if (done.len > 0)
        out->side.finish_raw = done;
    out->usage = ts_usage_of(ts_json_get(tree, "usage"));
    return true;
}

/* Ollama's generate: {"response": …, "done": true} */
static bool read_generated(struct ts_arena *arena, const cJSON *tree,
                           struct ts_payload_response *out)
{
    const cJSON *text = ts_json_get(tree, "response");
    if (!cJSON_IsString(text) || (!ts_json_get(tree, "done") && !ts_json_get(tree, "done_reason")))
        return false;
    struct ts_message_reader s = {.arena = arena};
    ts_read_text(&s, "assistant", ts_json_text(text));
    ts_messages_as_response(&s, &out->side);
    out->side.finish_raw = ts_json_text(ts_json_get(tree, "done_reason"));
    out->model = ts_json_text(ts_json_get(tree, "model"));
    return true;
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    return read_generated(arena, tree, out) || read_replies(arena, tree, out) ||
           read_message(arena, tree, out);
}

const struct ts_payload_shape ts_payload_others = {"others", read_cohere, read_response};
