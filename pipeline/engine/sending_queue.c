/* sending_queue.c - the life of one send. */
#include "pipeline/engine/sending_queue.h"

#include "pipeline/engine/delivery.h"
#include "pipeline/engine/lanes.h"

#include <stdio.h>
#include <stdlib.h>

struct lane {
    struct ts_lane base; /* first: the cast back is safe */
    struct entry *first, **last;
    int64_t active; /* being sent or waiting to be sent again */
    bool failing;   /* its last attempt did not get through */
};

struct entry {
    struct ts_send send; /* first: what the exporter sees */
    struct ts_attempt attempt;
    struct entry *next;
    struct ts_sending_queue *queue;
    struct lane *lane;
    struct ts_outgoing *outgoing;
    struct ts_part *part;
    struct ts_payload *owner;
    struct ts_task task;
};

struct ts_sending_queue {
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    const struct ts_signal *signal;
    char id[128], refused[96], given_up[96], blocked[96];
    struct ts_loop *loop;
    struct ts_queue_settings settings;
    struct ts_delivery delivery;
    struct ts_lanes lanes;
    bool leave_all;
    atomic_llong parts; /* all that wait or are being sent */
};

static int64_t read_parts(void *arg)
{
    struct ts_sending_queue *q = arg;
    return atomic_load(&q->parts);
}

static struct ts_counter *counter(struct ts_metrics *metrics, const char *format,
                                  const struct ts_signal *signal, const char *labels,
                                  const char *help)
{
    char name[96];
    snprintf(name, sizeof name, format, signal->items);
    return ts_metrics_counter(metrics, name, labels, help);
}

static void init_delivery(struct ts_sending_queue *q, const char *id, struct ts_metrics *metrics)
{
    char labels[200];
    struct ts_delivery *d = &q->delivery;
    const char *items = q->signal->items;
    snprintf(q->refused, sizeof q->refused, "the backend refused %s for good; they are dropped",
             items);
    snprintf(q->given_up, sizeof q->given_up, "%s are dropped: no more retries", items);
    snprintf(q->blocked, sizeof q->blocked, "authentication or endpoint refused; %s wait", items);
    *d = (struct ts_delivery){.id = q->id,
                              .loop = q->loop,
                              .words = {.items = items,
                                        .refused = q->refused,
                                        .given_up = q->given_up,
                                        .retry = "send failed, will retry",
                                        .blocked = q->blocked},
                              .retry = q->settings.retry};
    snprintf(labels, sizeof labels, "exporter=\"%s\"", id);
    d->sent = counter(metrics, "otelcol_exporter_sent_%s", q->signal, labels,
                      "Items that the backend took.");
    d->failed = counter(metrics, "otelcol_exporter_send_failed_%s", q->signal, labels,
                        "Items that the backend refused for good; they are lost.");
    d->retried = ts_metrics_counter(metrics, "trustspan_exporter_retries", labels,
                                    "Attempts that failed and were put off.");
    snprintf(labels, sizeof labels, "exporter=\"%s\",data_type=\"%s\"", id, q->signal->name);
    ts_metrics_gauge(metrics, "otelcol_exporter_queue_size", labels,
                     "Requests that wait or are being sent.", read_parts, q);
}

struct ts_sending_queue *ts_sending_queue_new(const struct ts_exporter *exporter,
                                              struct ts_instance *instance, const char *id,
                                              const struct ts_signal *signal, struct ts_loop *loop,
                                              struct ts_metrics *metrics)
{
    struct ts_sending_queue *q = ts_alloc(sizeof *q);
    q->exporter = exporter;
    q->instance = instance;
    q->signal = signal;
    snprintf(q->id, sizeof q->id, "exporter/%s", id);
    q->loop = loop;
    q->lanes.size = sizeof(struct lane);
    exporter->queue(instance, &q->settings);
    init_delivery(q, id, metrics);
    return q;
}

void ts_sending_queue_free(struct ts_sending_queue *q)
{
    free(q);
}

/* ---- the same part for several queues ---- */

static void drop_part(void *arg)
{
    ts_part_release(arg);
    free(arg);
}

/* `part` is emptied into a holder that slices can outlive their part with. */
static struct ts_payload *hold(struct ts_part *part, struct ts_part **held)
{
    *held = ts_alloc(sizeof **held);
    **held = *part;
    *part = (struct ts_part){0};
    return ts_payload_new(TS_NOTHING, drop_part, *held);
}

struct ts_outgoing *ts_outgoing_new(struct ts_part *part)
{
    struct ts_outgoing *o = ts_alloc(sizeof *o);
    o->owner = hold(part, &o->part);
    return o;
}

static void go_home(struct ts_task *task)
{
    struct ts_outgoing *o = TS_CONTAINER_OF(task, struct ts_outgoing, task);
    o->end(o->arg, (enum ts_fate)atomic_load(&o->worst));
    ts_payload_unref(o->owner);
    ts_headers_unref(o->headers);
    free(o);
}

void ts_outgoing_done(struct ts_outgoing *o, enum ts_fate fate)
{
    int worst = atomic_load(&o->worst);
    while (worst < (int)fate && !atomic_compare_exchange_weak(&o->worst, &worst, (int)fate))
        continue;
    if (atomic_fetch_sub(&o->open, 1) == 1) {
        o->task.run = go_home;
        ts_loop_post(o->home, &o->task);
    }
}

/* ---- the end of an entry ---- */

static void finish(struct entry *e, enum ts_fate fate)
{
    struct ts_outgoing *o = e->outgoing;
    atomic_fetch_sub(&e->queue->parts, 1);
    ts_payload_unref(e->owner);
    free(e);
    ts_outgoing_done(o, fate);
}

static void pump(struct ts_sending_queue *q, struct lane *lane);

static void on_end(struct ts_attempt *attempt, enum ts_fate fate)
{
    struct entry *e = TS_CONTAINER_OF(attempt, struct entry, attempt);
    struct ts_sending_queue *q = e->queue;
    struct lane *lane = e->lane;
    lane->active--;
    lane->failing = fate == TS_LEFT;
    finish(e, fate);
    pump(q, lane);
}

/* ---- attempts ---- */

static void start(struct ts_attempt *attempt)
{
    struct entry *e = TS_CONTAINER_OF(attempt, struct entry, attempt);
    e->send.err = (struct ts_err){0};
    e->queue->exporter->send(e->queue->instance, &e->send);
}

static void append(struct lane *lane, struct entry *e)
{
    e->next = NULL;
    e->lane = lane;
    *lane->last = e;
    lane->last = &e->next;
}

static void on_sent(struct ts_send *send, enum ts_outcome outcome);

static struct entry *new_entry(struct ts_sending_queue *q, struct ts_outgoing *o,
                               struct ts_part *part, struct ts_payload *owner)
{
    struct entry *e = ts_alloc(sizeof *e);
    e->queue = q;
    e->outgoing = o;
    e->part = part;
    e->owner = owner;
    e->send.signal = q->signal;
    e->send.part = part;
    e->send.owner = owner;
    e->send.headers = o->headers;
    e->send.done = on_sent;
    e->attempt.of = &q->delivery;
    e->attempt.items = part->items;
    e->attempt.start = start;
    e->attempt.end = on_end;
    atomic_fetch_add(&q->parts, 1);
    return e;
}

/* Pieces of at most `limit` bytes in the place of the entry, which goes. */
static void split(struct entry *e, size_t limit)
{
    struct ts_sending_queue *q = e->queue;
    struct ts_outgoing *o = e->outgoing;
    struct lane *lane = e->lane;
    struct ts_part *pieces;
    size_t count = q->signal->split(e->part, limit, &pieces);
    atomic_fetch_add(&o->open, (int)count);
    for (size_t i = 0; i < count; i++) {
        struct ts_part *held;
        struct ts_payload *owner = hold(&pieces[i], &held);
        append(lane, new_entry(q, o, held, owner));
    }
    free(pieces);
    finish(e, TS_DELIVERED); /* the pieces say how it really ended */
}

static void on_sent(struct ts_send *send, enum ts_outcome outcome)
{
    struct entry *e = (struct entry *)(void *)send;
    struct ts_sending_queue *q = e->queue;
    struct lane *lane = e->lane;
    if (outcome == TS_TOO_LARGE && e->part->items > 1) {
        lane->active--;
        split(e, e->part->bytes / 2);
        pump(q, lane);
        return;
    }
    lane->failing = outcome == TS_RETRY || outcome == TS_BLOCKED;
    ts_attempt_outcome(&e->attempt, outcome, &e->send.err);
}

/* ---- waiting ---- */

static bool is_oversize(const struct ts_sending_queue *q, const struct entry *e)
{
    return q->settings.max_request_size > 0 && e->part->bytes > q->settings.max_request_size &&
           e->part->items > 1;
}

/* Starts what may start; a lane that nothing is in any more goes. */
static void pump(struct ts_sending_queue *q, struct lane *lane)
{
    bool leave = q->leave_all || (q->delivery.leaving && lane->failing);
    while (lane->first && (leave || lane->active < q->settings.num_consumers)) {
        struct entry *e = lane->first;
        lane->first = e->next;
        if (!lane->first)
            lane->last = &lane->first;
        if (leave) {
            finish(e, TS_LEFT);
        } else if (is_oversize(q, e)) {
            split(e, q->settings.max_request_size);
        } else {
            lane->active++;
            ts_attempt_begin(&e->attempt);
        }
    }
    if (!lane->first && lane->active == 0)
        ts_lane_free(&lane->base);
}

static void arrive(struct ts_task *task)
{
    struct entry *e = TS_CONTAINER_OF(task, struct entry, task);
    struct ts_sending_queue *q = e->queue;
    struct lane *lane = (struct lane *)(void *)ts_lanes_find(&q->lanes, e->send.headers);
    if (!lane->last)
        lane->last = &lane->first;
    append(lane, e);
    pump(q, lane);
}

void ts_sending_queue_add(struct ts_sending_queue *q, struct ts_outgoing *o)
{
    struct entry *e = new_entry(q, o, o->part, ts_payload_ref(o->owner));
    e->task.run = arrive;
    ts_loop_post(q->loop, &e->task);
}

/* ---- stopping ---- */

struct order {
    struct ts_task task;
    struct ts_sending_queue *queue;
    bool all;
};

static void leave(struct ts_task *task)
{
    struct order *o = TS_CONTAINER_OF(task, struct order, task);
    struct ts_sending_queue *q = o->queue;
    q->leave_all = q->leave_all || o->all;
    ts_delivery_leave(&q->delivery);
    for (struct ts_lane *l = q->lanes.first; l;) {
        struct ts_lane *next = l->next; /* pump may free it */
        pump(q, (struct lane *)(void *)l);
        l = next;
    }
    free(o);
}

void ts_sending_queue_leave(struct ts_sending_queue *q, bool all)
{
    struct order *o = ts_alloc(sizeof *o);
    *o = (struct order){{.run = leave}, q, all};
    ts_loop_post(q->loop, &o->task);
}
