/* reply.c - bodies of chat/completions and embeddings, as OpenAI, Azure, vLLM, Ollama and llama.cpp
 * write them: log probabilities null, empty or absent, no usage, content as a list of parts. */
#include "llm/flatten.h"
#include "llm/logprobs.h"
#include "tlm/tlm.h"

static ts_view content_of(struct ts_arena *arena, const cJSON *content)
{
    if (!cJSON_IsArray(content))
        return ts_json_text(content);
    struct ts_buf all = TS_BUF_INIT;
    const cJSON *part;
    cJSON_ArrayForEach(part, content)
        ts_buf_add_view(&all, ts_json_text(ts_json_get(part, "text")));
    ts_view text = ts_arena_copy(arena, ts_buf_view(&all));
    ts_buf_release(&all);
    return text;
}

/* The arguments that a model wrote, as a record holds them: JSON, or a JSON string of what is none. */
static ts_view arguments_of(struct ts_arena *arena, ts_view written)
{
    cJSON *tree = ts_json_parse(written, NULL, NULL);
    if (written.len == 0 || tree) {
        cJSON_Delete(tree);
        return written.len ? written : TS_LIT("{}");
    }
    struct ts_buf quoted = TS_BUF_INIT;
    ts_json_append_text(&quoted, written);
    ts_view text = ts_arena_copy(arena, ts_buf_view(&quoted));
    ts_buf_release(&quoted);
    return text;
}

struct ts_tool_call *ts_tlm_read_tool_calls(struct ts_arena *arena, const cJSON *list,
                                            size_t *count)
{
    size_t n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    struct ts_tool_call *calls = n ? ts_arena_alloc(arena, n * sizeof *calls) : NULL;
    const cJSON *item;
    *count = 0;
    if (n > 0)
        cJSON_ArrayForEach(item, list) calls[(*count)++] = (struct ts_tool_call){
            .id = ts_json_text(ts_json_get(item, "id")),
            .name = ts_json_text(ts_json_path(item, "function.name")),
            .arguments =
                arguments_of(arena, ts_json_text(ts_json_path(item, "function.arguments")))};
    return calls;
}

/* A sampled answer may be a call of a tool: rendered as that of the response is (§4.3). */
static ts_view calls_of(struct ts_arena *arena, const cJSON *list, ts_view content)
{
    struct ts_llm llm = {.response = content};
    llm.tool_calls = ts_tlm_read_tool_calls(arena, list, &llm.tool_call_count);
    return llm.tool_calls ? ts_flatten_response(arena, &llm) : content;
}

static void read_tokens(struct ts_arena *arena, const cJSON *list, struct ts_tlm_reply *reply)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    struct ts_tlm_token *tokens = ts_arena_alloc(arena, (n + 1) * sizeof *tokens);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        struct ts_tlm_token *t = &tokens[reply->token_count++];
        struct ts_logprob *top;
        t->text = ts_json_text(ts_json_get(item, "token"));
        t->logprob = ts_logprob_of(item); /* NaN: "impossible" would turn a verdict round */
        if (ts_logprobs_read(arena, ts_json_get(item, "top_logprobs"), TS_UNTOLD_NAN, &top,
                             &t->top_count))
            t->top = top;
    }
    reply->tokens = tokens;
    reply->has_tokens = true;
}

static int64_t count_of(const cJSON *body, const char *path)
{
    int64_t n;
    return ts_json_int64(ts_json_path(body, path), &n) && n >= 0 ? n : -1;
}

bool ts_tlm_read_completion(struct ts_arena *arena, const cJSON *body, struct ts_tlm_reply *reply)
{
    *reply = (struct ts_tlm_reply){.prompt_tokens = count_of(body, "usage.prompt_tokens"),
                                   .completion_tokens = count_of(body, "usage.completion_tokens")};
    const cJSON *choice = cJSON_GetArrayItem(ts_json_get(body, "choices"), 0);
    const cJSON *message = ts_json_get(choice, "message");
    if (!cJSON_IsObject(message))
        return false;
    reply->content = content_of(arena, ts_json_get(message, "content"));
    reply->content = calls_of(arena, ts_json_get(message, "tool_calls"), reply->content);
    reply->reasoning = ts_json_text(ts_json_get(message, "reasoning_content"));
    if (reply->reasoning.len == 0) /* newer vLLM and Ollama */
        reply->reasoning = ts_json_text(ts_json_get(message, "reasoning"));
    const cJSON *tokens = ts_json_path(choice, "logprobs.content");
    if (cJSON_IsArray(tokens))
        read_tokens(arena, tokens, reply);
    return true;
}

bool ts_tlm_read_embedding(struct ts_arena *arena, const cJSON *body, struct ts_tlm_reply *reply)
{
    *reply = (struct ts_tlm_reply){.prompt_tokens = count_of(body, "usage.prompt_tokens"),
                                   .completion_tokens = 0};
    const cJSON *list = ts_json_get(cJSON_GetArrayItem(ts_json_get(body, "data"), 0), "embedding");
    if (!cJSON_IsArray(list) || !list->child)
        return false;
    double *vector = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *vector);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item))
            return false;
        vector[reply->dimensions++] = item->valuedouble;
    }
    reply->vector = vector;
    return true;
}
