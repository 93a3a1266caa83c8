/* logprobs.h - recorded log probabilities in OpenAI's shape: a list of {"token": …, "logprob": …}, as
 * "logprobs.content" of a choice holds it, and "top_logprobs" of a token. */
#ifndef TS_LLM_LOGPROBS_H
#define TS_LLM_LOGPROBS_H

#include "json/json.h"
#include "llm/llm.h"

/* What becomes of a token whose probability is not told (some servers write null). */
enum ts_untold {
    TS_UNTOLD_LEFT_OUT,
    TS_UNTOLD_NAN,
};

/* Natural logarithm; NaN: not told. */
double ts_logprob_of(const cJSON *item);
/* False, and nothing is touched, when `list` is no list. The items are the arena's, their tokens are
 * valid as long as the tree. */
bool ts_logprobs_read(struct ts_arena *arena, const cJSON *list, enum ts_untold untold,
                      struct ts_logprob **items, size_t *count);

#endif
