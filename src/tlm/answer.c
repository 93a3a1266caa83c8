/* answer.c - what the reply to a call comes to (§7.4, §9 - §11). */
#include "tlm/consistency.h"
#include "tlm/parse.h"
#include "tlm/structured.h"
#include "tlm/templates.h"
#include "tlm/text.h"
#include "tlm/tokens.h"

#include <assert.h>
#include <math.h>

static void set_parsed(struct ts_tlm_call *call, const struct ts_parsed *p)
{
    call->has_mapped = p->found;
    call->mapped = p->found ? p->mapped : NAN;
    call->score = call->mapped;
}

/* §7.4: a token's own probability in place of what was read, where it is known. */
static void set_choice(struct ts_tlm_call *call, const struct ts_tlm_reply *reply, const char *yes,
                       const char *no)
{
    double score = reply->has_tokens ? ts_tokens_choice(reply, yes, no) : NAN;
    if (!isnan(score))
        call->score = score;
}

static ts_view explanation_of(const struct ts_tlm *tlm, const struct ts_tlm_template *t,
                              const struct ts_tlm_reply *reply, ts_view text)
{
    ts_view why = TS_NOTHING;
    bool cut = tlm->options->compat == TS_TLM_RECOMMENDED && !t->issues; /* by read_call */
    if (t->thinks && tlm->resolved.effort != TS_TLM_NONE && !cut)
        why = t->issues ? ts_tlm_parse_issues(text) : ts_tlm_parse_reasoning(text, t->tag, true);
    return why.len > 0 ? why : ts_text_strip(reply->reasoning);
}

static void read_reflection(struct ts_tlm *tlm, struct ts_tlm_call *call,
                            const struct ts_tlm_reply *reply, ts_view text)
{
    const struct ts_tlm_template *t = call->template;
    call->explanation = ts_arena_copy(tlm->arena, explanation_of(tlm, t, reply, text));
    if (ts_tlm_is_structured(t)) {
        if (!ts_structured_reflection(tlm, call, text) && tlm->options->compat == TS_TLM_REFERENCE)
            tlm->error = "a reflection's JSON cannot be read: the reference stops";
        return;
    }
    bool thinks = t->thinks && tlm->resolved.effort != TS_TLM_NONE;
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, thinks ? t->thinking : t->form, text);
    set_parsed(call, &p);
    if (t->yes)
        set_choice(call, reply, t->yes, t->no);
}

/* §11. The reference takes a zero for none (D7). */
static void read_prompt_evaluation(struct ts_tlm *tlm, struct ts_tlm_call *call,
                                   const struct ts_tlm_reply *reply, ts_view text)
{
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, TS_FORM_YES_NO_CHOICE, text);
    set_parsed(call, &p);
    set_choice(call, reply, "yes", "no");
    if (tlm->options->compat == TS_TLM_REFERENCE && call->score == 0)
        call->score = NAN;
}

/* §10. The reference takes a mapped zero for none (D8). */
static void read_eval(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply, ts_view text)
{
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, TS_FORM_RATING_5, text);
    set_parsed(call, &p);
    if (!p.found)
        return;
    bool reference = tlm->options->compat == TS_TLM_REFERENCE;
    double expected = reply->has_tokens ? ts_tokens_rating(reply, p.text, reference) : NAN;
    if (!isnan(expected))
        call->score = expected;
    else if (reference && call->mapped == 0)
        call->score = NAN;
    call->score = 0.001 + 0.998 * call->score;
}

static void read_similarity(struct ts_tlm *tlm, struct ts_tlm_call *call, ts_view text)
{
    bool statement = call->measure == TS_TLM_STATEMENT;
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat,
                                      statement ? TS_FORM_YES_NO_ANSWER : TS_FORM_AB_STRICT, text);
    set_parsed(call, &p);
}

/* Does reasoning in front of the `text` explain it? What was asked for, only right before the closed tag of
 * the result, as the reference has it; a model's own, when the server gave no other. */
static bool is_explained(const struct ts_tlm *tlm, const struct ts_tlm_call *call, ts_view text,
                         const struct ts_tlm_reply *reply)
{
    const struct ts_tlm_template *t = call->template;
    ts_view result;
    size_t at = 0;
    bool asked = t && t->thinks && !t->issues && tlm->resolved.effort != TS_TLM_NONE;
    if (!asked)
        return reply->reasoning.len == 0;
    return ts_tlm_tag_next(text, t->tag, &at, &result) &&
           result.ptr == text.ptr + strlen(t->tag) + strlen("<>");
}

/* Is there a probability among the tokens? An empty list, or one of nulls, is what some servers write
 * for none. */
static bool has_probabilities(const struct ts_tlm_reply *reply)
{
    for (size_t i = 0; reply->has_tokens && i < reply->token_count; i++)
        if (!isnan(reply->tokens[i].logprob))
            return true;
    return false;
}

/* Leaves the tokens that `text` is made of, a piece of `whole`, which goes with them. */
static void keep_tokens_of(ts_view text, ts_view *whole, struct ts_tlm_reply *reply)
{
    size_t from = (size_t)(text.ptr - whole->ptr);
    size_t to = from + text.len;
    size_t at = 0;
    size_t n = 0;
    for (; reply->token_count > 0 && at + reply->tokens->text.len <= from; reply->token_count--)
        at += reply->tokens++->text.len;
    *whole = ts_view_from(*whole, at);
    for (; n < reply->token_count && at < to; n++)
        at += reply->tokens[n].text.len;
    reply->token_count = n;
}

/* Cuts off reasoning that a server did not separate from the content. False: there is no result. An answer
 * may speak of </think> where the response does. */
static bool cut_reasoning(const struct ts_tlm *tlm, const struct ts_tlm_call *call, ts_view *whole,
                          ts_view *text, struct ts_tlm_reply *reply)
{
    bool sample = call->kind == TS_TLM_SAMPLE;
    ts_view all = *text;
    ts_view reasoning;
    bool quoted = sample && !ts_view_starts(all, TS_LIT("<think>")) &&
                  ts_view_find(tlm->answer, TS_LIT("</think>")) != SIZE_MAX;
    if (quoted)
        return true;
    if (!ts_tlm_cut_reasoning(text, sample ? "answer" : NULL, &reasoning))
        return false;
    if (reply->has_tokens && text->len < all.len)
        keep_tokens_of(*text, whole, reply);
    if (reasoning.len > 0 && is_explained(tlm, call, *text, reply))
        reply->reasoning = reasoning;
    return true;
}

static void keep_vector(struct ts_tlm *tlm, struct ts_tlm_call *call,
                        const struct ts_tlm_reply *reply)
{
    if (!reply->vector)
        return;
    double *copy = ts_arena_alloc(tlm->arena, reply->dimensions * sizeof *copy);
    memcpy(copy, reply->vector, reply->dimensions * sizeof *copy);
    call->vector = copy;
    call->dimensions = reply->dimensions;
}

static void count_usage(struct ts_tlm *tlm, const struct ts_tlm_reply *reply)
{
    if (reply->prompt_tokens >= 0) {
        tlm->prompt_tokens += reply->prompt_tokens;
        tlm->has_usage = true;
    }
    if (reply->completion_tokens >= 0)
        tlm->completion_tokens += reply->completion_tokens;
}

/* `text` is the piece of the `whole` that counts. */
static void read_text(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply, ts_view whole, ts_view text)
{
    switch (call->kind) {
    case TS_TLM_PROMPT_EVALUATION:
        read_prompt_evaluation(tlm, call, reply, text);
        break;
    case TS_TLM_SAMPLE:
        ts_consistency_sample(tlm, call, reply, whole, text);
        break;
    case TS_TLM_SEMANTIC_EVAL:
        read_eval(tlm, call, reply, text);
        break;
    case TS_TLM_REFLECTION:
        read_reflection(tlm, call, reply, text);
        break;
    case TS_TLM_SIMILARITY:
        read_similarity(tlm, call, text);
        break;
    case TS_TLM_EMBEDDING:
        break;
    }
}

static void read_call(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply)
{
    if (call->kind == TS_TLM_EMBEDDING) {
        keep_vector(tlm, call, reply);
        return;
    }
    struct ts_arena *scratch = ts_arena_new();
    struct ts_tlm_reply usable = *reply;
    bool reference = tlm->options->compat == TS_TLM_REFERENCE;
    ts_view whole = reply->has_tokens ? ts_tokens_join(scratch, reply) : reply->content;
    if (!reference && (whole.len == 0 || !has_probabilities(reply))) {
        usable.has_tokens = false;
        whole = reply->content.len > 0 ? reply->content : whole;
    }
    ts_view text = ts_text_strip(whole);
    if (reference || cut_reasoning(tlm, call, &whole, &text, &usable))
        read_text(tlm, call, &usable, whole, text);
    ts_arena_free(scratch);
}

void ts_tlm_answer(struct ts_tlm *tlm, size_t i, const struct ts_tlm_reply *reply)
{
    struct ts_tlm_call *call = &tlm->calls[i];
    assert(!call->answered);
    call->answered = true;
    call->failed = reply->failed;
    tlm->open--;
    if (!reply->failed) {
        count_usage(tlm, reply);
        read_call(tlm, call, reply);
    }
    if (call->kind == TS_TLM_SAMPLE)
        ts_consistency_advance(tlm, call->index);
}
