/* writer.c - the one thread that writes: take all that is queued, commit it once, tell everybody. */
#include "store/store_internal.h"

#include "base/log.h"

#include <stdlib.h>

#define COMPONENT "store"
static const ts_time removal_wait = 100 * TS_MS;
static const ts_time refused_for = 2 * TS_S; /* what a refused sender is told to wait */

/* One round of work, taken off the store. */
struct round {
    struct ts_append *appends;
    struct ts_removals removals;
    int64_t added[TS_TABLE_COUNT]; /* records, net */
    int64_t bytes;                 /* net */
};

/* Waits for work. Removals alone wait for company: nobody is waiting for them. */
static bool take(struct ts_store *s, struct round *r)
{
    ts_time limit = TS_NEVER;
    pthread_mutex_lock(&s->lock);
    s->writer_waits = true;
    while (!s->appends && !s->closing) {
        if (s->removals.count > 0 && limit == TS_NEVER)
            limit = ts_now() + removal_wait;
        if (limit == TS_NEVER) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        struct timespec until = {limit / TS_S, limit % TS_S};
        if (pthread_cond_timedwait(&s->wake, &s->lock, &until) != 0)
            break;
    }
    s->writer_waits = false;
    *r = (struct round){.appends = s->appends, .removals = s->removals};
    s->appends = NULL;
    s->tail = &s->appends;
    s->removals = (struct ts_removals){0};
    bool more = r->appends || r->removals.count > 0 || !s->closing;
    pthread_mutex_unlock(&s->lock);
    return more;
}

static int remove_one(struct ts_store *s, MDB_txn *txn, struct round *r,
                      const struct ts_removal *what)
{
    uint64_t id = what->id;
    MDB_val key = {sizeof id, &id};
    MDB_val value;
    int bad = mdb_get(txn, s->tables[what->table], &key, &value);
    if (bad == MDB_NOTFOUND)
        return 0; /* removed before: harmless */
    if (bad)
        return bad;
    r->bytes -= (int64_t)ts_store_pages(value.mv_size);
    r->added[what->table]--;
    return mdb_del(txn, s->tables[what->table], &key, NULL);
}

static int append_one(struct ts_store *s, MDB_txn *txn, struct round *r, struct ts_append *a)
{
    uint64_t sum = ts_store_sum(a->head, a->body);
    uint64_t id = s->last_id + 1;
    MDB_val key = {sizeof id, &id};
    MDB_val value = {sizeof sum + a->head.len + a->body.len, NULL};
    int bad = mdb_put(txn, s->tables[a->table], &key, &value, MDB_RESERVE | MDB_APPEND);
    if (bad)
        return bad;
    uint8_t *at = value.mv_data;
    memcpy(at, &sum, sizeof sum);
    at += sizeof sum;
    if (a->head.len)
        memcpy(at, a->head.ptr, a->head.len);
    if (a->body.len)
        memcpy(at + a->head.len, a->body.ptr, a->body.len);
    s->last_id = id;
    a->id = id;
    r->bytes += (int64_t)ts_store_pages(value.mv_size);
    r->added[a->table]++;
    return 0;
}

static void refuse(const struct ts_store *s, struct ts_append *a, const char *why)
{
    a->err.retry_after = refused_for;
    ts_fail(&a->err, TS_UNAVAILABLE, "the store in '%s' does not take the request: %s",
            s->directory, why);
}

/* The whole round in one transaction. On an error nothing of it has happened. */
static int commit(struct ts_store *s, struct round *r, uint64_t bytes_before)
{
    MDB_txn *txn;
    int bad = mdb_txn_begin(s->env, NULL, 0, &txn);
    if (bad)
        return bad;
    uint64_t first_id = s->last_id;
    for (size_t i = 0; i < r->removals.count && !bad; i++)
        bad = remove_one(s, txn, r, &r->removals.items[i]);
    for (struct ts_append *a = r->appends; a && !bad; a = a->next) {
        uint64_t size = ts_store_pages(sizeof(uint64_t) + a->head.len + a->body.len);
        if ((int64_t)bytes_before + r->bytes + (int64_t)size > (int64_t)s->max_bytes)
            refuse(s, a, "it is full; the backend is not taking spans, or max_size is too small");
        else
            bad = append_one(s, txn, r, a);
    }
    if (bad)
        mdb_txn_abort(txn);
    else
        bad = mdb_txn_commit(txn);
    if (bad) {
        s->last_id = first_id;
        r->bytes = 0;
        memset(r->added, 0, sizeof r->added);
    }
    return bad;
}

static void account(struct ts_store *s, const struct round *r)
{
    pthread_mutex_lock(&s->lock);
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        s->stats.records[t] = (uint64_t)((int64_t)s->stats.records[t] + r->added[t]);
    s->stats.bytes = (uint64_t)((int64_t)s->stats.bytes + r->bytes);
    s->stats.commits++;
    s->stats_last_id = s->last_id;
    pthread_mutex_unlock(&s->lock);
}

static void tell(const struct ts_store *s, struct round *r, int bad)
{
    for (struct ts_append *a = r->appends; a;) {
        struct ts_append *next = a->next; /* done() may free it */
        if (bad)
            refuse(s, a, mdb_strerror(bad));
        a->done(a);
        a = next;
    }
}

/* For the next round; on the way out they are let go, and the records come back at the next start. */
static void keep_removals(struct ts_store *s, const struct round *r)
{
    pthread_mutex_lock(&s->lock);
    bool closing = s->closing;
    pthread_mutex_unlock(&s->lock);
    if (closing)
        return;
    for (size_t i = 0; i < r->removals.count; i++)
        ts_store_remove(s, r->removals.items[i].table, r->removals.items[i].id);
}

void *ts_store_write(void *arg)
{
    struct ts_store *s = arg;
    pthread_setname_np(pthread_self(), "store");
    struct round r;
    while (take(s, &r)) {
        if (!r.appends && r.removals.count == 0)
            continue;
        int bad = commit(s, &r, s->stats.bytes); /* only this thread changes the number */
        if (bad) {
            TS_LOG_LIMITED(TS_ERROR, COMPONENT, "a commit failed; senders are told to wait",
                           "directory=%s error=\"%s\"", s->directory, mdb_strerror(bad));
            keep_removals(s, &r);
        } else {
            account(s, &r);
        }
        tell(s, &r, bad);
        free(r.removals.items);
    }
    return NULL;
}
