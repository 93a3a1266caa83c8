/* trust_recall.h - spans that have left before, and may not be decided anew. */
#ifndef TS_PROCESSOR_TRUST_RECALL_H
#define TS_PROCESSOR_TRUST_RECALL_H

#include "pipeline/processor/trust_instance.h"

/* Gives the span a decision that was stored. False: it does not parse. */
bool trust_restore(struct trust_span *span, ts_view decision);
/* Gives the spans that left before, in the last run or as another copy, the decision that they left with. */
void trust_recall(struct trust_held *held);
/* The same for the spans of a kept batch that stands alone: which of them are due. */
void trust_recall_due(struct trust_held *held, struct ts_batch *kept);
/* The spans leave now: of several copies that were held at the same time, the first decides. */
void trust_settle(struct trust_held *held);
/* Has the decisions of spans that are not kept yet put down beside their batch. `done` comes later, on the home
 * loop. False: there is nothing to keep, or nowhere; `done` does not come. */
bool trust_keep(struct trust_held *held, void (*done)(struct trust_held *));
/* A late score has come: kept until its evaluation is posted, even if its record goes. */
void trust_keep_answer(struct trust_span *span);

#endif
