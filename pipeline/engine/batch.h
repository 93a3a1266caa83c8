/* batch.h - one accepted request, from the store's yes to the last exporter's. */
#ifndef TS_ENGINE_BATCH_H
#define TS_ENGINE_BATCH_H

#include "pipeline/consumer.h"
#include "pipeline/engine/engine.h"
#include "pipeline/headers.h"
#include "pipeline/processor.h"
#include "pipeline/signal.h"

struct ts_route;
struct ts_processor_node;

/* Belongs to its home loop once it is dispatched; before that to whoever takes the request in. */
struct ts_batch {
    struct ts_engine *engine;
    const struct ts_signal *signal;
    const struct ts_route *route; /* the pipelines that it goes through; kept batches: NULL */
    struct ts_processor_node
        *owner; /* kept batches that were read back: whose they are; else NULL */
    struct ts_loop *home;
    struct ts_payload *payload;
    struct ts_headers *headers; /* forwarded ones; NULL: none */
    ts_time received;           /* wall clock */
    ts_time give_up;            /* wall clock; for late batches: when scoring ends */
    size_t items;
    enum ts_table
        table;   /* LATE: the items left long ago, only their scores are due. DECIDED: no items, but
                          * evaluations may be due */
    uint64_t id; /* in that table; 0: not stored */
    struct ts_batch *kept, *kept_next; /* those that hang on this one; the next of its siblings */
    uint64_t parent;   /* kept batches that were read back: id of what they hang on */
    ts_view decisions; /* … the owner's words */
    /* Once, when nothing is pending any more; may be NULL. Thread: the home loop. */
    void (*ended)(void *arg, enum ts_fate fate);
    void *arg;
    unsigned refs;         /* home loop: who still needs the memory */
    unsigned pending;      /* home loop: what still needs the stored record */
    enum ts_fate fate;     /* the worst of what has ended */
    struct ts_task task;   /* private to the pipeline */
    struct ts_batch *next; /* private to the loader */
    size_t note_count;     /* private, as the rest */
    struct ts_notes *notes[];
};

/* Takes over payload and headers; counts against the memory limit. `notes`: how many processors inspect
 * it. Thread: any. */
struct ts_batch *ts_batch_new(struct ts_engine *engine, const struct ts_signal *signal,
                              struct ts_payload *payload, struct ts_headers *headers, size_t notes);
/* The same for what is kept of another: no notes, and counted as kept besides. */
struct ts_batch *ts_batch_new_kept(struct ts_engine *engine, const struct ts_signal *signal,
                                   enum ts_table table, struct ts_payload *payload,
                                   struct ts_headers *headers);
/* Hangs a kept batch on the one that it is of: when that ends, one of its pendings does. Thread: the home
 * loop, or the owner's of both. */
void ts_batch_hang(struct ts_batch *kept, struct ts_batch *of);
/* Frees a batch that is not pending. Thread: the owner's. */
void ts_batch_discard(struct ts_batch *batch);

/* Gives it a home and one reference, which is pending; from then to its end the barrier counts it. What
 * hangs on it begins with it, and is pending for it. Thread: the owner's. */
void ts_batch_begin(struct ts_batch *batch, struct ts_loop *home);

/* Home loop, for the rest. While anything is pending the record stays in the store. The last end removes
 * it, unless the fate is LEFT. A pending end holds a reference. */
void ts_batch_pending_add(struct ts_batch *batch);
void ts_batch_pending_done(struct ts_batch *batch, enum ts_fate fate);
/* The last unref frees; the memory counts against the limit until then. */
void ts_batch_ref(struct ts_batch *batch);
void ts_batch_unref(struct ts_batch *batch);

#endif
