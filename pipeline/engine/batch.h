/* batch.h - one accepted request, from the spool's yes to the last exporter's. */
#ifndef TS_ENGINE_BATCH_H
#define TS_ENGINE_BATCH_H

#include "loop/loop.h"
#include "pipeline/headers.h"
#include "store/store.h"
#include "wire/scan.h"

struct ts_engine;

/* Belongs to its home loop once it is dispatched; before that to whoever takes the request in. */
struct ts_batch {
    struct ts_engine *engine;
    struct ts_loop *home;
    struct ts_payload *payload;
    struct ts_headers *headers; /* forwarded ones; NULL: none */
    ts_time received;           /* wall clock */
    ts_time give_up;            /* wall clock; for late batches: when scoring ends */
    struct ts_span_at *llm;     /* the LLM spans, in the order of the request */
    size_t llm_count, llm_cap;
    struct ts_span_at
        *around; /* retrievers, rerankers, evaluators: LLM spans are read beside them */
    size_t around_count, around_cap;
    size_t spans;
    enum ts_table table;   /* LATE: the spans left long ago, only their scores are due */
    uint64_t id;           /* in that table; 0: not stored */
    unsigned refs;         /* home loop: who still needs the memory */
    unsigned undelivered;  /* home loop: what still needs the stored record */
    struct ts_task task;   /* private to the engine */
    struct ts_batch *next; /* private to the loader */
};

/* Takes over both references. */
struct ts_batch *ts_batch_new(struct ts_engine *engine, struct ts_payload *payload,
                              struct ts_headers *headers);
/* Walks the payload: checks it, counts the spans, finds the LLM spans. */
bool ts_batch_scan(struct ts_batch *batch, bool strict_ids, struct ts_scan *scan,
                   struct ts_err *err);

/* Home loop. The last unref frees; the memory counts against the engine's limit until then. */
void ts_batch_ref(struct ts_batch *batch);
void ts_batch_unref(struct ts_batch *batch);
/* Home loop. While anything is undelivered the record stays in the store, and with it a claim on
 * the memory. The last ts_batch_delivered removes the record. */
void ts_batch_owe(struct ts_batch *batch);
void ts_batch_delivered(struct ts_batch *batch);
/* Frees a batch that was never dispatched. Thread: the owner's. */
void ts_batch_discard(struct ts_batch *batch);

/* The stored form (proto/trustspan/spool.proto): everything but the request itself. The record is
 * this head and the payload behind it. */
void ts_record_head(const struct ts_headers *headers, ts_time received, ts_time give_up,
                    size_t request_len, struct ts_buf *out);
/* The way back; the batch's payload is a part of `record`, which is taken over. */
struct ts_batch *ts_batch_from_record(struct ts_engine *engine, struct ts_payload *record,
                                      struct ts_err *err);

#endif
