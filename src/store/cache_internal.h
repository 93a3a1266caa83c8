/* cache_internal.h - what the cache's two files share. */
#ifndef TS_STORE_CACHE_INTERNAL_H
#define TS_STORE_CACHE_INTERNAL_H

#include "store/cache.h"
#include "store/mapped.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* A value that is not yet in the file. */
struct ts_cached {
    struct ts_cached *next;      /* in the order of the puts */
    struct ts_cached *same_slot; /* newest first */
    struct ts_cache_key key;
    ts_time time; /* of the put, wall clock */
    size_t len;
    uint8_t value[];
};

enum { TS_CACHE_SLOTS = 4096 }; /* a full queue of short values has some ten in each */

/* `values`: key → time, value. `ages`: time, key → nothing; the first is the oldest. */
struct ts_cache {
    MDB_env *env;
    MDB_dbi values, ages;
    struct ts_mapped mapped;
    size_t pages, page_size; /* of the file, at most */
    size_t step;             /* entries that one transaction writes or throws out */
    size_t reserve;          /* pages to be kept free for them */
    ts_time max_age;
    pthread_t writer;

    _Atomic size_t count; /* of all that is found in `slots`; 0: readers need no lock */
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;  /* for the writer: a value, or the end */
    pthread_cond_t ended; /* for the close: the writer is through */
    struct ts_cached *first, **last;
    struct ts_cached *slots[TS_CACHE_SLOTS]; /* what waits, and what is being written */
    size_t bytes;                            /* of the same */
    uint64_t lost;
    bool closing, through;
    bool abandoned; /* the owner has gone: the writer frees, when it gets out */
};

/* The writer thread; arg is the cache. */
void *ts_cache_write(void *arg);
/* The time and the value under the key, valid as long as the transaction; false: there is none. */
bool ts_cache_find(struct ts_cache *cache, MDB_txn *txn, const struct ts_cache_key *key,
                   ts_time *time, ts_view *value);
/* Bytes that a value takes while it waits. */
size_t ts_cache_weight(const struct ts_cached *entry);
/* Takes it out of its slot and frees it. Under the lock. */
void ts_cache_forget(struct ts_cache *cache, struct ts_cached *entry);
/* All but the thread. */
void ts_cache_destroy(struct ts_cache *cache);

#endif
