#include "llm/logprobs.h"

#include <math.h>

double ts_logprob_of(const cJSON *item)
{
    double p;
    return ts_json_double(ts_json_get(item, "logprob"), &p) ? p : NAN;
}

bool ts_logprobs_read(struct ts_arena *arena, const cJSON *list, enum ts_untold untold,
                      struct ts_logprob **items, size_t *count)
{
    const cJSON *item;
    if (!cJSON_IsArray(list))
        return false;
    *items = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof **items);
    *count = 0;
    cJSON_ArrayForEach(item, list)
    {
        double p;
        bool told = ts_json_double(ts_json_get(item, "logprob"), &p);
        if (told || untold == TS_UNTOLD_NAN)
            (*items)[(*count)++] =
                (struct ts_logprob){ts_json_text(ts_json_get(item, "token")), told ? p : NAN};
    }
    return true;
}

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
