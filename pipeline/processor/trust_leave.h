/* trust_leave.h - spans with their decisions, on to the next consumer. */
#ifndef TS_PROCESSOR_TRUST_LEAVE_H
#define TS_PROCESSOR_TRUST_LEAVE_H

#include "pipeline/processor/trust_instance.h"

/* Passes all spans on; `end` comes when they have met their fate. */
void trust_pass_on(struct trust_held *held, void (*end)(struct ts_completion *, enum ts_fate));
/* Those that are late and kept nowhere, as they came: a part of the caller's to release. */
void trust_cut_due(const struct trust_held *held, struct ts_part *part);

#endif
