/* kept.c - a record of its own, so that the request's can go. */
#include "pipeline/engine/kept.h"

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

static void store(struct keeping *k, const struct ts_batch *of, const struct ts_keep *keep)
{
    struct ts_batch *b = k->batch;
    const struct ts_record record = {.signal = b->signal,
                                     .headers = b->headers,
                                     .seal = b->engine->seal,
                                     .received = b->received,
                                     .give_up = b->give_up,
                                     .owner = ts_view_str(keep->key),
                                     .parent = of->id,
                                     .decisions = keep->decisions,
                                     .request = ts_payload_view(b->payload)};
    ts_record_encode(&record, &k->head);
    k->append = (struct ts_append){.table = b->table,
                                   .head = ts_buf_view(&k->head),
                                   .body = record.request,
                                   .done = on_durable};
    ts_store_append(b->engine->store, &k->append);
}

struct ts_batch *ts_batch_keep(struct ts_batch *of, struct ts_part *part,
                               const struct ts_keep *keep)
{
    struct ts_engine *e = of->engine;
    struct ts_payload *joined = part ? ts_part_join(part) : ts_payload_copy(TS_NOTHING);
    struct ts_batch *b = ts_batch_new_kept(e, of->signal, part ? TS_TABLE_LATE : TS_TABLE_DECIDED,
                                           joined, ts_headers_ref(of->headers));
    b->received = of->received;
    b->give_up = keep->give_up;
    if (part) {
        b->items = part->items;
        ts_part_release(part);
    }
    ts_batch_begin(b, of->home); /* pending until the store has answered */
    if (of->id) {
        ts_batch_pending_add(b);
        ts_batch_hang(b, of);
    }
    ts_barrier_enter(&e->barrier, TS_STAGE_STORING);
    struct keeping *k = ts_alloc(sizeof *k);
    *k = (struct keeping){.batch = b, .kept = keep->kept, .arg = keep->arg};
    if (e->store) {
        store(k, of, keep);
    } else {
        k->task.run = tell;
        ts_loop_post(b->home, &k->task);
    }
    return b;
}
