/* trust_due.h - what is due of spans when they have left: evaluations, late scores; and the end. */
#ifndef TS_PROCESSOR_TRUST_DUE_H
#define TS_PROCESSOR_TRUST_DUE_H

#include "pipeline/processor/trust_instance.h"

/* All spans leave, and what is due of them follows. */
void trust_depart(struct trust_held *held);
/* A scorer's answer about a span that is late. */
void trust_answered_late(struct trust_span *span, enum ts_job_end end);
/* A scorer's answer that nobody waits for any more. */
void trust_end_if_through(struct trust_held *held);
/* After a restart: what is kept of spans whose request is gone. */
void trust_resume(struct ts_instance *self, struct ts_batch *kept);
/* The process stops: what has not been asked for stays in the store. Thread: the list's loop. */
void trust_leave_due(struct trust_list *list);
/* For ts_room. */
void trust_on_room(struct ts_task *task);

#endif
