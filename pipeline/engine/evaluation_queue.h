/* evaluation_queue.h - evaluations on their way to one exporter, some at a time.
 * They come when their span has been accepted, and wait as long as the exporter says, because backends
 * store spans after they accept them. One post at a time keeps the order among those with the same
 * forwarded headers. Belongs to the exporter's loop. */
#ifndef TS_ENGINE_EVALUATION_QUEUE_H
#define TS_ENGINE_EVALUATION_QUEUE_H

#include "pipeline/engine/batch.h"
#include "pipeline/exporter.h"

struct ts_evaluation_queue;

/* `id`: of the exporter. */
struct ts_evaluation_queue *ts_evaluation_queue_new(const struct ts_exporter *exporter,
                                                    struct ts_instance *instance, const char *id,
                                                    struct ts_loop *loop,
                                                    struct ts_metrics *metrics);
/* Nothing may be in it. NULL is fine. */
void ts_evaluation_queue_free(struct ts_evaluation_queue *queue);

/* The batch is pending until the backend has the evaluation or it is given up. Thread: the batch's home. */
void ts_evaluation_queue_add(struct ts_evaluation_queue *queue, struct ts_batch *batch,
                             struct ts_evaluation *evaluation);
/* The process stops: no more settling; the rest as ts_sending_queue_leave, but that with `failing` false
 * failures are still tried again. Thread: any. */
void ts_evaluation_queue_leave(struct ts_evaluation_queue *queue, bool failing, bool all);

#endif
