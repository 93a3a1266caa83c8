/* sending_queue.h - parts of one signal on their way to one exporter: waiting, being sent, waiting again.
 * Belongs to the exporter's loop. A failing attempt keeps its place among the consumers, so that a
 * backend that is down is asked by few; but only among those with the same forwarded headers. */
#ifndef TS_ENGINE_SENDING_QUEUE_H
#define TS_ENGINE_SENDING_QUEUE_H

#include "pipeline/consumer.h"
#include "pipeline/exporter.h"
#include "telemetry/metrics.h"

#include <stdatomic.h>

struct ts_sending_queue;

/* `id`: of the exporter, "otlp_grpc/phoenix". */
struct ts_sending_queue *ts_sending_queue_new(const struct ts_exporter *exporter,
                                              struct ts_instance *instance, const char *id,
                                              const struct ts_signal *signal, struct ts_loop *loop,
                                              struct ts_metrics *metrics);
/* Nothing may be in it. NULL is fine. */
void ts_sending_queue_free(struct ts_sending_queue *queue);

/* The same part for several queues. Taken over, freed after `end`, which comes once, on `home`, when
 * every queue is through with it. */
struct ts_outgoing {
    struct ts_part *part;     /* heap; belongs to owner */
    struct ts_payload *owner; /* what keeps the part */
    struct ts_headers *headers;
    atomic_int open; /* sends not yet ended */
    atomic_int worst;
    struct ts_loop *home;
    void (*end)(void *arg, enum ts_fate fate);
    void *arg;
    struct ts_task task;
};
/* Takes over the part; the rest of the result is the caller's to set. */
struct ts_outgoing *ts_outgoing_new(struct ts_part *part);
/* One of the `open` is through; with the last one it goes home. Thread: any. */
void ts_outgoing_done(struct ts_outgoing *outgoing, enum ts_fate fate);

/* One send of a whole. Thread: any. `outgoing->open` counts it already. */
void ts_sending_queue_add(struct ts_sending_queue *queue, struct ts_outgoing *outgoing);
/* The process stops. What fails from now on, or waits after a failure, is left; with `all` also what has
 * not been tried. What is being sent may end. Thread: any. */
void ts_sending_queue_leave(struct ts_sending_queue *queue, bool all);

#endif
