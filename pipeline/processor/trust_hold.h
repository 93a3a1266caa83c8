/* trust_hold.h - how long LLM spans stay, and how they leave. */
#ifndef TS_PROCESSOR_TRUST_HOLD_H
#define TS_PROCESSOR_TRUST_HOLD_H

#include "pipeline/processor/trust_instance.h"

/* Has them scored; they leave when the last is decided or the longest hold is over. */
void trust_hold(struct trust_held *held);
/* No more time: what waits for a remote scorer leaves now, on this loop, and in future at once. */
void trust_flush(struct ts_instance *self, struct ts_loop *loop);

#endif
