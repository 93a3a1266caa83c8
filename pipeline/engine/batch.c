/* batch.c - its two counts: who needs the memory, what needs the record. */
#include "pipeline/engine/batch.h"

#include <assert.h>
#include <stdlib.h>

struct ts_batch *ts_batch_new(struct ts_engine *engine, const struct ts_signal *signal,
                              struct ts_payload *payload, struct ts_headers *headers, size_t notes)
{
    struct ts_batch *b = ts_alloc(sizeof *b + notes * sizeof(struct ts_notes *));
    b->engine = engine;
    b->signal = signal;
    b->payload = payload;
    b->headers = headers;
    b->received = ts_wall_now();
    b->table = TS_TABLE_SPOOL;
    b->note_count = notes;
    atomic_fetch_add(&engine->batches, 1);
    ts_memory_add(&engine->memory, ts_payload_view(payload).len);
    return b;
}

struct ts_batch *ts_batch_new_kept(struct ts_engine *engine, const struct ts_signal *signal,
                                   enum ts_table table, struct ts_payload *payload,
                                   struct ts_headers *headers)
{
    struct ts_batch *b = ts_batch_new(engine, signal, payload, headers, 0);
    b->table = table;
    ts_memory_add(&engine->kept, ts_payload_view(payload).len);
    return b;
}

void ts_batch_hang(struct ts_batch *kept, struct ts_batch *of)
{
    kept->kept_next = of->kept;
    of->kept = kept;
}

void ts_batch_discard(struct ts_batch *b)
{
    struct ts_engine *engine = b->engine;
    size_t bytes = ts_payload_view(b->payload).len;
    bool kept = b->table != TS_TABLE_SPOOL;
    for (size_t i = 0; i < b->note_count; i++)
        if (b->notes[i])
            b->notes[i]->free(b->notes[i]);
    ts_payload_unref(b->payload);
    ts_headers_unref(b->headers);
    free(b);
    atomic_fetch_sub(&engine->batches, 1);
    ts_memory_sub(&engine->memory, bytes);
    if (kept)
        ts_memory_sub(&engine->kept, bytes);
}

static enum ts_stage stage_of(const struct ts_batch *b)
{
    return b->table == TS_TABLE_SPOOL ? TS_STAGE_BATCHES : TS_STAGE_LATE;
}

void ts_batch_begin(struct ts_batch *b, struct ts_loop *home)
{
    b->home = home;
    b->refs = 1;
    b->pending = 1;
    ts_barrier_enter(&b->engine->barrier, stage_of(b));
    for (struct ts_batch *k = b->kept; k; k = k->kept_next)
        ts_batch_begin(k, home);
}

void ts_batch_ref(struct ts_batch *b)
{
    assert(ts_loop_here(b->home));
    b->refs++;
}

void ts_batch_unref(struct ts_batch *b)
{
    assert(ts_loop_here(b->home) && b->refs > 0);
    if (--b->refs == 0)
        ts_batch_discard(b);
}

void ts_batch_pending_add(struct ts_batch *b)
{
    b->pending++;
    ts_batch_ref(b);
}

/* Behind the batch itself, so that none of them is missing where it comes back. */
static void end_kept(struct ts_batch *b)
{
    for (struct ts_batch *k = b->kept; k;) {
        struct ts_batch *next = k->kept_next;
        ts_batch_pending_done(k, b->fate == TS_LEFT ? TS_LEFT : TS_DELIVERED);
        k = next;
    }
}

static void end(struct ts_batch *b)
{
    if (b->id && b->fate != TS_LEFT)
        ts_store_remove(b->engine->store, b->table, b->id);
    end_kept(b);
    if (b->ended)
        b->ended(b->arg, b->fate);
    else if (b->fate == TS_LEFT && !b->id)
        atomic_fetch_add(b->table == TS_TABLE_SPOOL ? &b->engine->lost : &b->engine->lost_scores,
                         (int64_t)b->items);
    ts_barrier_leave(&b->engine->barrier, stage_of(b));
}

void ts_batch_pending_done(struct ts_batch *b, enum ts_fate fate)
{
    assert(b->pending > 0);
    if (fate > b->fate)
        b->fate = fate;
    if (--b->pending == 0)
        end(b);
    ts_batch_unref(b);
}
