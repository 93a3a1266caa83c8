/* cache_writer.c - the one thread that writes: a few entries a transaction, and when the file is nearly
 * full, a few of the oldest out. Room is made before it is needed, since throwing out takes pages, too,
 * before it frees any. */
#include "store/cache_internal.h"

#include "base/log.h"
#include "store/space.h"

#include <inttypes.h>
#include <stdlib.h>

#define COMPONENT "score cache"

static MDB_val val(const void *bytes, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)bytes};
}

struct age {
    uint64_t time; /* big endian: the order of bytes is that of time */
    struct ts_cache_key key;
};

static struct age age_of(ts_time time, const struct ts_cache_key *key)
{
    return (struct age){__builtin_bswap64((uint64_t)time), *key};
}

static int unless_absent(int bad)
{
    return bad == MDB_NOTFOUND ? 0 : bad;
}

/* ---- into the file ---- */

static int drop(struct ts_cache *cache, MDB_txn *txn, const struct age *age)
{
    MDB_val a = val(age, sizeof *age);
    MDB_val k = val(&age->key, sizeof age->key);
    int bad = unless_absent(mdb_del(txn, cache->ages, &a, NULL));
    return bad ? bad : unless_absent(mdb_del(txn, cache->values, &k, NULL));
}

static int put_entry(struct ts_cache *cache, MDB_txn *txn, const struct ts_cached *entry)
{
    ts_time before;
    ts_view old;
    if (ts_cache_find(cache, txn, &entry->key, &before, &old)) {
        struct age age = age_of(before, &entry->key);
        int bad = drop(cache, txn, &age);
        if (bad)
            return bad;
    }
    struct age age = age_of(entry->time, &entry->key);
    MDB_val a = val(&age, sizeof age);
    MDB_val nothing = val("", 0);
    MDB_val k = val(&entry->key, sizeof entry->key);
    MDB_val v = {sizeof entry->time + entry->len, NULL};
    int bad = mdb_put(txn, cache->values, &k, &v, MDB_RESERVE);
    if (bad)
        return bad;
    memcpy(v.mv_data, &entry->time, sizeof entry->time);
    memcpy((uint8_t *)v.mv_data + sizeof entry->time, entry->value, entry->len);
    return mdb_put(txn, cache->ages, &a, &nothing, 0);
}

static int put_all(struct ts_cache *cache, MDB_txn *txn, const struct ts_cached *batch)
{
    int bad = 0;
    for (; batch && !bad; batch = batch->next)
        bad = put_entry(cache, txn, batch);
    return bad;
}

/* ---- room ---- */

static int drop_oldest(struct ts_cache *cache, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val nothing;
    struct age age;
    int bad = mdb_cursor_open(txn, cache->ages, &cursor);
    if (bad)
        return bad;
    bad = mdb_cursor_get(cursor, &key, &nothing, MDB_FIRST);
    bool one = bad == 0 && key.mv_size == sizeof age;
    if (one)
        memcpy(&age, key.mv_data, sizeof age);
    mdb_cursor_close(cursor);
    return one ? drop(cache, txn, &age) : bad ? bad : MDB_NOTFOUND;
}

static int drop_some(struct ts_cache *cache, MDB_txn *txn, size_t count)
{
    int bad = 0;
    while (count-- > 0 && !bad)
        bad = drop_oldest(cache, txn);
    return unless_absent(bad);
}

/* Pages that the next transaction may fill: those never used, and those freed before the last one. */
static size_t free_pages(struct ts_cache *cache)
{
    size_t used = (size_t)ts_env_end(cache->env) / cache->page_size;
    return (used < cache->pages ? cache->pages - used : 0) + ts_env_free_pages(cache->env).now;
}

static bool is_nearly_full(struct ts_cache *cache, const struct ts_cached *batch)
{
    size_t need = cache->reserve;
    for (; batch; batch = batch->next)
        need += batch->len / cache->page_size;
    return free_pages(cache) < need;
}

/* ---- transactions ---- */

/* Puts the batch; with none, throws `count` of the oldest out. */
static int in_transaction(struct ts_cache *cache, const struct ts_cached *batch, size_t count)
{
    MDB_txn *txn;
    int bad = mdb_txn_begin(cache->env, NULL, 0, &txn);
    if (bad)
        return bad;
    bad = batch ? put_all(cache, txn, batch) : drop_some(cache, txn, count);
    ts_mapped_touch(&cache->mapped, TS_MAPPED_AROUND * cache->step / 8); /* neighbours, mostly */
    if (!bad)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return bad;
}

/* With little room left, fewer at a time. */
static int make_room(struct ts_cache *cache)
{
    int bad = MDB_MAP_FULL;
    for (size_t count = cache->step; count > 0 && bad == MDB_MAP_FULL; count /= 2)
        bad = in_transaction(cache, NULL, count);
    return bad;
}

/* Two go for one that comes: pages become free only when most of what was on them has gone, and that
 * not for the next transaction but for the one after, and not while another process reads. */
static int write_batch(struct ts_cache *cache, const struct ts_cached *batch)
{
    enum { AHEAD = 2, ROUNDS = 16 };
    int bad = 0;
    if (is_nearly_full(cache, batch))
        for (int n = 0; n < AHEAD && !bad; n++)
            bad = make_room(cache);
    for (int round = 0; round < ROUNDS && !bad; round++) {
        bad = in_transaction(cache, batch, 0);
        if (bad != MDB_MAP_FULL)
            return bad;
        bad = make_room(cache);
    }
    return bad ? bad : MDB_MAP_FULL;
}

/* ---- the thread ---- */

/* The next few, still found in their slots. NULL: the end. */
static struct ts_cached *take(struct ts_cache *cache)
{
    enum { PART = 32, LIMIT = 1 << 20 }; /* bytes, beyond which a transaction takes no more */
    size_t most = cache->pages / PART * cache->page_size;
    most = most < LIMIT ? most : LIMIT;
    pthread_mutex_lock(&cache->lock);
    while (!cache->first && !cache->closing)
        pthread_cond_wait(&cache->wake, &cache->lock);
    struct ts_cached *batch = cache->first;
    struct ts_cached **end = &cache->first;
    size_t bytes = 0;
    for (size_t n = 0; *end && n < cache->step && bytes < most; n++) {
        bytes += ts_cache_weight(*end);
        end = &(*end)->next;
    }
    cache->first = *end;
    *end = NULL;
    if (!cache->first)
        cache->last = &cache->first;
    pthread_mutex_unlock(&cache->lock);
    return batch;
}

static void done(struct ts_cache *cache, struct ts_cached *batch, int bad)
{
    int fd;
    pthread_mutex_lock(&cache->lock);
    while (batch) {
        struct ts_cached *next = batch->next;
        ts_cache_forget(cache, batch);
        cache->lost += bad != 0;
        batch = next;
    }
    uint64_t lost = cache->lost;
    pthread_mutex_unlock(&cache->lock);
    mdb_env_get_fd(cache->env, &fd);
    if (bad)
        TS_LOG_LIMITED(TS_WARN, COMPONENT, "scores cannot be written, they are not kept",
                       "lost=%" PRIu64 " error=\"%s\"", lost,
                       mdb_strerror(ts_space_error(fd, bad)));
}

void *ts_cache_write(void *arg)
{
    struct ts_cache *cache = arg;
    struct ts_cached *batch;
    pthread_setname_np(pthread_self(), "score cache");
    while ((batch = take(cache)) != NULL)
        done(cache, batch, write_batch(cache, batch));
    mdb_env_sync(cache->env, 1);
    pthread_mutex_lock(&cache->lock);
    cache->through = true;
    bool ours = cache->abandoned;
    pthread_cond_signal(&cache->ended);
    pthread_mutex_unlock(&cache->lock);
    if (ours)
        ts_cache_destroy(cache);
    return NULL;
}
