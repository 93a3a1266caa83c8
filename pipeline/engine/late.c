/* late.c - spans that left without their score, kept until it comes. */
#include "pipeline/engine/engine_internal.h"

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
    bool durable = k->append.err.code == TS_OK && k->append.id != 0;
    if (durable)
        k->batch->id = k->append.id;
    k->kept(k->arg, durable);
    ts_batch_delivered(k->batch); /* if all else is done by now, this removes the record */
    ts_buf_release(&k->head);
    free(k);
}

/* Thread: the store's writer. */
static void on_durable(struct ts_append *append)
{
    struct keeping *k = TS_CONTAINER_OF(append, struct keeping, append);
    k->task.run = tell;
    ts_loop_post(k->batch->home, &k->task);
}

struct ts_batch *ts_engine_keep_late(struct ts_batch *from, struct ts_part *part, ts_time give_up,
                                     void (*kept)(void *, bool), void *arg)
{
    struct ts_engine *e = from->engine;
    struct ts_payload *joined = ts_part_join(part);
    ts_part_release(part);
    struct ts_batch *late = ts_batch_new(e, joined, ts_headers_ref(from->headers));
    late->home = from->home;
    late->received = from->received;
    late->give_up = give_up;
    late->table = TS_TABLE_LATE;
    ts_view request = ts_payload_view(joined);
    atomic_fetch_add(&e->in_memory, (int64_t)request.len);
    atomic_fetch_add(&e->batches, 1);
    ts_batch_owe(late); /* the caller's */
    ts_batch_owe(late); /* until the store has answered */
    struct keeping *k = ts_alloc(sizeof *k);
    *k = (struct keeping){.batch = late, .kept = kept, .arg = arg};
    if (!e->store) {
        k->task.run = tell;
        ts_loop_post(late->home, &k->task);
        return late;
    }
    ts_record_head(late->headers, late->received, give_up, request.len, &k->head);
    k->append = (struct ts_append){
        .table = TS_TABLE_LATE, .head = ts_buf_view(&k->head), .body = request, .done = on_durable};
    ts_store_append(e->store, &k->append);
    return late;
}
