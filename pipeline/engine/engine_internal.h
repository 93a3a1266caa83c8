/* engine_internal.h - the engine's own state, shared by its files and by nobody else. */
#ifndef TS_ENGINE_INTERNAL_H
#define TS_ENGINE_INTERNAL_H

#include "pipeline/engine/engine.h"
#include "pipeline/engine/evaluation_queue.h"
#include "pipeline/engine/sending_queue.h"
#include "pipeline/exporter.h"
#include "pipeline/processor.h"
#include "pipeline/scorer.h"

#include <pthread.h>
#include <stdatomic.h>

/* One exporter instance with the queues in front of it. */
struct ts_outlet {
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    struct ts_sending_queue *spans;          /* NULL: takes no spans */
    struct ts_evaluation_queue *evaluations; /* NULL: takes no evaluations */
};

/* One scorer instance. */
struct ts_judge {
    char *id;
    const struct ts_scorer *scorer;
    struct ts_instance *instance;
};

struct ts_engine {
    struct ts_metrics *metrics;
    struct ts_store *store; /* NULL: storage none */
    struct ts_loop **loops;
    size_t loop_count;
    atomic_size_t next_loop;
    const struct ts_processor *processor; /* NULL: none */
    struct ts_instance *processor_instance;
    unsigned scored_kinds; /* bits 1 << enum ts_kind */
    struct ts_judge *judges;
    size_t judge_count;
    struct ts_outlet *outlets;
    size_t outlet_count;
    bool wants_evaluations;

    uint64_t memory_limit;     /* bytes of payloads in memory */
    _Atomic int64_t in_memory; /* taken in and not yet freed */
    atomic_int batches;        /* dispatched and not yet freed */

    /* What waits on disk only. Guarded by `lock`. */
    pthread_mutex_t lock;
    atomic_bool backlog;      /* new records stay on disk until the loader gets to them */
    atomic_bool late_backlog; /* late records of the last run are not all loaded */
    bool loading, stopping;
    uint64_t last_dispatched; /* id in the spool */
    uint64_t last_durable;
    uint64_t last_late, late_until;
    struct ts_task load_task;
    uv_work_t work;
    struct ts_batch *loaded; /* list made by the work thread */
};

/* Hands a batch that is in memory to its loop. */
void ts_engine_dispatch(struct ts_engine *engine, struct ts_batch *batch);
/* A batch's memory is free again. Thread: the batch's home. */
void ts_engine_freed(struct ts_engine *engine, size_t bytes);
/* Starts the loader if something waits on disk and there is room. Thread: any. */
void ts_engine_load(struct ts_engine *engine);

#endif
