#include "llm/llm.h"

#include <math.h>

double ts_llm_mean_probability(const struct ts_llm *llm)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < llm->logprob_count; i++)
        if (llm->logprobs[i].logprob <=
            0) { /* NaN and what is no logarithm of a probability: out */
            sum += exp(llm->logprobs[i].logprob);
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}
