/* sending_queue.c - the life of one send. */
#include "pipeline/engine/sending_queue.h"

#include "base/log.h"
#include "pipeline/engine/retry.h"
#include "wire/split.h"

#include <stdio.h>
#include <stdlib.h>

struct entry {
    struct ts_send send; /* first: what the exporter sees */
    struct entry *next;
    struct ts_sending_queue *queue;
    struct ts_outgoing *outgoing;
    struct ts_part *part;
    struct ts_payload *owner;
    struct ts_retry retry;
    struct ts_timer timer;
    struct ts_task task;
};

struct ts_sending_queue {
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    char id[128];
    struct ts_loop *loop;
    struct ts_queue_settings settings;
    struct entry *first, **last;
    int64_t in_flight;
    atomic_llong parts; /* all that wait or are being sent */
    struct ts_counter *sent, *failed, *retried;
};

static int64_t read_parts(void *arg)
{
    struct ts_sending_queue *q = arg;
    return atomic_load(&q->parts);
}

bool ts_sending_queue_busy(const struct ts_sending_queue *q)
{
    return atomic_load(&((struct ts_sending_queue *)(uintptr_t)q)->parts) > 0;
}

struct ts_sending_queue *ts_sending_queue_new(const struct ts_exporter *exporter,
                                              struct ts_instance *instance, const char *id,
                                              struct ts_loop *loop, struct ts_metrics *metrics)
{
    struct ts_sending_queue *q = ts_alloc(sizeof *q);
    q->exporter = exporter;
    q->instance = instance;
    snprintf(q->id, sizeof q->id, "exporter/%s", id);
    q->loop = loop;
    q->last = &q->first;
    exporter->queue(instance, &q->settings);
    char labels[160];
    snprintf(labels, sizeof labels, "exporter=\"%s\"", id);
    q->sent = ts_metrics_counter(metrics, "otelcol_exporter_sent_spans", labels,
                                 "Spans that the backend took.");
    q->failed = ts_metrics_counter(metrics, "otelcol_exporter_send_failed_spans", labels,
                                   "Spans that the backend refused for good; they are lost.");
    q->retried = ts_metrics_counter(metrics, "trustspan_exporter_retries", labels,
                                    "Attempts that failed and were put off.");
    ts_metrics_gauge(metrics, "otelcol_exporter_queue_size", labels,
                     "Requests that wait or are being sent.", read_parts, q);
    return q;
}

static void free_entry(struct entry *e)
{
    ts_payload_unref(e->owner);
    free(e);
}

void ts_sending_queue_free(struct ts_sending_queue *q)
{
    if (!q)
        return;
    while (q->first) {
        struct entry *next = q->first->next;
        free_entry(q->first);
        q->first = next;
    }
    free(q);
}

/* ---- the holder ---- */

static void drop_part(void *arg)
{
    ts_part_release(arg);
    free(arg);
}

struct ts_payload *ts_part_hold(struct ts_part *part, struct ts_part **held)
{
    *held = ts_alloc(sizeof **held);
    **held = *part;
    *part = (struct ts_part){0};
    return ts_payload_new(TS_NOTHING, drop_part, *held);
}

/* ---- attempts ---- */

static void pump(struct ts_sending_queue *q);

static void end_outgoing(struct ts_task *task)
{
    struct ts_outgoing *o = TS_CONTAINER_OF(task, struct ts_outgoing, task);
    if (o->end)
        o->end(o->arg, !atomic_load(&o->refused));
    ts_payload_unref(o->owner);
    ts_headers_unref(o->headers);
    free(o);
}

static void leave(struct entry *e, bool sent)
{
    struct ts_sending_queue *q = e->queue;
    struct ts_outgoing *o = e->outgoing;
    ts_count(sent ? q->sent : q->failed, (int64_t)e->part->spans);
    if (!sent)
        atomic_store(&o->refused, true);
    atomic_fetch_sub(&q->parts, 1);
    q->in_flight--;
    free_entry(e);
    if (atomic_fetch_sub(&o->open, 1) == 1) {
        o->task.run = end_outgoing;
        ts_loop_post(o->home, &o->task);
    }
    pump(q);
}

static void attempt(struct entry *e)
{
    e->send.attempts++;
    e->send.err = (struct ts_err){0};
    e->queue->exporter->send(e->queue->instance, &e->send);
}

static void on_retry(struct ts_timer *timer)
{
    attempt(TS_CONTAINER_OF(timer, struct entry, timer));
}

static void refused(struct entry *e)
{
    TS_LOG_LIMITED(TS_ERROR, e->queue->id, "the backend refused spans for good; they are dropped",
                   "code=%s spans=%zu reason=\"%s\"", ts_code_name(e->send.err.code),
                   e->part->spans, e->send.err.what);
    leave(e, false);
}

static void put_off(struct entry *e, ts_time wish)
{
    struct ts_sending_queue *q = e->queue;
    ts_time now = ts_now();
    ts_time delay = ts_retry_next(&e->retry, &q->settings.retry, wish, now);
    if (delay < 0) {
        refused(e);
        return;
    }
    char text[32];
    ts_count(q->retried, 1);
    TS_LOG_LIMITED(TS_WARN, q->id, "send failed, will retry",
                   "code=%s attempt=%d delay=%s spans=%zu reason=\"%s\"",
                   ts_code_name(e->send.err.code), e->send.attempts,
                   ts_duration_print(delay / TS_MS * TS_MS, text, sizeof text), e->part->spans,
                   e->send.err.what);
    ts_timer_start(q->loop, &e->timer, now + delay, on_retry);
}

static void enqueue(struct ts_sending_queue *q, struct ts_outgoing *o, struct ts_part *part,
                    struct ts_payload *owner);

/* Puts the pieces in the place of the entry, which goes. */
static void send_pieces(struct entry *e, size_t limit)
{
    struct ts_sending_queue *q = e->queue;
    struct ts_part *pieces;
    size_t count = ts_part_split(e->part, limit, &pieces);
    atomic_fetch_add(&e->outgoing->open, (int)count - 1);
    for (size_t i = 0; i < count; i++) {
        struct ts_part *held;
        struct ts_payload *owner = ts_part_hold(&pieces[i], &held);
        enqueue(q, e->outgoing, held, owner);
    }
    free(pieces);
    atomic_fetch_sub(&q->parts, 1);
    free_entry(e);
}

static void too_large(struct entry *e)
{
    struct ts_sending_queue *q = e->queue;
    if (e->part->spans < 2) {
        refused(e);
        return;
    }
    q->in_flight--;
    send_pieces(e, e->part->bytes / 2);
    pump(q);
}

void ts_send_done(struct ts_send *send, enum ts_outcome outcome)
{
    struct entry *e = (struct entry *)(void *)send;
    switch (outcome) {
    case TS_SENT:
        leave(e, true);
        break;
    case TS_RETRY:
        put_off(e, send->err.retry_after);
        break;
    case TS_BLOCKED:
        TS_LOG_LIMITED(TS_ERROR, e->queue->id, "the backend does not let us in; spans wait",
                       "code=%s reason=\"%s\"", ts_code_name(send->err.code), send->err.what);
        put_off(e, e->queue->settings.retry.max_interval);
        break;
    case TS_REFUSED:
        refused(e);
        break;
    case TS_TOO_LARGE:
        too_large(e);
        break;
    }
}

/* ---- waiting ---- */

static void pump(struct ts_sending_queue *q)
{
    while (q->first && q->in_flight < q->settings.num_consumers) {
        struct entry *e = q->first;
        q->first = e->next;
        if (!q->first)
            q->last = &q->first;
        if (q->settings.max_request_size > 0 && e->part->bytes > q->settings.max_request_size &&
            e->part->spans > 1) {
            send_pieces(e, q->settings.max_request_size);
            continue;
        }
        q->in_flight++;
        e->retry.started = ts_now();
        attempt(e);
    }
}

static struct entry *new_entry(struct ts_sending_queue *q, struct ts_outgoing *o,
                               struct ts_part *part, struct ts_payload *owner)
{
    struct entry *e = ts_alloc(sizeof *e);
    e->queue = q;
    e->outgoing = o;
    e->part = part;
    e->owner = owner;
    e->send.part = part;
    e->send.owner = owner;
    e->send.headers = o->headers;
    atomic_fetch_add(&q->parts, 1);
    return e;
}

static void append_entry(struct entry *e)
{
    struct ts_sending_queue *q = e->queue;
    e->next = NULL;
    *q->last = e;
    q->last = &e->next;
}

static void enqueue(struct ts_sending_queue *q, struct ts_outgoing *o, struct ts_part *part,
                    struct ts_payload *owner)
{
    append_entry(new_entry(q, o, part, owner));
}

static void arrive(struct ts_task *task)
{
    struct entry *e = TS_CONTAINER_OF(task, struct entry, task);
    append_entry(e);
    pump(e->queue);
}

void ts_sending_queue_add(struct ts_sending_queue *q, struct ts_outgoing *o)
{
    struct entry *e = new_entry(q, o, o->part, ts_payload_ref(o->owner));
    e->task.run = arrive;
    ts_loop_post(q->loop, &e->task);
}
