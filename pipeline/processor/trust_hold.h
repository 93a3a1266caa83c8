/* trust_hold.h - how long LLM spans stay, and how they leave. */
#ifndef TS_PROCESSOR_TRUST_HOLD_H
#define TS_PROCESSOR_TRUST_HOLD_H

#include "pipeline/processor/trust_instance.h"

/* The spans of one part: `payload` is referenced, `own` (NULL: the notes are the batch's) taken over,
 * `completion` done when they are through. The batch is pending until they leave. */
struct trust_held *trust_held_new(struct ts_instance *self, struct ts_batch *batch,
                                  struct ts_payload *payload, size_t items,
                                  const struct trust_notes *notes, struct trust_notes *own,
                                  struct ts_completion *completion);

/* Has them scored; they leave when the last is decided or the longest hold is over. */
void trust_hold(struct trust_held *held);
/* After a restart: they have left, only the scores are due. */
void trust_resume(struct ts_instance *self, struct ts_batch *late);
/* No more time: what waits for a remote scorer leaves now, on this loop, and in future at once. */
void trust_flush(struct ts_instance *self, struct ts_loop *loop);

#endif
