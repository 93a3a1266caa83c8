/* payload_openai_chat.c - OpenAI chat completions, the most copied JSON there is (dialects §5). */
#include "llm/dialect/dialect.h"

#include "llm/logprobs.h"
#include "llm/normal.h"

/* ---- messages ---- */

struct content {
    struct ts_text text;
    bool media, masked;
};

static ts_view marker_of(ts_view type)
{
    static const struct {
        const char *type, *marker;
    } rows[] = {{"image_url", "[image]"},   {"image", "[image]"}, {"input_image", "[image]"},
                {"input_audio", "[audio]"}, {"audio", "[audio]"}, {"video_url", "[video]"},
                {"video", "[video]"},       {"file", "[file]"},   {"input_file", "[file]"}};
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        if (ts_view_is(type, rows[i].type))
            return ts_view_str(rows[i].marker);
    return TS_NOTHING;
}

static void add_text(struct ts_arena *arena, ts_view text, bool media, struct content *c)
{
    ts_view marker = ts_media_marker(text);
    c->media = c->media || media || marker.len > 0;
    c->masked = c->masked || ts_is_mask(text);
    ts_text_add(arena, &c->text, marker.len ? marker : text, "\n");
}

static void add_part(struct ts_arena *arena, const cJSON *part, struct content *c)
{
    ts_view type = ts_json_text(ts_json_get(part, "type"));
    ts_view text =
        cJSON_IsString(part) ? ts_json_text(part) : ts_json_text(ts_json_get(part, "text"));
    if (ts_view_is(type, "reasoning")) /* neither prompt nor answer (§2.2) */
        return;
    if (ts_view_is(type, "refusal"))
        text = ts_json_text(ts_json_get(part, "refusal"));
    ts_view marker = marker_of(type);
    add_text(arena, marker.len ? marker : text, marker.len > 0, c);
}

static struct content read_content(struct ts_arena *arena, const cJSON *content)
{
    struct content c = {0};
    if (!cJSON_IsArray(content)) {
        add_text(arena, ts_json_text(content), false, &c);
        return c;
    }
    const cJSON *part;
    cJSON_ArrayForEach(part, content) add_part(arena, part, &c);
    return c;
}

static void read_calls(struct ts_arena *arena, const cJSON *message, struct ts_tool_call **list,
                       size_t *count)
{
    const cJSON *calls = ts_json_get(message, "tool_calls");
    const cJSON *old = ts_json_get(message, "function_call");
    int n = cJSON_GetArraySize(calls) + cJSON_IsObject(old);
    *count = 0;
    if (n == 0)
        return;
    *list = ts_arena_alloc(arena, (size_t)n * sizeof **list);
    const cJSON *call;
    cJSON_ArrayForEach(call, calls)
    {
        const cJSON *f = ts_json_get(call, "function");
        struct ts_tool_call one = {ts_json_text(ts_json_get(call, "id")),
                                   ts_json_text(ts_json_get(f, "name")),
                                   ts_arguments_of_json(arena, ts_json_get(f, "arguments"))};
        if (one.name.len > 0 || one.id.len > 0)
            ts_add_tool_call(*list, count, one);
    }
    if (cJSON_IsObject(old) && *count == 0)
        (*list)[(*count)++] =
            (struct ts_tool_call){TS_NOTHING, ts_json_text(ts_json_get(old, "name")),
                                  ts_arguments_of_json(arena, ts_json_get(old, "arguments"))};
}

static void read_message(struct ts_arena *arena, const cJSON *m, struct ts_prompt_side *out)
{
    struct content c = read_content(arena, ts_json_get(m, "content"));
    struct ts_message *to = &out->messages[out->count++];
    *to = (struct ts_message){.role = ts_normal_role(ts_json_text(ts_json_get(m, "role"))),
                              .content = c.text.view,
                              .tool_call_id = ts_json_text(ts_json_get(m, "tool_call_id")),
                              .name = ts_json_text(ts_json_get(m, "name"))};
    if (to->name.len == 0)
        to->name = ts_own_role(ts_json_text(ts_json_get(m, "role")));
    read_calls(arena, m, &to->tool_calls, &to->tool_call_count);
    out->media = out->media || c.media;
    out->masked = out->masked || c.masked;
}

/* What makes it somebody else's shape: Anthropic's and Bedrock's blocks, LangChain's lists. */
static bool is_foreign_block(const cJSON *part)
{
    static const char *const types[] = {"tool_use", "tool_result",       "thinking",
                                        "document", "redacted_thinking", "search_result"};
    ts_view type = ts_json_text(ts_json_get(part, "type"));
    for (size_t i = 0; i < TS_COUNT(types); i++)
        if (ts_view_is(type, types[i]))
            return true;
    return cJSON_IsObject(part) && type.len == 0; /* Bedrock: bare keys text, toolUse … */
}

static bool is_chat_list(const cJSON *messages)
{
    if (!cJSON_IsArray(messages) || !messages->child)
        return false;
    const cJSON *m;
    cJSON_ArrayForEach(m, messages)
    {
        if (!cJSON_IsObject(m) || !cJSON_IsString(ts_json_get(m, "role")) ||
            ts_json_get(m, "text") || ts_json_get(m, "parts"))
            return false;
        const cJSON *content = ts_json_get(m, "content");
        const cJSON *part;
        if (cJSON_IsArray(content))
            cJSON_ArrayForEach(part, content) if (is_foreign_block(part)) return false;
    }
    return true;
}

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *messages = cJSON_IsArray(tree) ? tree : ts_json_get(tree, "messages");
    if (!is_chat_list(messages) || ts_json_get(tree, "system"))
        return false;
    size_t count = (size_t)cJSON_GetArraySize(messages);
    out->prompt.messages = ts_arena_alloc(arena, count * sizeof *out->prompt.messages);
    const cJSON *m;
    cJSON_ArrayForEach(m, messages) read_message(arena, m, &out->prompt);
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->tools = ts_json_get(tree, "tools");
    out->response_format = ts_json_get(tree, "response_format");
    out->stream = ts_json_true(ts_json_get(tree, "stream"));
    ts_json_int64(ts_json_get(tree, "n"), &out->n);
    return true;
}

/* ---- the answer ---- */

static void read_choice(struct ts_arena *arena, const cJSON *choice, struct ts_choice *out,
                        struct content *content)
{
    const cJSON *m = ts_json_get(choice, "message");
    *content = read_content(arena, ts_json_get(m, "content"));
    ts_view text = content->text.view;
    *out =
        (struct ts_choice){.response = text.len ? text : ts_json_text(ts_json_get(m, "refusal"))};
    read_calls(arena, m, &out->tool_calls, &out->tool_call_count);
    out->finish_reason = ts_json_text(ts_json_get(choice, "finish_reason"));
}

static int64_t int_at(const cJSON *object, const char *path)
{
    int64_t value;
    return ts_json_int64(ts_json_path(object, path), &value) ? value : -1;
}

static struct ts_usage read_usage(const cJSON *usage)
{
    return (struct ts_usage){
        .input_tokens = int_at(usage, "prompt_tokens"),
        .output_tokens = int_at(usage, "completion_tokens"),
        .total_tokens = int_at(usage, "total_tokens"),
        .cache_read = int_at(usage, "prompt_tokens_details.cached_tokens"),
        .cache_write = -1,
        .reasoning = int_at(usage, "completion_tokens_details.reasoning_tokens"),
    };
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *choices = ts_json_get(tree, "choices");
    size_t count = (size_t)cJSON_GetArraySize(choices);
    if (count == 0 || !ts_json_get(cJSON_GetArrayItem(choices, 0), "message"))
        return false;
    struct ts_choice *all = ts_arena_alloc(arena, count * sizeof *all);
    struct ts_response_side *side = &out->side;
    const cJSON *choice;
    size_t n = 0;
    cJSON_ArrayForEach(choice, choices)
    {
        struct content content;
        read_choice(arena, choice, &all[n++], &content);
        side->masked = side->masked || content.masked;
        side->media = side->media || content.media;
    }
    side->found = all[0].response.len > 0 || all[0].tool_call_count > 0;
    side->text = all[0].response;
    side->tool_calls = all[0].tool_calls;
    side->tool_call_count = all[0].tool_call_count;
    side->finish_raw = all[0].finish_reason;
    side->choices = count > 1 ? all : NULL;
    side->choice_count = count > 1 ? count : 0;
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->id = ts_json_text(ts_json_get(tree, "id"));
    out->usage = read_usage(ts_json_get(tree, "usage"));
    out->has_logprobs = ts_logprobs_read(arena, ts_json_path(choices->child, "logprobs.content"),
                                         TS_UNTOLD_LEFT_OUT, &out->logprobs, &out->logprob_count);
    return true;
}

const struct ts_payload_shape ts_payload_openai_chat = {"OpenAI chat", read_request, read_response};
