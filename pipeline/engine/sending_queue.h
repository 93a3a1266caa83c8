/* sending_queue.h - parts on their way to one exporter: waiting, being sent, waiting again.
 * Belongs to the exporter's loop. A failing attempt keeps its place among the consumers, so that a
 * backend that is down is asked by few. Nothing leaves but as sent or as refused by the backend. */
#ifndef TS_ENGINE_SENDING_QUEUE_H
#define TS_ENGINE_SENDING_QUEUE_H

#include "pipeline/engine/batch.h"
#include "pipeline/exporter.h"
#include "telemetry/metrics.h"

struct ts_sending_queue;

struct ts_sending_queue *ts_sending_queue_new(const struct ts_exporter *exporter,
                                              struct ts_instance *instance, const char *id,
                                              struct ts_loop *loop, struct ts_metrics *metrics);
void ts_sending_queue_free(struct ts_sending_queue *queue); /* NULL is fine; the loop is stopped */

/* The same part for several queues. Taken over; `end(arg, delivered)` comes once, on `home`, when
 * every queue is through; delivered: none refused any of it. */
struct ts_outgoing {
    struct ts_part *part;     /* heap; belongs to owner */
    struct ts_payload *owner; /* what keeps the part */
    struct ts_headers *headers;
    atomic_int open; /* sends not yet ended */
    atomic_bool refused;
    struct ts_loop *home;
    void (*end)(void *arg, bool delivered);
    void *arg;
    struct ts_task task;
};
/* One send of a whole. Thread: any. `outgoing->open` counts it already. */
void ts_sending_queue_add(struct ts_sending_queue *queue, struct ts_outgoing *outgoing);
bool ts_sending_queue_busy(const struct ts_sending_queue *queue); /* Thread: any */
/* `part` is emptied into a holder that slices can outlive their part with. */
struct ts_payload *ts_part_hold(struct ts_part *part, struct ts_part **held);

#endif
