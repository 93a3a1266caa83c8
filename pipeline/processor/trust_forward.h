/* trust_forward.h - what is no LLM span. */
#ifndef TS_PROCESSOR_TRUST_FORWARD_H
#define TS_PROCESSOR_TRUST_FORWARD_H

#include "pipeline/processor/trust_instance.h"

/* Passes on all spans of a payload with `items` spans but those in `held_back`; as they came or, with
 * redact.forward, without what nobody else may read. */
void trust_forward(struct ts_instance *self, struct ts_batch *batch, struct ts_payload *payload,
                   size_t items, const struct trust_spans *held_back,
                   struct ts_completion *completion);
/* What the span holds when it is passed on, in the arena; ptr NULL: what it held. */
ts_view trust_redacted(const struct ts_instance *self, struct ts_arena *arena, ts_view span);

#endif
