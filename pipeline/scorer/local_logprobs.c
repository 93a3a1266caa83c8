/* local_logprobs.c - how sure was the model of its own words? Half the mean token probability of the
 * answer (what TLM calls the perplexity score), half the probability of its weakest content token: in
 * a sentence of easy words, one doubtful name or number decides, and a mean hides it. Sure is not
 * right: a model can be sure and wrong, and the explanation says what was measured, no more. */
#include "pipeline/scorer/local_signal.h"

#include <ctype.h>
#include <math.h>

/* Few tokens are little evidence; from here on it counts in full. Our own choice. */
static const double full_weight = 8;

/* White space, punctuation and the markers of chat templates carry no content. */
static bool is_content(ts_view token)
{
    for (size_t i = 0; i < token.len; i++)
        if (isalnum(token.ptr[i]) || token.ptr[i] >= 0x80)
            return token.ptr[0] != '<';
    return false;
}

/* Does this token go on with the word of the one before it? */
static bool continues(const struct ts_logprob *p)
{
    return p->token.len > 0 && !isspace(p->token.ptr[0]) && is_content(p->token);
}

/* The weakest token as a reader knows it: the whole word, and its doubtful neighbours. */
static ts_view weak_span(struct ts_arena *arena, const struct ts_llm *llm,
                         const struct ts_logprob *weakest)
{
    enum { MOST = 8 };
    const double doubtful = -0.7; /* a probability of one half */
    const struct ts_logprob *first = weakest;
    const struct ts_logprob *last = weakest;
    const struct ts_logprob *end = llm->logprobs + llm->logprob_count;
    while (first > llm->logprobs && weakest - first < MOST &&
           (continues(first) || (is_content(first[-1].token) && first[-1].logprob < doubtful)))
        first--;
    while (last + 1 < end && last - weakest < MOST &&
           (continues(last + 1) || (is_content(last[1].token) && last[1].logprob < doubtful)))
        last++;
    struct ts_buf text = TS_BUF_INIT;
    for (const struct ts_logprob *p = first; p <= last; p++)
        ts_buf_add_view(&text, p->token);
    ts_view quote = ts_local_quote(arena, ts_arena_copy(arena, ts_buf_view(&text)));
    ts_buf_release(&text);
    return quote;
}

void ts_local_logprobs(struct ts_agreement *memory, const struct ts_llm *llm,
                       struct ts_arena *arena, struct ts_local_signal *out)
{
    (void)memory;
    double sum = 0;
    size_t count = 0;
    const struct ts_logprob *weakest = NULL;
    for (size_t i = 0; i < llm->logprob_count; i++) {
        const struct ts_logprob *p = &llm->logprobs[i];
        if (isnan(p->logprob) || p->logprob > 1e-6) /* no probability: leave it out */
            continue;
        sum += p->logprob < 0 ? exp(p->logprob) : 1;
        count++;
        if (is_content(p->token) && (!weakest || p->logprob < weakest->logprob))
            weakest = p;
    }
    if (count == 0)
        return;
    double mean = sum / (double)count;
    out->present = true;
    out->score = weakest ? (mean + exp(weakest->logprob)) / 2 : mean;
    out->weight = (double)count < full_weight ? (double)count / full_weight : 1;
    if (weakest)
        out->text = ts_arena_printf(
            arena,
            "The probabilities of the %zu recorded tokens average %.2f; the least likely piece is "
            "'" TS_FMT "' at %.2f.",
            count, mean, TS_ARG(weak_span(arena, llm, weakest)), exp(weakest->logprob));
    else
        out->text = ts_arena_printf(
            arena, "The probabilities of the %zu recorded tokens average %.2f.", count, mean);
}
