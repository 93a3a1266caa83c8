/* evaluation_queue.h - evaluations on their way to one exporter, in batches.
 * They come when their span has been accepted, and wait a moment, because backends store spans after
 * they accept them (Phoenix: about 0.1 s; phoenix.md 3.5). Belongs to the exporter's loop. */
#ifndef TS_ENGINE_EVALUATION_QUEUE_H
#define TS_ENGINE_EVALUATION_QUEUE_H

#include "pipeline/engine/batch.h"
#include "pipeline/exporter.h"
#include "telemetry/metrics.h"

struct ts_evaluation_queue;

struct ts_evaluation_queue *ts_evaluation_queue_new(const struct ts_exporter *exporter,
                                                    struct ts_instance *instance, const char *id,
                                                    struct ts_loop *loop,
                                                    struct ts_metrics *metrics);
void ts_evaluation_queue_free(struct ts_evaluation_queue *queue); /* as ts_sending_queue_free */

/* Owes the batch until the backend has the evaluation or it is given up. Thread: the batch's home. */
void ts_evaluation_queue_add(struct ts_evaluation_queue *queue, struct ts_batch *batch,
                             struct ts_evaluation *evaluation);
bool ts_evaluation_queue_busy(const struct ts_evaluation_queue *queue); /* Thread: any */
/* No more settling: post what waits. Thread: any. */
void ts_evaluation_queue_flush(struct ts_evaluation_queue *queue);

#endif
