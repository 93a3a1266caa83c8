/* loader.c - from disk back into memory: after a restart, and when memory was short.
 * One reader at a time, on libuv's thread pool, because reading may wait for the disk. It takes as
 * much as memory_limit allows, in the order of the ids; freed memory starts it again. */
#include "pipeline/engine/engine_internal.h"

#include "base/log.h"

#include <inttypes.h>

#define COMPONENT "engine"

static bool has_budget(struct ts_engine *e)
{
    return atomic_load(&e->in_memory) < (int64_t)e->memory_limit;
}

/* The next record of a table as a batch; NULL: none is left. */
static struct ts_batch *read_one(struct ts_engine *e, enum ts_table table, uint64_t *after)
{
    struct ts_payload *record;
    struct ts_err err = {0};
    uint64_t id;
    while (ts_store_next(e->store, table, *after, &id, &record, &err)) {
        *after = id;
        struct ts_scan scan;
        struct ts_batch *b = ts_batch_from_record(e, record, &err);
        if (b && ts_batch_scan(b, false, &scan, &err)) {
            b->table = table;
            b->id = id;
            return b;
        }
        ts_log(TS_ERROR, COMPONENT, "a stored record cannot be read and was left where it is",
               "id=%" PRIu64 " error=\"%s\"", id, err.what);
        if (b)
            ts_batch_discard(b);
    }
    if (err.code != TS_OK)
        ts_log(TS_ERROR, COMPONENT, "the store cannot be read", "error=\"%s\"", err.what);
    return NULL;
}

static void keep(struct ts_engine *e, struct ts_batch *b, struct ts_batch ***tail)
{
    atomic_fetch_add(&e->in_memory, (int64_t)ts_payload_view(b->payload).len);
    b->next = NULL;
    **tail = b;
    *tail = &b->next;
}

static void load_late(struct ts_engine *e, struct ts_batch ***tail)
{
    while (e->late_backlog && has_budget(e)) {
        uint64_t after = e->last_late;
        struct ts_batch *b = after < e->late_until ? read_one(e, TS_TABLE_LATE, &after) : NULL;
        pthread_mutex_lock(&e->lock);
        e->last_late = after;
        if (!b || b->id > e->late_until) /* what is newer is in memory already */
            e->late_backlog = false;
        pthread_mutex_unlock(&e->lock);
        if (b && b->id > e->late_until)
            ts_batch_discard(b);
        else if (b)
            keep(e, b, tail);
    }
}

static void load_spool(struct ts_engine *e, struct ts_batch ***tail)
{
    while (e->backlog && has_budget(e)) {
        uint64_t after = e->last_dispatched;
        struct ts_batch *b = read_one(e, TS_TABLE_SPOOL, &after);
        pthread_mutex_lock(&e->lock);
        e->last_dispatched = after;
        if (!b && e->last_durable <= after)
            e->backlog = false;
        pthread_mutex_unlock(&e->lock);
        if (!b)
            break;
        keep(e, b, tail);
    }
}

/* Thread: libuv's pool. `loading` makes this the only one that touches the two cursors. */
static void read_records(uv_work_t *work)
{
    struct ts_engine *e = work->data;
    struct ts_batch **tail = &e->loaded;
    load_late(e, &tail);
    load_spool(e, &tail);
}

static void hand_out(uv_work_t *work, int status)
{
    struct ts_engine *e = work->data;
    (void)status;
    struct ts_batch *b = e->loaded;
    e->loaded = NULL;
    pthread_mutex_lock(&e->lock);
    e->loading = false;
    pthread_mutex_unlock(&e->lock);
    while (b) {
        struct ts_batch *next = b->next;
        ts_engine_dispatch(e, b);
        b = next;
    }
    ts_engine_load(e); /* what came while this was reading */
}

static void start_work(struct ts_task *task)
{
    struct ts_engine *e = TS_CONTAINER_OF(task, struct ts_engine, load_task);
    e->work.data = e;
    uv_queue_work(ts_loop_uv(e->loops[0]), &e->work, read_records, hand_out);
}

void ts_engine_load(struct ts_engine *e)
{
    if (!e->store || !has_budget(e))
        return;
    pthread_mutex_lock(&e->lock);
    bool start = (e->backlog || e->late_backlog) && !e->loading && !e->stopping;
    if (start)
        e->loading = true;
    pthread_mutex_unlock(&e->lock);
    if (!start)
        return;
    e->load_task.run = start_work;
    ts_loop_post(e->loops[0], &e->load_task);
}
