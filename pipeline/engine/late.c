/* late.c - a record of its own, so that the request's can go. */
#include "pipeline/engine/late.h"

#include "pipeline/engine/record.h"

#include <stdlib.h>

struct keeping {
    struct ts_append append;
    struct ts_batch *batch;
    struct ts_buf head;
    void (*kept)(void *, bool);
    void *arg;
    struct ts_task task;
};

static void tell(struct ts_task *task)
{
    struct keeping *k = TS_CONTAINER_OF(task, struct keeping, task);
    struct ts_engine *engine = k->batch->engine;
    bool durable = k->append.err.code == TS_OK && k->append.id != 0;
    if (durable)
        k->batch->id = k->append.id;
    k->kept(k->arg, durable);
    ts_batch_pending_done(k->batch,
                          TS_DELIVERED); /* if all else is done, this removes the record */
    ts_buf_release(&k->head);
    free(k);
    ts_barrier_leave(&engine->barrier, TS_STAGE_STORING);
}

/* Thread: the store's writer. */
static void on_durable(struct ts_append *append)
{
    struct keeping *k = TS_CONTAINER_OF(append, struct keeping, append);
    k->task.run = tell;
    ts_loop_post(k->batch->home, &k->task);
}

struct ts_batch *ts_late_persist(struct ts_batch *from, struct ts_part *part, const char *key,
                                 ts_time give_up, void (*kept)(void *, bool), void *arg)
{
    struct ts_engine *e = from->engine;
    struct ts_payload *joined = ts_part_join(part);
    ts_view request = ts_payload_view(joined);
    struct ts_batch *late = ts_batch_new(e, from->signal, joined, ts_headers_ref(from->headers), 0);
    late->items = part->items;
    late->received = from->received;
    late->give_up = give_up;
    late->table = TS_TABLE_LATE;
    ts_part_release(part);
    ts_batch_begin(late, from->home); /* the caller's */
    ts_batch_pending_add(late);       /* until the store has answered */
    ts_barrier_enter(&e->barrier, TS_STAGE_STORING);
    struct keeping *k = ts_alloc(sizeof *k);
    *k = (struct keeping){.batch = late, .kept = kept, .arg = arg};
    if (!e->store) {
        k->task.run = tell;
        ts_loop_post(late->home, &k->task);
        return late;
    }
    const struct ts_record record = {.signal = late->signal,
                                     .headers = late->headers,
                                     .seal = e->seal,
                                     .received = late->received,
                                     .give_up = give_up,
                                     .owner = ts_view_str(key),
                                     .request = request};
    ts_record_encode(&record, &k->head);
    k->append = (struct ts_append){
        .table = TS_TABLE_LATE, .head = ts_buf_view(&k->head), .body = request, .done = on_durable};
    ts_store_append(e->store, &k->append);
    return late;
}
