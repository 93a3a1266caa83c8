/* cache.c - the environment, reading, and the queue in front of the writer. */
#include "store/cache_internal.h"

#include "base/buf.h"
#include "base/log.h"
#include "store/damage.h"
#include "store/directories.h"
#include "store/faults.h"
#include "store/space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#define COMPONENT "score cache"
static const size_t max_waiting = (size_t)16 << 20;
static const ts_time close_wait = 5 * TS_S;

struct ts_cache_key ts_cache_key_of(ts_view text)
{
    struct ts_cache_key key;
    XXH128_canonical_t half;
    for (unsigned i = 0; i < 2; i++) {
        XXH128_canonicalFromHash(&half, XXH3_128bits_withSeed(text.ptr, text.len, i));
        memcpy(key.bytes + 16 * i, &half, 16);
    }
    return key;
}

/* ---- what waits; under the lock ---- */

static struct ts_cached **slot_of(struct ts_cache *cache, const struct ts_cache_key *key)
{
    uint16_t number; /* any bits of a hash are as good */
    memcpy(&number, key->bytes, sizeof number);
    return &cache->slots[number % TS_CACHE_SLOTS];
}

size_t ts_cache_weight(const struct ts_cached *entry)
{
    return sizeof *entry + entry->len;
}

void ts_cache_forget(struct ts_cache *cache, struct ts_cached *entry)
{
    struct ts_cached **at = slot_of(cache, &entry->key);
    while (*at != entry)
        at = &(*at)->same_slot;
    *at = entry->same_slot;
    cache->bytes -= ts_cache_weight(entry);
    atomic_fetch_sub(&cache->count, 1);
    free(entry);
}

/* Those in the writer's hands are out of reach. */
static void drop_first(struct ts_cache *cache)
{
    struct ts_cached *entry = cache->first;
    cache->first = entry->next;
    if (!cache->first)
        cache->last = &cache->first;
    ts_cache_forget(cache, entry);
    cache->lost++;
}

static void enqueue(struct ts_cache *cache, struct ts_cached *entry)
{
    struct ts_cached **slot = slot_of(cache, &entry->key);
    while (cache->first && cache->bytes + ts_cache_weight(entry) > max_waiting)
        drop_first(cache);
    entry->same_slot = *slot;
    *slot = entry;
    *cache->last = entry;
    cache->last = &entry->next;
    cache->bytes += ts_cache_weight(entry);
    atomic_fetch_add(&cache->count, 1);
    pthread_cond_signal(&cache->wake);
}

/* ---- putting ---- */

static void say_lost(uint64_t lost, const char *why)
{
    TS_LOG_LIMITED(TS_WARN, COMPONENT, "scores are not kept", "lost=%" PRIu64 " reason=\"%s\"",
                   lost, why);
}

void ts_cache_put(struct ts_cache *cache, const struct ts_cache_key *key, ts_view value)
{
    enum { PART = 10 }; /* of the file, which one value may take */
    bool too_long = value.len / cache->page_size >= cache->pages / PART;
    struct ts_cached *entry = ts_alloc(sizeof *entry + (too_long ? 0 : value.len));
    entry->key = *key;
    entry->time = ts_wall_now();
    entry->len = value.len;
    if (value.len > 0 && !too_long)
        memcpy(entry->value, value.ptr, value.len);
    pthread_mutex_lock(&cache->lock);
    uint64_t before = cache->lost;
    if (too_long)
        cache->lost++;
    else
        enqueue(cache, entry);
    uint64_t lost = cache->lost;
    pthread_mutex_unlock(&cache->lock);
    if (too_long)
        free(entry);
    if (lost > before)
        say_lost(lost, too_long ? "too long for this cache" : "the disk does not keep up");
}

uint64_t ts_cache_lost(struct ts_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t lost = cache->lost;
    pthread_mutex_unlock(&cache->lock);
    return lost;
}

/* ---- reading ---- */

bool ts_cache_find(struct ts_cache *cache, MDB_txn *txn, const struct ts_cache_key *key,
                   ts_time *time, ts_view *value)
{
    MDB_val k = {sizeof *key, (void *)(uintptr_t)key};
    MDB_val v;
    if (mdb_get(txn, cache->values, &k, &v) != 0 || v.mv_size < sizeof *time)
        return false;
    memcpy(time, v.mv_data, sizeof *time);
    *value = ts_view_from(ts_view_of(v.mv_data, v.mv_size), sizeof *time);
    return true;
}

static bool find_waiting(struct ts_cache *cache, const struct ts_cache_key *key,
                         struct ts_arena *arena, ts_time *time, ts_view *value)
{
    if (atomic_load(&cache->count) == 0)
        return false;
    pthread_mutex_lock(&cache->lock);
    const struct ts_cached *entry = *slot_of(cache, key);
    while (entry && memcmp(&entry->key, key, sizeof *key) != 0)
        entry = entry->same_slot;
    if (entry) {
        *time = entry->time;
        *value = ts_arena_copy(arena, ts_view_of(entry->value, entry->len));
    }
    pthread_mutex_unlock(&cache->lock);
    return entry != NULL;
}

static bool find_written(struct ts_cache *cache, const struct ts_cache_key *key,
                         struct ts_arena *arena, ts_time *time, ts_view *value)
{
    MDB_txn *txn;
    if (mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn) != 0)
        return false;
    bool found = ts_cache_find(cache, txn, key, time, value);
    if (found)
        *value = ts_arena_copy(arena, *value);
    mdb_txn_abort(txn);
    ts_mapped_touch(&cache->mapped, TS_MAPPED_AROUND + (found ? value->len : 0));
    return found;
}

/* First what waits: it is newer, and goes from there only when it is in the file. */
bool ts_cache_get(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                  ts_view *value)
{
    ts_time time;
    bool found = find_waiting(cache, key, arena, &time, value) ||
                 find_written(cache, key, arena, &time, value);
    return found && ts_wall_now() - time <= cache->max_age;
}

/* ---- life ---- */

static bool failed(struct ts_err *err, const struct ts_cache_options *o, const char *why)
{
    return ts_fail(err, TS_FAILED_PRECONDITION,
                   "the score cache '%s' cannot be used: %s; give this user the right, set another "
                   "directory, or turn the cache off",
                   o->directory, why);
}

static bool open_tables(struct ts_cache *cache, const struct ts_cache_options *o,
                        struct ts_err *err)
{
    MDB_txn *txn;
    int bad = mdb_txn_begin(cache->env, NULL, 0, &txn);
    if (!bad) {
        bad = mdb_dbi_open(txn, "values", MDB_CREATE, &cache->values);
        if (!bad)
            bad = mdb_dbi_open(txn, "ages", MDB_CREATE, &cache->ages);
        if (bad)
            mdb_txn_abort(txn);
        else
            bad = mdb_txn_commit(txn);
    }
    return bad == 0 || failed(err, o, mdb_strerror(bad));
}

/* Small files are written in smaller steps, since each needs room of its own beside the old pages: four
 * an entry, and a few more. */
static void measure(struct ts_cache *cache, uint64_t max_bytes)
{
    enum { PART = 64, MOST = 64, AN_ENTRY = 4, ELSE = 48 };
    cache->page_size = (size_t)sysconf(_SC_PAGESIZE); /* as LMDB does */
    cache->pages = (size_t)max_bytes / cache->page_size;
    size_t step = cache->pages / PART;
    cache->step = step > MOST ? MOST : step < 1 ? 1 : step;
    cache->reserve = AN_ENTRY * cache->step + ELSE;
}

static bool open_environment(struct ts_cache *cache, const struct ts_cache_options *o,
                             struct ts_err *err)
{
    if (!ts_make_directories(o->directory, err) || !ts_cache_admit(o->directory, err))
        return false;
    ts_keep_private(o->directory);
    int bad = mdb_env_create(&cache->env);
    if (bad)
        return failed(err, o, mdb_strerror(bad));
    ts_faults_watch(cache->env);
    mdb_env_set_maxdbs(cache->env, 2);
    measure(cache, o->max_bytes); /* one that is full already gets room to throw out */
    mdb_env_set_mapsize(cache->env, (cache->pages + cache->reserve) * cache->page_size);
    if (!ts_space_reserve_lock(o->directory))
        return failed(err, o, strerror(errno));
    bad = mdb_env_open(cache->env, o->directory, MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC,
                       TS_FILE_MODE);
    if (bad)
        return failed(err, o, mdb_strerror(bad));
    if (!open_tables(cache, o, err))
        return false;
    ts_mapped_find(&cache->mapped, cache->env);
    return true;
}

struct ts_cache *ts_cache_open(const struct ts_cache_options *o, struct ts_err *err)
{
    struct ts_cache *cache = ts_alloc(sizeof *cache);
    pthread_condattr_t attr;
    cache->max_age = o->max_age;
    cache->last = &cache->first;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->wake, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&cache->ended, &attr);
    pthread_condattr_destroy(&attr);
    bool ok = open_environment(cache, o, err);
    if (ok && pthread_create(&cache->writer, NULL, ts_cache_write, cache) != 0)
        ok = ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start the score cache's writer thread");
    if (ok)
        return cache;
    ts_cache_destroy(cache);
    return NULL;
}

void ts_cache_destroy(struct ts_cache *cache)
{
    if (cache->env)
        mdb_env_close(cache->env);
    pthread_cond_destroy(&cache->ended);
    pthread_cond_destroy(&cache->wake);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void ts_cache_close(struct ts_cache *cache)
{
    if (!cache)
        return;
    pthread_t writer = cache->writer;
    ts_time deadline = ts_now() + close_wait;
    struct timespec until = {deadline / TS_S, deadline % TS_S};
    pthread_mutex_lock(&cache->lock);
    cache->closing = true;
    pthread_cond_signal(&cache->wake);
    while (!cache->through)
        if (pthread_cond_timedwait(&cache->ended, &cache->lock, &until) != 0)
            break;
    bool stuck = cache->abandoned = !cache->through;
    uint64_t waiting = atomic_load(&cache->count);
    pthread_mutex_unlock(&cache->lock); /* an abandoned cache may be gone from here on */
    if (stuck) {
        pthread_detach(writer);
        say_lost(waiting, "another process does not let go of the cache");
        return;
    }
    pthread_join(writer, NULL);
    ts_cache_destroy(cache);
}
