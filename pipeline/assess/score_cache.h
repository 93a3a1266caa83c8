/* score_cache.h - a score that was had once is not paid for again.
 * In front of every scorer that asks somebody: the same scorer with the same settings, asked the same,
 * gives its earlier score. Only whole scores are kept; one that lost a part is asked for anew. */
#ifndef TS_ASSESS_SCORE_CACHE_H
#define TS_ASSESS_SCORE_CACHE_H

#include "pipeline/scorer.h"
#include "store/cache.h"

/* Of all that decides the score: the scorer's identity, messages, tools, response, context, schema. */
struct ts_cache_key ts_score_key(const struct ts_scorer_instance *scorer, const struct ts_llm *llm);
/* The earlier score, in the arena; false: none. It costs nothing now. */
bool ts_score_recall(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                     struct ts_score *out);
void ts_score_remember(struct ts_cache *cache, const struct ts_cache_key *key,
                       const struct ts_score *score);

#endif
