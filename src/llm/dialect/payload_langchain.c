/* payload_langchain.c - LangChain's messages, serialised in three ways, and its generations
 * (dialects §5). */
#include "llm/dialect/message_reader.h"

#include "llm/logprobs.h"
#include "llm/normal.h"

/* {"lc":1,"id":[…,"HumanMessage"],"kwargs":{…}}, {"type":"human","data":{…}}, {"type":"human",…} */
static void read_message(struct ts_message_reader *s, const cJSON *m)
{
    static const struct {
        const char *word, *role;
    } words[] = {{"System", "system"}, {"Human", "user"},    {"AI", "assistant"},
                 {"Tool", "tool"},     {"Function", "tool"}, {"system", "system"},
                 {"human", "user"},    {"ai", "assistant"},  {"tool", "tool"},
                 {"function", "tool"}};
    const cJSON *id = ts_json_get(m, "id");
    const cJSON *class = cJSON_IsArray(id) ? cJSON_GetArrayItem(id, cJSON_GetArraySize(id) - 1)
                                           : ts_json_get(m, "type");
    const cJSON *body = ts_json_get(m, "kwargs");
    if (!body)
        body = ts_json_get(m, "data");
    if (!body)
        body = m;
    ts_view word = ts_json_text(class);
    ts_view role = TS_LIT("user");
    if (ts_view_starts_nocase(word, TS_LIT("chat"))) /* ChatMessage: any role, told inside */
        role = ts_normal_role(ts_json_text(ts_json_get(body, "role")));
    for (size_t i = 0; i < TS_COUNT(words); i++)
        if (ts_view_starts(word, ts_view_str(words[i].word)))
            role = ts_view_str(words[i].role);
    const cJSON *older = ts_json_path(body, "additional_kwargs");
    bool in_older = !ts_json_get(body, "tool_calls") && ts_json_get(older, "tool_calls");
    if (in_older) {
        cJSON *both = cJSON_CreateObject();
        cJSON_AddItemReferenceToObject(both, "content",
                                       (cJSON *)(uintptr_t)ts_json_get(body, "content"));
        cJSON_AddItemReferenceToObject(both, "tool_calls",
                                       (cJSON *)(uintptr_t)ts_json_get(older, "tool_calls"));
        ts_read_message(s, role, both);
        cJSON_Delete(both);
    } else {
        ts_read_message(s, role, body);
    }
    struct ts_message *last = &s->messages[s->count - 1];
    last->role = role;
    if (ts_view_is(role, "tool"))
        last->tool_call_id = ts_json_text(ts_json_get(body, "tool_call_id"));
}

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *lists = ts_json_get(tree, "messages");
    const cJSON *prompts = ts_json_get(tree, "prompts");
    const cJSON *first = cJSON_GetArrayItem(lists, 0);
    bool flat = cJSON_IsArray(lists) && (ts_json_get(first, "lc") || ts_json_get(first, "data"));
    struct ts_message_reader s = {.arena = arena};
    const cJSON *m;
    if (cJSON_IsArray(first) && cJSON_IsObject(first->child)) {
        cJSON_ArrayForEach(m, first) read_message(&s, m);
    } else if (flat) {
        cJSON_ArrayForEach(m, lists) read_message(&s, m);
    } else if (cJSON_IsString(cJSON_GetArrayItem(prompts, 0))) {
        ts_read_text(&s, "user", ts_json_text(cJSON_GetArrayItem(prompts, 0)));
    } else {
        return false;
    }
    ts_messages_as_prompt(&s, &out->prompt);
    return true;
}

static bool read_logprobs(struct ts_arena *arena, const cJSON *list,
                          struct ts_payload_response *out)
{
    return ts_logprobs_read(arena, list, TS_UNTOLD_LEFT_OUT, &out->logprobs, &out->logprob_count);
}

static void read_generation(struct ts_message_reader *s, const cJSON *generation, ts_view *finish)
{
    const cJSON *message = ts_json_get(generation, "message");
    if (message)
        read_message(s, message);
    else
        ts_read_text(s, "assistant", ts_json_text(ts_json_get(generation, "text")));
    struct ts_message *last = &s->messages[s->count - 1];
    if (last->content.len == 0) {
        last->content = ts_json_text(ts_json_get(generation, "text"));
        s->masked = s->masked || ts_is_mask(last->content);
    }
    static const char *const places[] = {
        "generation_info.finish_reason", "message.kwargs.response_metadata.finish_reason",
        "message.kwargs.response_metadata.stop_reason", "message.response_metadata.finish_reason"};
    for (size_t i = 0; i < TS_COUNT(places) && finish->len == 0; i++)
        *finish = ts_json_text(ts_json_path(generation, places[i]));
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *list = cJSON_GetArrayItem(ts_json_get(tree, "generations"), 0);
    const cJSON *generation;
    if (!cJSON_IsArray(list) || !list->child)
        return false;
    size_t n = 0;
    ts_view *finish = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *finish);
    struct ts_message_reader s = {.arena = arena};
    cJSON_ArrayForEach(generation, list) read_generation(&s, generation, &finish[n++]);
    if (s.count == n)
        ts_messages_as_choices(&s, finish, &out->side);
    else
        ts_messages_as_response(&s, &out->side);
    const cJSON *kwargs = ts_json_path(list->child, "message.kwargs");
    out->model = ts_json_text(ts_json_path(tree, "llm_output.model_name"));
    if (out->model.len == 0)
        out->model = ts_json_text(ts_json_path(kwargs, "response_metadata.model_name"));
    out->usage = ts_usage_of(ts_json_path(tree, "llm_output.token_usage"));
    if (out->usage.input_tokens < 0)
        out->usage = ts_usage_of(ts_json_get(kwargs, "usage_metadata"));
    out->has_logprobs =
        read_logprobs(arena, ts_json_path(list->child, "generation_info.logprobs.content"), out) ||
        read_logprobs(arena, ts_json_path(kwargs, "response_metadata.logprobs.content"), out);
    return true;
}

const struct ts_payload_shape ts_payload_langchain = {"LangChain", read_request, read_response};
