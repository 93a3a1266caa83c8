/* payload_text_completion.c - OpenAI's older completions API: a prompt string in, a text out. */
#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *prompt = ts_json_get(tree, "prompt");
    if (cJSON_IsArray(prompt)) /* several prompts are several calls: the first counts */
        prompt = cJSON_GetArrayItem(prompt, 0);
    if (!cJSON_IsString(prompt))
        return false;
    out->prompt.messages = ts_arena_alloc(arena, sizeof *out->prompt.messages);
    out->prompt.messages[0] =
        (struct ts_message){.role = TS_LIT("user"), .content = ts_json_text(prompt)};
    out->prompt.count = 1;
    out->prompt.masked = ts_is_mask(ts_json_text(prompt));
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->stream = ts_json_true(ts_json_get(tree, "stream"));
    ts_json_int64(ts_json_get(tree, "n"), &out->n);
    return true;
}

static void read_logprobs(struct ts_arena *arena, const cJSON *choice,
                          struct ts_payload_response *out)
{
    const cJSON *tokens = ts_json_path(choice, "logprobs.tokens");
    const cJSON *values = ts_json_path(choice, "logprobs.token_logprobs");
    int n = cJSON_GetArraySize(tokens);
    if (n == 0 || n != cJSON_GetArraySize(values))
        return;
    out->logprobs = ts_arena_alloc(arena, (size_t)n * sizeof *out->logprobs);
    const cJSON *value = values->child;
    const cJSON *token;
    cJSON_ArrayForEach(token, tokens)
    {
        double logprob;
        if (ts_json_double(value, &logprob)) /* the first may be null */
            out->logprobs[out->logprob_count++] = (struct ts_logprob){ts_json_text(token), logprob};
        value = value->next;
    }
    out->has_logprobs = true;
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *choices = ts_json_get(tree, "choices");
    const cJSON *choice;
    if (!cJSON_IsArray(choices) || !cJSON_IsString(ts_json_get(choices->child, "text")))
        return false;
    struct ts_message_reader s = {.arena = arena};
    ts_view *finish = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(choices) * sizeof *finish);
    cJSON_ArrayForEach(choice, choices)
    {
        ts_read_text(&s, "assistant", ts_json_text(ts_json_get(choice, "text")));
        finish[s.count - 1] = ts_json_text(ts_json_get(choice, "finish_reason"));
    }
    ts_messages_as_choices(&s, finish, &out->side);
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->id = ts_json_text(ts_json_get(tree, "id"));
    const cJSON *usage = ts_json_get(tree, "usage");
    ts_json_int64(ts_json_get(usage, "prompt_tokens"), &out->usage.input_tokens);
    ts_json_int64(ts_json_get(usage, "completion_tokens"), &out->usage.output_tokens);
    ts_json_int64(ts_json_get(usage, "total_tokens"), &out->usage.total_tokens);
    read_logprobs(arena, choices->child, out);
    return true;
}

const struct ts_payload_shape ts_payload_text_completion = {"text completion", read_request,
                                                            read_response};
