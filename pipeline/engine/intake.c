/* intake.c - the way in. */
#include "pipeline/engine/intake.h"

#include "pipeline/engine/record.h"

#include <stdio.h>
#include <stdlib.h>

static const ts_time refused_for = 2 * TS_S;

bool ts_intake_takes(const struct ts_intake *in, const struct ts_signal *signal)
{
    const struct ts_route *r = ts_routes_find(in->routes, signal, ts_view_str(in->source));
    return r && r->source;
}

struct ts_intake_counters ts_intake_count(const struct ts_intake *in,
                                          const struct ts_signal *signal, const char *transport)
{
    char labels[160];
    char name[96];
    struct ts_intake_counters c;
    snprintf(labels, sizeof labels, "receiver=\"%s\",transport=\"%s\"", in->source, transport);
    snprintf(name, sizeof name, "otelcol_receiver_accepted_%s", signal->items);
    c.accepted =
        ts_metrics_counter(in->engine->metrics, name, labels, "Items that were acknowledged.");
    snprintf(name, sizeof name, "otelcol_receiver_refused_%s", signal->items);
    c.refused = ts_metrics_counter(in->engine->metrics, name, labels,
                                   "Items whose request was refused, as far as counted.");
    return c;
}

/* With a store, memory holds what waits for its commit and what is worked on; the rest is on disk.
 * Twice the limit leaves room for the former. */
int64_t ts_intake_most_memory(const struct ts_intake *in)
{
    const struct ts_engine *e = in->engine;
    return e->memory.limit * (e->store ? 2 : 1);
}

bool ts_intake_has_room(const struct ts_intake *in, struct ts_err *err)
{
    if (ts_memory_used(&in->engine->memory) < ts_intake_most_memory(in))
        return true;
    err->retry_after = refused_for;
    return ts_fail(err, TS_UNAVAILABLE, "memory_limit is reached; the backend is not taking spans");
}

void ts_intake_await_room(const struct ts_intake *in, struct ts_room *room)
{
    ts_memory_await(&in->engine->memory, room);
}

/* ---- acknowledging ---- */

static void refuse(const struct ts_request *r, struct ts_batch *b, const struct ts_err *err)
{
    ts_count(r->counters.refused, (int64_t)b->items);
    ts_batch_discard(b);
    r->acknowledge(r->arg, err);
}

static void acknowledge(const struct ts_request *r, size_t items)
{
    ts_count(r->counters.accepted, (int64_t)items);
    r->acknowledge(r->arg, NULL);
}

/* ---- durable ---- */

struct arrival {
    struct ts_append append;
    struct ts_request request;
    struct ts_loader *loader;
    struct ts_batch *batch;
    struct ts_buf head;
};

/* Thread: the store's writer. */
static void on_durable(struct ts_append *append)
{
    struct arrival *a = TS_CONTAINER_OF(append, struct arrival, append);
    struct ts_batch *b = a->batch;
    struct ts_engine *e = b->engine;
    size_t items = b->items;
    b->id = append->id;
    if (append->err.code != TS_OK) {
        refuse(&a->request, b, &append->err);
    } else {
        if (ts_loader_admit(a->loader, b->id)) {
            ts_route_dispatch(b);
        } else {
            ts_batch_discard(b);
            ts_loader_start(a->loader);
        }
        acknowledge(&a->request, items);
    }
    ts_buf_release(&a->head);
    free(a);
    ts_barrier_leave(&e->barrier, TS_STAGE_INTAKE);
}

static void make_durable(const struct ts_intake *in, const struct ts_request *r, struct ts_batch *b)
{
    struct arrival *a = ts_alloc(sizeof *a);
    a->request = *r;
    a->loader = in->loader;
    a->batch = b;
    const struct ts_record record = {.signal = b->signal,
                                     .headers = b->headers,
                                     .seal = in->engine->seal,
                                     .received = b->received,
                                     .source = ts_view_str(in->source),
                                     .request = ts_payload_view(b->payload)};
    ts_record_encode(&record, &a->head);
    a->append = (struct ts_append){.table = TS_TABLE_SPOOL,
                                   .head = ts_buf_view(&a->head),
                                   .body = record.request,
                                   .done = on_durable};
    ts_barrier_enter(&in->engine->barrier, TS_STAGE_INTAKE);
    ts_store_append(in->engine->store, &a->append);
}

/* ---- delivered ---- */

struct waiting {
    struct ts_request request;
    size_t items;
};

static void on_ended(void *arg, enum ts_fate fate)
{
    struct waiting *w = arg;
    struct ts_err err = {0};
    if (fate == TS_DELIVERED) {
        acknowledge(&w->request, w->items);
    } else {
        if (fate == TS_DROPPED)
            ts_fail(&err, TS_INVALID_ARGUMENT, "a backend refused some of the request for good");
        else
            ts_fail(&err, TS_UNAVAILABLE, "trustspan stops; send the request again");
        err.retry_after = fate == TS_LEFT ? refused_for : 0;
        ts_count(w->request.counters.refused, (int64_t)w->items);
        w->request.acknowledge(w->request.arg, &err);
    }
    free(w);
}

static void wait_for_delivery(const struct ts_request *r, struct ts_batch *b)
{
    struct waiting *w = ts_alloc(sizeof *w);
    *w = (struct waiting){*r, b->items};
    b->ended = on_ended;
    b->arg = w;
    ts_route_dispatch(b);
}

/* ---- in ---- */

void ts_intake_submit(const struct ts_intake *in, const struct ts_request *r)
{
    struct ts_err err = {0};
    const struct ts_route *route = ts_routes_find(in->routes, r->signal, ts_view_str(in->source));
    struct ts_batch *b = ts_route_batch(route, in->engine, r->payload, r->headers);
    if (!ts_route_scan(b, r->strict_ids, &err)) {
        refuse(r, b, &err);
    } else if (b->items == 0) { /* an empty envelope: fine, and nothing to keep */
        ts_batch_discard(b);
        r->acknowledge(r->arg, NULL);
    } else if (r->when == TS_WHEN_DELIVERED) {
        wait_for_delivery(r, b);
    } else if (in->engine->store) {
        make_durable(in, r, b);
    } else {
        size_t items = b->items;
        ts_route_dispatch(b);
        acknowledge(r, items);
    }
}
