/* loader.h - from disk back into memory: after a restart, and when memory was short.
 * One reader at a time, on libuv's thread pool, because reading may wait for the disk. It takes as much as
 * the memory limit allows, in the order of the ids; freed memory starts it again. Batches reach the loops
 * in the order of their ids, either straight from a receiver or through here. What the last run kept of a
 * request comes with the request; what it kept of requests that are gone comes on its own. */
#ifndef TS_ENGINE_LOADER_H
#define TS_ENGINE_LOADER_H

#include "pipeline/engine/kept_index.h"
#include "pipeline/engine/pipeline.h"

struct ts_loader {
    struct ts_engine *engine;
    const struct ts_routes *routes;
    pthread_mutex_t lock; /* guards what follows */
    bool backlog;         /* new records stay on disk until the loader gets to them */
    bool kept_backlog;    /* kept records of the last run are not all loaded */
    bool loading, stopping;
    uint64_t last_dispatched; /* id in the spool */
    uint64_t last_durable;
    uint64_t last_kept[TS_TABLE_COUNT], kept_until;
    struct ts_kept_index index;     /* private, as the rest */
    struct ts_room room, kept_room; /* in memory; for what is kept */
    struct ts_task task;
    uv_work_t work;
    struct ts_batch *loaded;
};

void ts_loader_init(struct ts_loader *loader, struct ts_engine *engine,
                    const struct ts_routes *routes);
void ts_loader_release(struct ts_loader *loader);
/* Takes up what the last run left, before the first request comes. Thread: main. */
void ts_loader_recover(struct ts_loader *loader);
/* A request is durable under this id. True: it goes on in memory; false: it waits its turn on disk. Called
 * in the order of the ids. Thread: the store's writer. */
bool ts_loader_admit(struct ts_loader *loader, uint64_t id);
/* Starts reading if something waits on disk; when memory is short, as soon as it is not. Thread: any. */
void ts_loader_start(struct ts_loader *loader);
/* Reads no more; what is being read is handed out yet, and counted until then. One that was not initialized
 * is fine, here and for release. Thread: any. */
void ts_loader_stop(struct ts_loader *loader);

#endif
