/* record.c - every text of an LLM record. */
#include "llm/redact/internal.h"

struct redaction {
    struct ts_redactor *redactor;
    struct ts_arena *arena;
    bool ok;
};

static void redact(struct redaction *x, ts_view *text)
{
    if (!ts_redact_text(x->redactor, x->arena, *text, text))
        x->ok = false;
}

static void redact_calls(struct redaction *x, struct ts_tool_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        redact(x, &calls[i].arguments);
}

/* The tokens are the response once more, in pieces: a match may begin in one and end in another. Its
 * name stands where it began. */
static void redact_tokens(struct redaction *x, struct ts_logprob *tokens, size_t count)
{
    struct ts_buf text = TS_BUF_INIT;
    struct ts_redact_ranges ranges;
    size_t at = 0;
    size_t next = 0;
    for (size_t i = 0; i < count; i++)
        ts_buf_add_view(&text, tokens[i].token);
    bool found = ts_redact_find(x->redactor, x->arena, ts_buf_view(&text), &ranges);
    x->ok = x->ok && found;
    for (size_t i = 0; found && i < count && next < ranges.count; i++) {
        size_t end = at + tokens[i].token.len;
        struct ts_buf left = TS_BUF_INIT;
        size_t from = at;
        while (next < ranges.count && ranges.items[next].from < end) {
            const struct ts_redact_range *r = &ranges.items[next];
            if (r->from >= at) {
                ts_buf_add(&left, text.ptr + from, r->from - from);
                ts_redact_put(x->redactor, r, &left);
            }
            from = r->to < end ? r->to : end;
            if (r->to > end)
                break;
            next++;
        }
        if (from != at || left.len > 0) {
            ts_buf_add(&left, text.ptr + from, end - from);
            tokens[i].token = ts_arena_copy(x->arena, ts_buf_view(&left));
        }
        ts_buf_release(&left);
        at = end;
    }
    for (size_t i = 0; !found && i < count; i++)
        tokens[i].token = TS_NOTHING;
    ts_buf_release(&text);
}

bool ts_redact_record(struct ts_redactor *r, struct ts_arena *arena, struct ts_llm *llm)
{
    struct redaction x = {r, arena, true};
    for (size_t i = 0; i < llm->message_count; i++) {
        redact(&x, &llm->messages[i].content);
        redact(&x, &llm->messages[i].name);
        redact_calls(&x, llm->messages[i].tool_calls, llm->messages[i].tool_call_count);
    }
    redact(&x, &llm->response);
    redact_calls(&x, llm->tool_calls, llm->tool_call_count);
    for (size_t i = 0; i < llm->choice_count; i++) {
        redact(&x, &llm->choices[i].response);
        if (llm->choices[i].tool_calls != llm->tool_calls) /* the first are those of the record */
            redact_calls(&x, llm->choices[i].tool_calls, llm->choices[i].tool_call_count);
    }
    for (size_t i = 0; i < llm->document_count; i++) {
        redact(&x, &llm->documents[i].content);
        redact(&x, &llm->documents[i].id);
    }
    for (size_t i = 0; i < llm->tool_count; i++) {
        redact(&x, &llm->tools[i].description);
        redact(&x, &llm->tools[i].parameters);
    }
    redact(&x, &llm->format_schema);
    redact_tokens(&x, llm->logprobs, llm->logprob_count);
    return x.ok;
}
