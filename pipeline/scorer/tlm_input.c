#include "pipeline/scorer/tlm_input.h"

#include "llm/flatten.h"

#include <math.h>

static bool is_shown(const struct ts_llm *llm, ts_view text)
{
    for (size_t i = 0; i < llm->message_count; i++)
        if (ts_view_find(llm->messages[i].content, text) != SIZE_MAX)
            return true;
    return false;
}

/* All retrieved documents; `unseen` gets those that no message quotes. */
static ts_view context_of(struct ts_arena *arena, const struct ts_llm *llm, struct ts_buf *unseen)
{
    struct ts_buf all = TS_BUF_INIT;
    for (size_t i = 0; i < llm->document_count; i++) {
        ts_view text = llm->documents[i].content;
        ts_buf_add_str(&all, all.len ? "\n\n" : "");
        ts_buf_add_view(&all, text);
        if (!is_shown(llm, ts_view_trim(text))) {
            ts_buf_add_str(unseen, unseen->len ? "\n\n" : "");
            ts_buf_add_view(unseen, text);
        }
    }
    ts_view context = ts_arena_copy(arena, ts_buf_view(&all));
    ts_buf_release(&all);
    return context;
}

/* A judge of a retrieval needs what was retrieved: what the messages do not hold goes before them. */
static ts_view request_of(struct ts_arena *arena, const struct ts_llm *llm,
                          const struct ts_buf *unseen)
{
    ts_view prompt = ts_flatten_prompt(arena, llm);
    if (unseen->len == 0)
        return prompt;
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_add_str(&out, "Context:\n");
    ts_buf_add_view(&out, ts_buf_view(unseen));
    ts_buf_add_str(&out, "\n\n");
    ts_buf_add_view(&out, prompt);
    ts_view request = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return request;
}

void ts_tlm_input_of(struct ts_arena *arena, const struct ts_llm *llm, enum ts_tlm_compat compat,
                     struct ts_tlm_input *input)
{
    struct ts_buf unseen = TS_BUF_INIT;
    *input = (struct ts_tlm_input){
        .messages = llm->messages,
        .message_count = llm->message_count,
        .tools = llm->tools,
        .tool_count = llm->tool_count,
        .response = ts_flatten_response(arena, llm),
        .only_tool_calls = llm->tool_call_count > 0 && ts_view_trim(llm->response).len == 0,
        .perplexity = ts_llm_mean_probability(llm),
        .has_context = llm->document_count > 0,
        .structured = llm->format_type == TS_FORMAT_JSON_SCHEMA && llm->format_schema.len > 0,
        .schema = llm->format_schema,
        .model = llm->model,
        .temperature = NAN};
    input->context = context_of(arena, llm, &unseen);
    input->unseen = ts_arena_copy(arena, ts_buf_view(&unseen));
    if (compat == TS_TLM_RECOMMENDED) /* the reference has a form of its own (§4.1) */
        input->request = request_of(arena, llm, &unseen);
    ts_buf_release(&unseen);
}
