#include "store/cache.h"

#include "base/buf.h"
#include "store/directories.h"

#include <lmdb.h>
#include <stdlib.h>
#include <xxhash.h>

/* `values`: key → time, value. `ages`: time, key → nothing; the first is the oldest. */
struct ts_cache {
    MDB_env *env;
    MDB_dbi values, ages;
    ts_time max_age;
};

struct age {
    uint64_t time; /* big endian: the order of bytes is that of time */
    struct ts_cache_key key;
};

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

static MDB_val val(const void *bytes, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)bytes};
}

static struct age age_of(ts_time time, const struct ts_cache_key *key)
{
    return (struct age){__builtin_bswap64((uint64_t)time), *key};
}

/* ---- reading ---- */

static bool read_entry(struct ts_cache *cache, MDB_txn *txn, const struct ts_cache_key *key,
                       ts_time *time, ts_view *value)
{
    MDB_val k = val(key, sizeof *key);
    MDB_val v;
    if (mdb_get(txn, cache->values, &k, &v) != 0 || v.mv_size < sizeof *time)
        return false;
    memcpy(time, v.mv_data, sizeof *time);
    *value = ts_view_from(ts_view_of(v.mv_data, v.mv_size), sizeof *time);
    return true;
}

bool ts_cache_get(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                  ts_view *value)
{
    MDB_txn *txn;
    ts_time time;
    if (mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn) != 0)
        return false;
    bool found =
        read_entry(cache, txn, key, &time, value) && ts_wall_now() - time <= cache->max_age;
    if (found)
        *value = ts_arena_copy(arena, *value);
    mdb_txn_abort(txn);
    return found;
}

/* ---- writing ---- */

static int drop(struct ts_cache *cache, MDB_txn *txn, const struct age *age)
{
    MDB_val a = val(age, sizeof *age);
    MDB_val k = val(&age->key, sizeof age->key);
    int bad = mdb_del(txn, cache->ages, &a, NULL);
    int worse = mdb_del(txn, cache->values, &k, NULL);
    bad = bad == MDB_NOTFOUND ? 0 : bad;
    return bad ? bad : worse == MDB_NOTFOUND ? 0 : worse;
}

static int put_entry(struct ts_cache *cache, MDB_txn *txn, const struct ts_cache_key *key,
                     ts_view value)
{
    ts_time time = ts_wall_now();
    ts_time before;
    ts_view old;
    if (read_entry(cache, txn, key, &before, &old)) {
        struct age age = age_of(before, key);
        int bad = drop(cache, txn, &age);
        if (bad)
            return bad;
    }
    struct age age = age_of(time, key);
    MDB_val a = val(&age, sizeof age);
    MDB_val nothing = val("", 0);
    MDB_val k = val(key, sizeof *key);
    MDB_val v = {sizeof time + value.len, NULL};
    int bad = mdb_put(txn, cache->values, &k, &v, MDB_RESERVE);
    if (bad)
        return bad;
    memcpy(v.mv_data, &time, sizeof time);
    if (value.len > 0)
        memcpy((uint8_t *)v.mv_data + sizeof time, value.ptr, value.len);
    return mdb_put(txn, cache->ages, &a, &nothing, 0);
}

/* Makes room: the oldest tenth goes, at least a few. */
static int drop_oldest(struct ts_cache *cache, MDB_txn *txn)
{
    enum { LEAST = 8, PART = 10 };
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val nothing;
    int bad = mdb_stat(txn, cache->ages, &stat);
    for (size_t left = stat.ms_entries / PART + LEAST; left > 0 && !bad; left--) {
        struct age age;
        bad = mdb_cursor_open(txn, cache->ages, &cursor);
        if (bad)
            return bad;
        bad = mdb_cursor_get(cursor, &key, &nothing, MDB_FIRST);
        bool one = bad == 0 && key.mv_size == sizeof age;
        if (one)
            memcpy(&age, key.mv_data, sizeof age);
        mdb_cursor_close(cursor);
        bad = one ? drop(cache, txn, &age) : bad;
        if (!one)
            break;
    }
    return bad == MDB_NOTFOUND ? 0 : bad;
}

static int in_transaction(struct ts_cache *cache, bool make_room, const struct ts_cache_key *key,
                          ts_view value)
{
    MDB_txn *txn;
    int bad = mdb_txn_begin(cache->env, NULL, 0, &txn);
    if (bad)
        return bad;
    bad = make_room ? drop_oldest(cache, txn) : put_entry(cache, txn, key, value);
    if (bad) {
        mdb_txn_abort(txn);
        return bad;
    }
    return mdb_txn_commit(txn);
}

void ts_cache_put(struct ts_cache *cache, const struct ts_cache_key *key, ts_view value)
{
    enum { ROUNDS = 4 };
    for (int round = 0; round < ROUNDS; round++) {
        int bad = in_transaction(cache, false, key, value);
        if (bad != MDB_MAP_FULL || in_transaction(cache, true, key, value) != 0)
            return;
    }
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

static bool open_environment(struct ts_cache *cache, const struct ts_cache_options *o,
                             struct ts_err *err)
{
    if (!ts_make_directories(o->directory, err))
        return false;
    int bad = mdb_env_create(&cache->env);
    if (bad)
        return failed(err, o, mdb_strerror(bad));
    mdb_env_set_maxdbs(cache->env, 2);
    mdb_env_set_mapsize(cache->env, (size_t)o->max_bytes & ~(size_t)4095);
    bad = mdb_env_open(cache->env, o->directory, MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC, 0640);
    if (bad)
        return failed(err, o, mdb_strerror(bad));
    return open_tables(cache, o, err);
}

struct ts_cache *ts_cache_open(const struct ts_cache_options *o, struct ts_err *err)
{
    struct ts_cache *cache = ts_alloc(sizeof *cache);
    cache->max_age = o->max_age;
    if (!open_environment(cache, o, err)) {
        ts_cache_close(cache);
        return NULL;
    }
    return cache;
}

void ts_cache_close(struct ts_cache *cache)
{
    if (!cache)
        return;
    if (cache->env) {
        mdb_env_sync(cache->env, 1);
        mdb_env_close(cache->env);
    }
    free(cache);
}
