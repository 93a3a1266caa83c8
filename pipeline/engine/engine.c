/* engine.c - the way in: scan, make durable, acknowledge, hand to a loop.
 * Batches reach the loops in the order of their ids, either straight from the receiver or, when
 * memory is short and at the start, from disk by the loader (loader.c). */
#include "pipeline/engine/engine_internal.h"

#include <stdlib.h>

static const ts_time refused_for = 2 * TS_S;

struct ts_metrics *ts_engine_metrics(struct ts_engine *engine)
{
    return engine->metrics;
}

bool ts_engine_wants_evaluations(const struct ts_engine *engine)
{
    return engine->wants_evaluations;
}

const struct ts_scorer *ts_engine_scorer(const struct ts_engine *engine, const char *id,
                                         struct ts_instance **instance)
{
    for (size_t i = 0; i < engine->judge_count; i++)
        if (strcmp(engine->judges[i].id, id) == 0) {
            *instance = engine->judges[i].instance;
            return engine->judges[i].scorer;
        }
    return NULL;
}

void ts_engine_score_kinds(struct ts_engine *engine, unsigned kinds)
{
    engine->scored_kinds = kinds;
}

struct ts_loop *const *ts_engine_loops(const struct ts_engine *engine, size_t *count)
{
    *count = engine->loop_count;
    return engine->loops;
}

/* With a store, memory holds what waits for its commit and what is worked on; the rest is on disk.
 * Twice the limit leaves room for the former. */
bool ts_engine_has_room(struct ts_engine *e, struct ts_err *err)
{
    int64_t limit = (int64_t)e->memory_limit * (e->store ? 2 : 1);
    if (atomic_load(&e->in_memory) < limit)
        return true;
    err->retry_after = refused_for;
    return ts_fail(err, TS_UNAVAILABLE, "memory_limit is reached; the backend is not taking spans");
}

/* ---- to the loop ---- */

static void consume(struct ts_task *task)
{
    struct ts_batch *b = TS_CONTAINER_OF(task, struct ts_batch, task);
    struct ts_engine *e = b->engine;
    ts_batch_owe(b); /* the processor's turn */
    if (e->processor) {
        e->processor->consume(e->processor_instance, b);
    } else {
        struct ts_part all;
        ts_part_whole(b->payload, b->spans, &all);
        ts_engine_send(b, &all, NULL, NULL);
    }
    ts_batch_delivered(b);
}

void ts_engine_dispatch(struct ts_engine *e, struct ts_batch *b)
{
    b->home = e->loops[atomic_fetch_add(&e->next_loop, 1) % e->loop_count];
    b->task.run = consume;
    atomic_fetch_add(&e->batches, 1);
    ts_loop_post(b->home, &b->task);
}

void ts_engine_freed(struct ts_engine *e, size_t bytes)
{
    atomic_fetch_sub(&e->in_memory, (int64_t)bytes);
    atomic_fetch_sub(&e->batches, 1);
    ts_engine_load(e);
}

/* ---- from the receiver ---- */

struct arrival {
    struct ts_append append;
    struct ts_intake intake;
    struct ts_batch *batch;
    struct ts_buf head;
};

static void forget(struct ts_engine *e, struct ts_batch *b)
{
    atomic_fetch_sub(&e->in_memory, (int64_t)ts_payload_view(b->payload).len);
    ts_batch_discard(b);
}

static void refuse(struct ts_engine *e, const struct ts_intake *intake, struct ts_batch *b,
                   const struct ts_err *err)
{
    ts_count(intake->refused, (int64_t)b->spans);
    forget(e, b);
    intake->acknowledge(intake->arg, err);
}

/* May the batch go on in memory, or does it wait its turn on disk? */
static bool goes_on(struct ts_engine *e, uint64_t id)
{
    pthread_mutex_lock(&e->lock);
    e->last_durable = id;
    if (e->stopping || atomic_load(&e->in_memory) > (int64_t)e->memory_limit)
        e->backlog = true;
    bool on = !e->backlog;
    if (on)
        e->last_dispatched = id;
    pthread_mutex_unlock(&e->lock);
    return on;
}

/* Thread: the store's writer. */
static void on_durable(struct ts_append *append)
{
    struct arrival *a = TS_CONTAINER_OF(append, struct arrival, append);
    struct ts_batch *b = a->batch;
    struct ts_engine *e = b->engine;
    struct ts_intake intake = a->intake;
    struct ts_err err = append->err;
    ts_buf_release(&a->head);
    b->id = append->id;
    free(a);
    if (err.code != TS_OK) {
        refuse(e, &intake, b, &err);
        return;
    }
    ts_count(intake.accepted, (int64_t)b->spans);
    if (goes_on(e, b->id)) {
        ts_engine_dispatch(e, b);
    } else {
        forget(e, b);
        ts_engine_load(e);
    }
    intake.acknowledge(intake.arg, NULL);
}

static void make_durable(struct ts_engine *e, const struct ts_intake *intake, struct ts_batch *b)
{
    struct arrival *a = ts_alloc(sizeof *a);
    a->intake = *intake;
    a->batch = b;
    ts_view request = ts_payload_view(b->payload);
    ts_record_head(b->headers, b->received, 0, request.len, &a->head);
    a->append = (struct ts_append){.table = TS_TABLE_SPOOL,
                                   .head = ts_buf_view(&a->head),
                                   .body = request,
                                   .done = on_durable};
    ts_store_append(e->store, &a->append);
}

void ts_engine_take(struct ts_engine *e, const struct ts_intake *intake, struct ts_payload *payload,
                    struct ts_headers *headers)
{
    struct ts_err err = {0};
    struct ts_scan scan;
    struct ts_batch *b = ts_batch_new(e, payload, headers);
    atomic_fetch_add(&e->in_memory, (int64_t)ts_payload_view(payload).len);
    if (!ts_batch_scan(b, intake->strict_ids, &scan, &err)) {
        refuse(e, intake, b, &err);
    } else if (b->spans == 0) { /* an empty envelope: fine, and nothing to keep */
        forget(e, b);
        intake->acknowledge(intake->arg, NULL);
    } else if (e->store) {
        make_durable(e, intake, b);
    } else {
        ts_count(intake->accepted, (int64_t)b->spans);
        ts_engine_dispatch(e, b);
        intake->acknowledge(intake->arg, NULL);
    }
}
