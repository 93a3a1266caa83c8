/* store_internal.h - what the store's two files share. */
#ifndef TS_STORE_INTERNAL_H
#define TS_STORE_INTERNAL_H

#include "store/store.h"

#include <lmdb.h>
#include <pthread.h>

struct ts_removal {
    enum ts_table table;
    uint64_t id;
};

struct ts_removals {
    struct ts_removal *items;
    size_t count, cap;
};

struct ts_store {
    MDB_env *env;
    MDB_dbi tables[TS_TABLE_COUNT];
    char *directory;
    uint64_t max_bytes;
    int lock_fd;
    pthread_t writer;
    bool started;
    uint64_t last_id; /* the writer's alone after the start */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    bool writer_waits, closing;
    struct ts_append *appends, **tail;
    struct ts_removals removals;
    struct ts_store_stats stats;
    uint64_t stats_last_id; /* last_id as of the last commit */
};

/* The writer thread; arg is the store. */
void *ts_store_write(void *arg);

#endif
