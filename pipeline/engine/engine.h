/* engine.h - what all parts of the engine stand on. How a request goes through it:
 *     intake     checked, made durable, acknowledged          loader    … or read back from the store
 *     pipeline   its chain of processors, on a loop            kept      what is decided, what is due
 *     fanout     to every exporter of the pipeline
 *     sending_queue, evaluation_queue, delivery                attempts, until a backend has it
 *     batch      forgotten when nothing of it is pending
 * service.c builds all of it from a plan, and takes it down. Includes run up this list only. */
#ifndef TS_ENGINE_ENGINE_H
#define TS_ENGINE_ENGINE_H

#include "pipeline/engine/barrier.h"
#include "pipeline/engine/memory.h"
#include "pipeline/seal.h"
#include "store/store.h"
#include "telemetry/metrics.h"

struct ts_engine {
    struct ts_metrics *metrics;
    struct ts_store *store; /* NULL: storage none */
    struct ts_seal *seal;   /* closes headers in the store; NULL: they lie there as they came */
    struct ts_loop **loops; /* what batches live on */
    size_t loop_count;
    atomic_size_t next_loop; /* private */
    struct ts_memory memory;
    struct ts_memory
        kept; /* what of it is kept after the items left: bounded apart, so that scores that
                            * are due do not stand in the way of requests */
    struct ts_barrier barrier;
    atomic_int batches;          /* in memory, not yet freed */
    _Atomic int64_t lost;        /* items acknowledged, not delivered, and stored nowhere */
    _Atomic int64_t lost_scores; /* late ones that did not come, of items whose record is nowhere */
};

void ts_engine_init(struct ts_engine *engine, uint64_t memory_limit);
/* Stops and frees the loops, closes the store, frees the metrics. Nothing may be on its way. */
void ts_engine_release(struct ts_engine *engine);
/* Makes and starts the loops. */
bool ts_engine_start_loops(struct ts_engine *engine, size_t count, struct ts_err *err);
/* Gauges of what it holds, which live as long. */
void ts_engine_add_gauges(struct ts_engine *engine);
/* What the store holds; without one nothing. Thread: any. */
struct ts_store_stats ts_engine_stored(const struct ts_engine *engine);
/* The next one in turn. Thread: any. */
struct ts_loop *ts_engine_loop(struct ts_engine *engine);

#endif
