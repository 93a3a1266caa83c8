/* trust_score.h - decisions for what a part holds. */
#ifndef TS_PROCESSOR_TRUST_SCORE_H
#define TS_PROCESSOR_TRUST_SCORE_H

#include "pipeline/processor/trust_instance.h"

/* The records of the spans, with what their traces say of them; what cannot be scored is decided. */
void trust_read(struct trust_held *held);
/* Tells the trace table about the spans beside them. */
void trust_note_context(struct ts_instance *self, const struct trust_notes *notes);
/* How long the spans of this policy wait. */
ts_time trust_hold_of(const struct ts_instance *self, const struct ts_scoring_policy *policy);
/* Decides from the cache or asks the scorers, for all that is undecided; an answer is waited for until
 * `give_up` after the span's hold. `answered` comes later for each span that was asked for. */
void trust_score(struct trust_held *held, ts_time give_up,
                 void (*answered)(struct trust_span *span, enum ts_job_end end));
/* The same where there is room, or none is needed. */
void trust_ask(struct trust_held *held, ts_time give_up,
               void (*answered)(struct trust_span *span, enum ts_job_end end));

#endif
