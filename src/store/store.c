/* store.c - the environment, the queue in front of the writer, and reading. */
#include "store/store_internal.h"

#include "base/buf.h"
#include "base/log.h"
#include "store/damage.h"
#include "store/directories.h"
#include "store/faults.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define COMPONENT "store"

static bool failed(struct ts_err *err, const char *what, const struct ts_store *s, int code)
{
    return ts_fail(err, TS_UNAVAILABLE, "cannot %s the store in '%s': %s", what, s->directory,
                   mdb_strerror(code));
}

/* ---- opening ---- */

static bool open_environment(struct ts_store *s, bool fsync, struct ts_err *err)
{
    /* Deletions need pages, too, before they free any: room beyond what appends may fill. */
    const size_t headroom = 64u << 20;
    if (!ts_store_admit(s->directory, err))
        return false;
    ts_keep_private(s->directory);
    size_t map = ((size_t)(s->max_bytes + s->max_bytes / 4) + headroom) & ~(size_t)4095;
    int bad = mdb_env_create(&s->env);
    if (bad)
        return failed(err, "create", s, bad);
    ts_faults_watch(s->env);
    mdb_env_set_maxdbs(s->env, TS_TABLE_COUNT);
    mdb_env_set_mapsize(s->env, map);
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (fsync ? 0 : MDB_NOSYNC);
    bad = mdb_env_open(s->env, s->directory, flags, TS_FILE_MODE);
    return bad == 0 || failed(err, "open", s, bad);
}

/* Ids and sizes of what is there from before. */
static int survey(struct ts_store *s, MDB_txn *txn, size_t table)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int bad = mdb_cursor_open(txn, s->tables[table], &cursor);
    if (bad)
        return bad;
    while ((bad = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        uint64_t id;
        memcpy(&id, key.mv_data, sizeof id);
        if (id > s->last_id)
            s->last_id = id;
        s->stats.records[table]++;
        s->stats.bytes += ts_store_pages(value.mv_size);
    }
    s->stats_last_id = s->last_id;
    mdb_cursor_close(cursor);
    return bad == MDB_NOTFOUND ? 0 : bad;
}

static bool open_tables(struct ts_store *s, struct ts_err *err)
{
    MDB_txn *txn;
    int bad = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (bad)
        return failed(err, "write", s, bad);
    for (size_t t = 0; t < TS_TABLE_COUNT && !bad; t++)
        bad = mdb_dbi_open(txn, ts_store_tables[t], MDB_CREATE | MDB_INTEGERKEY, &s->tables[t]);
    for (size_t t = 0; t < TS_TABLE_COUNT && !bad; t++)
        bad = survey(s, txn, t);
    if (bad)
        mdb_txn_abort(txn);
    else
        bad = mdb_txn_commit(txn);
    return bad == 0 || failed(err, "read", s, bad);
}

const char *ts_store_directory(const struct ts_store *store)
{
    return store->directory;
}

struct ts_store *ts_store_open(const struct ts_store_options *o, struct ts_err *err)
{
    struct ts_store *s = ts_alloc(sizeof *s);
    s->directory = ts_strdup(o->directory);
    s->max_bytes = o->max_bytes;
    s->lock_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    s->tail = &s->appends;
    bool ok = (!o->create_directory || ts_make_directories(s->directory, err)) &&
              /* LMDB would let a second process in; two on one spool would send all twice. */
              ts_lock_directory(s->directory, true, &s->lock_fd, err) &&
              open_environment(s, o->fsync, err) && open_tables(s, err);
    if (ok && pthread_create(&s->writer, NULL, ts_store_write, s) != 0)
        ok = ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start the store's writer thread");
    s->started = ok;
    if (ok)
        return s;
    ts_store_close(s);
    return NULL;
}

void ts_store_close(struct ts_store *s)
{
    if (!s)
        return;
    if (s->started) {
        pthread_mutex_lock(&s->lock);
        s->closing = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->writer, NULL);
        mdb_env_sync(s->env, 1);
    }
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s->removals.items);
    free(s->directory);
    free(s);
}

/* ---- the queue ---- */

void ts_store_append(struct ts_store *s, struct ts_append *append)
{
    append->next = NULL;
    append->err = (struct ts_err){0};
    pthread_mutex_lock(&s->lock);
    *s->tail = append;
    s->tail = &append->next;
    if (s->writer_waits)
        pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void ts_store_remove(struct ts_store *s, enum ts_table table, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    struct ts_removals *r = &s->removals;
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->items = ts_realloc(r->items, r->cap * sizeof *r->items);
    }
    bool first = r->count == 0;
    r->items[r->count++] = (struct ts_removal){table, id};
    if (first && s->writer_waits)
        pthread_cond_signal(&s->wake); /* it goes on waiting, but with a limit now */
    pthread_mutex_unlock(&s->lock);
}

void ts_store_stats(struct ts_store *s, struct ts_store_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    pthread_mutex_unlock(&s->lock);
    out->max_bytes = s->max_bytes;
}

uint64_t ts_store_last_id(struct ts_store *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t id = s->stats_last_id;
    pthread_mutex_unlock(&s->lock);
    return id;
}

/* ---- reading ---- */

/* The first record above `after`, copied out of the map; its checksum in front is taken off. */
static int read_next(struct ts_store *s, enum ts_table table, uint64_t after, uint64_t *id,
                     struct ts_payload **record)
{
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    uint64_t from = after + 1;
    MDB_val key = {sizeof from, &from};
    MDB_val value;
    int bad = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (bad)
        return bad;
    bad = mdb_cursor_open(txn, s->tables[table], &cursor);
    if (!bad)
        bad = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    *record = NULL;
    if (!bad) {
        memcpy(id, key.mv_data, sizeof *id);
        ts_view stored = ts_view_of(value.mv_data, value.mv_size);
        uint64_t sum = 0;
        if (stored.len >= sizeof sum)
            memcpy(&sum, stored.ptr, sizeof sum);
        ts_view body = ts_view_from(stored, sizeof sum);
        if (stored.len >= sizeof sum && ts_store_sum(body, TS_NOTHING) == sum)
            *record = ts_payload_copy(body);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return bad;
}

bool ts_store_next(struct ts_store *s, enum ts_table table, uint64_t after, uint64_t *id,
                   struct ts_payload **record, struct ts_err *err)
{
    for (;;) {
        int bad = read_next(s, table, after, id, record);
        if (bad == MDB_NOTFOUND)
            return false;
        if (bad)
            return failed(err, "read", s, bad);
        if (*record)
            return true;
        ts_log(TS_ERROR, COMPONENT, "a stored record is damaged and was dropped", "id=%llu",
               (unsigned long long)*id);
        pthread_mutex_lock(&s->lock);
        s->stats.corrupt++;
        pthread_mutex_unlock(&s->lock);
        ts_store_remove(s, table, *id);
        after = *id;
    }
}
