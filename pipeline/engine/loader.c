/* loader.c - a cursor over the spool, and one over each table of what the last run kept. */
#include "pipeline/engine/loader.h"

#include "base/log.h"
#include "pipeline/engine/record.h"

#include <inttypes.h>

#define COMPONENT "engine"

static void unref_payload(void *payload)
{
    ts_payload_unref(payload);
}

static struct ts_batch *spooled(struct ts_loader *l, const struct ts_record *r,
                                struct ts_payload *request, struct ts_err *err)
{
    const struct ts_route *route = ts_routes_find(l->routes, r->signal, r->source);
    if (route)
        return ts_route_batch(route, l->engine, request, r->headers);
    ts_fail(err, TS_FAILED_PRECONDITION, "no pipeline takes %s", r->signal->name);
    return NULL;
}

static struct ts_batch *kept(struct ts_loader *l, enum ts_table table, const struct ts_record *r,
                             struct ts_payload *request, struct ts_err *err)
{
    struct ts_processor_node *owner = ts_routes_owner(l->routes, r->owner);
    if (!owner) {
        ts_fail(err, TS_FAILED_PRECONDITION, "no pipeline takes late %s", r->signal->name);
        return NULL;
    }
    struct ts_batch *b = ts_batch_new_kept(l->engine, r->signal, table, request, r->headers);
    b->owner = owner;
    b->give_up = r->give_up;
    b->parent = r->parent;
    b->decisions = r->decisions;
    return b;
}

/* The batch of a record, which is taken over. */
static struct ts_batch *batch_of(struct ts_loader *l, enum ts_table table,
                                 struct ts_payload *stored, struct ts_err *err)
{
    struct ts_record r;
    if (!ts_record_decode(ts_payload_view(stored), &r, err) ||
        !ts_record_unseal(&r, l->engine->seal, err)) {
        ts_payload_unref(stored);
        return NULL;
    }
    struct ts_payload *request = ts_payload_new(r.request, unref_payload, stored);
    struct ts_batch *b =
        table == TS_TABLE_SPOOL ? spooled(l, &r, request, err) : kept(l, table, &r, request, err);
    if (!b) {
        ts_headers_unref(r.headers);
        ts_payload_unref(request);
        return NULL;
    }
    b->received = r.received;
    return b;
}

static bool scan(struct ts_batch *b, struct ts_err *err)
{
    return b->route
               ? ts_route_scan(b, false, err)
               : b->signal->scan(ts_payload_view(b->payload), false, NULL, NULL, &b->items, err);
}

/* The next record of a table as a batch; NULL: none is left. */
static struct ts_batch *read_one(struct ts_loader *l, enum ts_table table, uint64_t *after)
{
    struct ts_payload *record;
    struct ts_err err = {0};
    uint64_t id;
    while (ts_store_next(l->engine->store, table, *after, &id, &record, &err)) {
        *after = id;
        struct ts_batch *b = batch_of(l, table, record, &err);
        if (b && scan(b, &err)) {
            b->id = id;
            return b;
        }
        ts_log(TS_ERROR, COMPONENT, "a stored record cannot be delivered and was left where it is",
               "id=%" PRIu64 " error=\"%s\"", id, err.what);
        if (b)
            ts_batch_discard(b);
        err = (struct ts_err){0};
    }
    if (err.code != TS_OK)
        ts_log(TS_ERROR, COMPONENT, "the store cannot be read", "error=\"%s\"", err.what);
    return NULL;
}

/* What hangs on it; what cannot be read is left where it is, and missed. */
static void read_kept(struct ts_loader *l, struct ts_batch *of)
{
    const struct ts_kept_place *place = ts_kept_index_first(&l->index, of->id);
    for (; place; place = ts_kept_index_next(&l->index, place)) {
        uint64_t after = place->id - 1;
        struct ts_batch *b = read_one(l, place->table, &after);
        if (b && b->id == place->id) {
            ts_batch_hang(b, of);
            read_kept(l, b);
        } else if (b) {
            ts_batch_discard(b);
        }
    }
}

static void hand_on(struct ts_loader *l, struct ts_batch *b, struct ts_batch ***tail)
{
    read_kept(l, b);
    b->next = NULL;
    **tail = b;
    *tail = &b->next;
}

static bool may_read(struct ts_loader *l, const bool *backlog)
{
    pthread_mutex_lock(&l->lock);
    bool yes = *backlog && !l->stopping;
    pthread_mutex_unlock(&l->lock);
    return yes && ts_memory_has_room(&l->engine->memory);
}

/* False: all of the table is loaded. What hangs on another comes with that. */
static bool load_kept_from(struct ts_loader *l, enum ts_table table, struct ts_batch ***tail)
{
    while (may_read(l, &l->kept_backlog) && ts_memory_has_room(&l->engine->kept)) {
        uint64_t after = l->last_kept[table];
        struct ts_batch *b = after < l->kept_until ? read_one(l, table, &after) : NULL;
        bool over = !b || b->id > l->kept_until; /* what is newer is in memory already */
        l->last_kept[table] = after;
        if (b && (over || ts_kept_index_first(&l->index, b->parent)))
            ts_batch_discard(b);
        else if (b)
            hand_on(l, b, tail);
        if (over)
            return false;
    }
    return true;
}

static void load_kept(struct ts_loader *l, struct ts_batch ***tail)
{
    bool more = load_kept_from(l, TS_TABLE_DECIDED, tail);
    more = load_kept_from(l, TS_TABLE_LATE, tail) || more;
    pthread_mutex_lock(&l->lock);
    l->kept_backlog = l->kept_backlog && more;
    pthread_mutex_unlock(&l->lock);
}

static void load_spool(struct ts_loader *l, struct ts_batch ***tail)
{
    while (may_read(l, &l->backlog)) {
        uint64_t after = l->last_dispatched;
        struct ts_batch *b = read_one(l, TS_TABLE_SPOOL, &after);
        pthread_mutex_lock(&l->lock);
        l->last_dispatched = after;
        if (!b && l->last_durable <= after)
            l->backlog = false;
        pthread_mutex_unlock(&l->lock);
        if (!b)
            break;
        hand_on(l, b, tail);
    }
}

/* Thread: libuv's pool. `loading` makes this the only one that moves the two cursors. */
static void read_records(uv_work_t *work)
{
    struct ts_loader *l = work->data;
    struct ts_batch **tail = &l->loaded;
    load_kept(l, &tail);
    load_spool(l, &tail);
}

static void hand_out(uv_work_t *work, int status)
{
    struct ts_loader *l = work->data;
    (void)status;
    struct ts_batch *b = l->loaded;
    l->loaded = NULL;
    pthread_mutex_lock(&l->lock);
    l->loading = false;
    pthread_mutex_unlock(&l->lock);
    while (b) {
        struct ts_batch *next = b->next;
        if (b->owner)
            ts_routes_resume(b, b->owner);
        else
            ts_route_dispatch(b);
        b = next;
    }
    ts_loader_start(l); /* what came while this was reading */
    ts_barrier_leave(&l->engine->barrier, TS_STAGE_INTAKE);
}

static void start_work(struct ts_task *task)
{
    struct ts_loader *l = TS_CONTAINER_OF(task, struct ts_loader, task);
    l->work.data = l;
    uv_queue_work(ts_loop_uv(l->engine->loops[0]), &l->work, read_records, hand_out);
}

static void on_room(struct ts_task *task)
{
    ts_loader_start(TS_CONTAINER_OF(task, struct ts_loader, room.task));
}

static void on_kept_room(struct ts_task *task)
{
    ts_loader_start(TS_CONTAINER_OF(task, struct ts_loader, kept_room.task));
}

void ts_loader_start(struct ts_loader *l)
{
    if (!l->engine->store)
        return;
    struct ts_engine *e = l->engine;
    bool room = ts_memory_has_room(&e->memory);
    bool kept_room = ts_memory_has_room(&e->kept);
    pthread_mutex_lock(&l->lock);
    bool idle = !l->loading && !l->stopping;
    bool wanted = idle && (l->backlog || l->kept_backlog);
    bool possible = wanted && room && (l->backlog || kept_room);
    if (possible) {
        l->loading = true;
        ts_barrier_enter(&e->barrier, TS_STAGE_INTAKE);
    }
    pthread_mutex_unlock(&l->lock);
    if (wanted && !room)
        ts_memory_await(&e->memory, &l->room);
    else if (wanted && !kept_room)
        ts_memory_await(&e->kept, &l->kept_room);
    if (!possible)
        return;
    l->task.run = start_work;
    ts_loop_post(l->engine->loops[0], &l->task);
}

bool ts_loader_admit(struct ts_loader *l, uint64_t id)
{
    const struct ts_memory *m = &l->engine->memory;
    pthread_mutex_lock(&l->lock);
    l->last_durable = id;
    if (l->stopping || ts_memory_used(m) > m->limit)
        l->backlog = true;
    bool on = !l->backlog;
    if (on)
        l->last_dispatched = id;
    pthread_mutex_unlock(&l->lock);
    return on;
}

void ts_loader_recover(struct ts_loader *l)
{
    struct ts_store_stats found;
    struct ts_err err = {0};
    if (!l->engine->store)
        return;
    ts_store_stats(l->engine->store, &found);
    if (!ts_kept_index_build(&l->index, l->engine->store, &err))
        ts_log(TS_ERROR, COMPONENT, "the store cannot be read", "error=\"%s\"", err.what);
    l->kept_until = ts_store_last_id(l->engine->store);
    l->backlog = found.records[TS_TABLE_SPOOL] > 0;
    l->kept_backlog = found.records[TS_TABLE_LATE] + found.records[TS_TABLE_DECIDED] > 0;
    if (l->backlog || l->kept_backlog)
        ts_log(TS_INFO, COMPONENT, "taking up what the last run left",
               "requests=%" PRIu64 " late=%" PRIu64 " decided=%" PRIu64,
               found.records[TS_TABLE_SPOOL], found.records[TS_TABLE_LATE],
               found.records[TS_TABLE_DECIDED]);
    ts_loader_start(l);
}

void ts_loader_stop(struct ts_loader *l)
{
    if (!l->engine)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
}

void ts_loader_init(struct ts_loader *l, struct ts_engine *engine, const struct ts_routes *routes)
{
    l->engine = engine;
    l->routes = routes;
    pthread_mutex_init(&l->lock, NULL);
    l->room.loop = engine->loops[0];
    l->room.task.run = on_room;
    l->kept_room.loop = engine->loops[0];
    l->kept_room.task.run = on_kept_room;
}

void ts_loader_release(struct ts_loader *l)
{
    if (l->engine)
        pthread_mutex_destroy(&l->lock);
    ts_kept_index_release(&l->index);
}
