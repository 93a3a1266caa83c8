/* consistency.h - how much fresh answers agree with the one that is judged (§8). */
#ifndef TS_TLM_CONSISTENCY_H
#define TS_TLM_CONSISTENCY_H

#include "tlm/tlm.h"

/* Reads a sampled answer out of a reply; `text` is the piece of the `whole` that counts. */
void ts_consistency_sample(struct ts_tlm *tlm, struct ts_tlm_call *call,
                           const struct ts_tlm_reply *reply, ts_view whole, ts_view text);
/* After sample `i` has been answered (and -1: at the start): adds the comparisons that can now be
 * made. */
void ts_consistency_advance(struct ts_tlm *tlm, int i);
/* One p a sample, NaN when it has none (§8.3 - §8.6); NULL without samples. */
const double *ts_consistency_scores(struct ts_tlm *tlm);
/* Share of samples identical to the answer (§8.7); NaN: none, or compared by label. */
double ts_consistency_indicator(const struct ts_tlm *tlm);
/* The sample that disagrees most; NULL: none. */
const struct ts_tlm_call *ts_consistency_worst(const struct ts_tlm *tlm, const double *scores);

#endif
