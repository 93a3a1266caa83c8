/* local_logprobs.c - how sure was the model of its own words? Half the mean token probability of the
 * answer (what TLM calls the perplexity score), half the probability of its weakest content token: in
 * a sentence of easy words, one doubtful name or number decides, and a mean hides it. Sure is not
 * right: a model can be sure and wrong, and the explanation says what was measured, no more. */
#include "pipeline/scorer/local.h"

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

void ts_local_logprobs(const struct ts_llm *llm, struct ts_arena *arena, struct ts_signal *out)
{
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
    out->speaks = true;
    out->score = weakest ? (mean + exp(weakest->logprob)) / 2 : mean;
    out->weight = (double)count < full_weight ? (double)count / full_weight : 1;
    if (weakest)
        out->text = ts_arena_printf(
            arena,
            "Recorded token probabilities average %.2f; the least likely piece is '" TS_FMT
            "' at %.2f.",
            mean, TS_ARG(ts_local_quote(arena, weakest->token)), exp(weakest->logprob));
    else
        out->text = ts_arena_printf(arena, "Recorded token probabilities average %.2f.", mean);
}
