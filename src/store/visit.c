/* visit.c - records where they lie, without copies. */
#include "store/store_internal.h"

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
    return bad == 0 || ts_fail(err, TS_UNAVAILABLE, "cannot read the store in '%s': %s",
                               s->directory, mdb_strerror(bad));
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
