/* read.c - records copied out of the map one after the other, or looked at where they lie. */
#include "store/store_internal.h"

#include "base/log.h"

#define COMPONENT "store"

static bool unreadable(const struct ts_store *s, int bad, struct ts_err *err)
{
    return ts_fail(err, TS_UNAVAILABLE, "cannot read the store in '%s': %s", s->directory,
                   mdb_strerror(bad));
}

/* ---- one after the other ---- */

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
        ts_mapped_touch(&s->mapped, TS_MAPPED_AROUND + stored.len);
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
        pthread_rwlock_rdlock(&s->env_lock);
        int bad = s->env ? read_next(s, table, after, id, record) : MDB_PANIC;
        pthread_rwlock_unlock(&s->env_lock);
        if (bad == MDB_NOTFOUND)
            return false;
        if (bad)
            return unreadable(s, bad, err);
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

/* ---- all of them ---- */

/* Calls `visit` for each record; an LMDB error code. */
static int visit_all(struct ts_store *s, enum ts_table table,
                     void (*visit)(void *, uint64_t, ts_view), void *arg)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int bad = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (bad)
        return bad;
    bad = mdb_cursor_open(txn, s->tables[table], &cursor);
    if (!bad) {
        while ((bad = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            uint64_t id;
            memcpy(&id, key.mv_data, sizeof id);
            visit(arg, id,
                  ts_view_from(ts_view_of(value.mv_data, value.mv_size), sizeof(uint64_t)));
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return bad == MDB_NOTFOUND ? 0 : bad;
}

bool ts_store_visit(struct ts_store *s, enum ts_table table,
                    void (*visit)(void *, uint64_t, ts_view), void *arg, struct ts_err *err)
{
    pthread_rwlock_rdlock(&s->env_lock); /* `visit` may ask ts_store_has: a second reader */
    int bad = s->env ? visit_all(s, table, visit, arg) : MDB_PANIC;
    pthread_rwlock_unlock(&s->env_lock);
    ts_mapped_release(&s->mapped);
    return bad == 0 || unreadable(s, bad, err);
}

static bool has(struct ts_store *s, enum ts_table table, uint64_t id)
{
    MDB_txn *txn;
    MDB_val key = {sizeof id, &id};
    MDB_val value;
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
        return false;
    bool there = mdb_get(txn, s->tables[table], &key, &value) == 0;
    mdb_txn_abort(txn);
    return there;
}

bool ts_store_has(struct ts_store *s, enum ts_table table, uint64_t id)
{
    pthread_rwlock_rdlock(&s->env_lock);
    bool there = s->env && has(s, table, id);
    pthread_rwlock_unlock(&s->env_lock);
    return there;
}
