/* writer.c - the one thread that writes: take all that is queued, commit it once, tell everybody. Where
 * that fails, removals by themselves, so that an append never stands in their way. */
#include "store/store_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define COMPONENT "store"
static const ts_time removal_wait = 100 * TS_MS;
static const ts_time refused_for = 2 * TS_S; /* what a refused sender is told to wait */
static const uint64_t for_the_tables = 256
                                       << 10; /* that a transaction touches beside the records */

/* ---- taking work ---- */

/* One round of it, taken off the store. */
struct round {
    struct ts_append *appends;
    struct ts_removals removals;
};

/* Waits for work, or for the time to look at the directory again. Removals alone wait for company: nobody
 * is waiting for them. False: the end. */
static bool take(struct ts_store *s, struct round *r)
{
    ts_time limit = ts_now() + TS_PLACE_LOOK_EVERY;
    bool hurries = false;
    pthread_mutex_lock(&s->lock);
    s->writer_waits = true;
    while (!s->appends && !s->closing) {
        if (s->removals.count > 0 && !hurries) {
            limit = ts_now() + removal_wait;
            hurries = true;
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

/* ---- one transaction ---- */

/* What it changes. */
struct change {
    size_t records_touched;
    int64_t records[TS_TABLE_COUNT]; /* net */
    int64_t bytes;                   /* net */
};

static int remove_one(struct ts_store *s, MDB_txn *txn, struct change *c,
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
    c->bytes -= (int64_t)ts_store_pages(value.mv_size);
    c->records[what->table]--;
    c->records_touched++;
    ts_mapped_touch(&s->mapped, TS_MAPPED_AROUND + value.mv_size);
    return mdb_del(txn, s->tables[what->table], &key, NULL);
}

static int append_one(struct ts_store *s, MDB_txn *txn, struct change *c, struct ts_append *a)
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
    c->bytes += (int64_t)ts_store_pages(value.mv_size);
    c->records[a->table]++;
    c->records_touched++;
    return 0;
}

static void refuse(struct ts_store *s, struct ts_append *a, enum ts_store_refusal cause,
                   const char *why)
{
    a->err.retry_after = refused_for;
    ts_fail(&a->err, TS_UNAVAILABLE, "the store in '%s' does not take the request: %s",
            s->directory, why);
    pthread_mutex_lock(&s->lock);
    s->stats.refused[cause]++;
    pthread_mutex_unlock(&s->lock);
}

static bool is_open(const struct ts_append *a)
{
    return a->err.code == TS_OK;
}

static uint64_t size_of(const struct ts_append *a)
{
    return ts_store_pages(sizeof(uint64_t) + a->head.len + a->body.len);
}

static bool any_open(const struct ts_append *a)
{
    while (a && !is_open(a))
        a = a->next;
    return a != NULL;
}

static uint64_t size_of_all(const struct ts_append *a)
{
    uint64_t bytes = 0;
    for (; a; a = a->next)
        bytes += is_open(a) ? size_of(a) : 0;
    return bytes;
}

static int change_all(struct ts_store *s, MDB_txn *txn, struct change *c,
                      const struct ts_removal *removals, size_t count, struct ts_append *appends)
{
    int bad = 0;
    for (size_t i = 0; i < count && !bad; i++)
        bad = remove_one(s, txn, c, &removals[i]);
    for (struct ts_append *a = appends; a && !bad; a = a->next) {
        if (!is_open(a))
            continue;
        int64_t after = (int64_t)s->stats.bytes + c->bytes + (int64_t)size_of(a);
        if (after > (int64_t)s->max_bytes)
            refuse(s, a, TS_REFUSED_FULL,
                   "it is full; the backend is not taking spans, or max_size is too small");
        else
            bad = append_one(s, txn, c, a);
    }
    return bad;
}

static void account(struct ts_store *s, const struct change *c)
{
    pthread_mutex_lock(&s->lock);
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        s->stats.records[t] = (uint64_t)((int64_t)s->stats.records[t] + c->records[t]);
    s->stats.bytes = (uint64_t)((int64_t)s->stats.bytes + c->bytes);
    s->stats.commits++;
    s->stats_last_id = s->last_id;
    pthread_mutex_unlock(&s->lock);
}

/* On an error nothing of it has happened, but appends for which the store is too small are refused. */
static int in_transaction(struct ts_store *s, const struct ts_removal *removals, size_t count,
                          struct ts_append *appends)
{
    MDB_txn *txn;
    struct change c = {0};
    uint64_t first_id = s->last_id;
    int bad = mdb_txn_begin(s->env, NULL, 0, &txn);
    s->broken = s->broken || bad == MDB_PANIC;
    if (bad)
        return bad;
    size_t number = mdb_txn_id(txn);
    s->shared = s->shared || number != s->last_commit + 1;
    bad = change_all(s, txn, &c, removals, count, appends);
    if (bad)
        mdb_txn_abort(txn);
    else
        bad = mdb_txn_commit(txn);
    ts_mapped_touch(&s->mapped,
                    2 * TS_MAPPED_AROUND); /* the ends of a table and of the free list */
    if (bad) {
        s->last_id = first_id;
        return bad;
    }
    if (c.records_touched > 0) /* LMDB gives no number to an empty one */
        s->last_commit = number;
    account(s, &c);
    return 0;
}

/* ---- with little room ---- */

/* EIO: LMDB's word for a write that was cut short. */
static bool is_about_room(int bad)
{
    return bad == ENOSPC || bad == EDQUOT || bad == EIO || bad == MDB_MAP_FULL ||
           bad == MDB_TXN_FULL;
}

/* For the next round; on the way out they are let go, and the records come back at the next start. */
static void queue_again(struct ts_store *s, const struct ts_removals *r, size_t from)
{
    pthread_mutex_lock(&s->lock);
    bool closing = s->closing;
    pthread_mutex_unlock(&s->lock);
    for (; from < r->count && !closing; from++)
        ts_store_remove(s, r->items[from].table, r->items[from].id);
}

/* As many at a time as there are pages for: what the first ones free is there for the third. */
static void remove_in_parts(struct ts_store *s, const struct ts_removals *r)
{
    size_t done = 0;
    size_t part = r->count;
    while (done < r->count && part > 0) {
        size_t count = part < r->count - done ? part : r->count - done;
        int bad = in_transaction(s, r->items + done, count, NULL);
        if (bad) {
            TS_LOG_LIMITED(TS_WARN, COMPONENT, "delivered records could not be removed yet",
                           "directory='%s' records=%zu error=\"%s\"", s->directory, count,
                           mdb_strerror(bad));
            part = is_about_room(bad) ? count / 4 : 0;
        } else {
            done += count;
            part *= 2;
        }
    }
    queue_again(s, r, done);
}

static void refuse_open(struct ts_store *s, struct ts_append *appends, enum ts_store_refusal cause,
                        const char *why)
{
    for (struct ts_append *a = appends; a; a = a->next)
        if (is_open(a))
            refuse(s, a, cause, why);
}

static const char disk_is_full[] =
    "its file system is full; make room there, or set another directory";

static void say_full(const struct ts_store *s)
{
    TS_LOG_LIMITED(TS_ERROR, COMPONENT,
                   "the file system is full, new requests are refused until there is room",
                   "directory='%s' free_bytes=%llu fix=\"make room there, or set file_storage's "
                   "directory to another\"",
                   s->directory, (unsigned long long)ts_space_of(ts_store_fd(s)).free);
}

/* A transaction without effect: what the last one has freed is there for the next. */
static void turn_over(struct ts_store *s)
{
    uint64_t no_id = 0;
    MDB_val key = {sizeof no_id, &no_id};
    MDB_val nothing = {0, NULL};
    MDB_txn *txn;
    if (mdb_txn_begin(s->env, NULL, 0, &txn) != 0)
        return;
    size_t number = mdb_txn_id(txn);
    if (mdb_put(txn, s->tables[0], &key, &nothing, 0) != 0 ||
        mdb_del(txn, s->tables[0], &key, NULL) != 0)
        mdb_txn_abort(txn);
    else if (mdb_txn_commit(txn) == 0)
        s->last_commit = number;
}

/* Those that fit behind one another into what is free inside the file. */
static void limit_to_room(struct ts_store *s, struct ts_append *appends)
{
    uint64_t used = for_the_tables;
    uint64_t wanted = used + size_of_all(appends);
    struct ts_room room = ts_room_inside(s);
    if (room.now < wanted && room.soon > room.now) {
        turn_over(s);
        room = ts_room_inside(s);
    }
    for (struct ts_append *a = appends; a; a = a->next) {
        if (!is_open(a))
            continue;
        if (used + size_of(a) <= room.now) {
            used += size_of(a);
        } else {
            refuse(s, a, TS_REFUSED_DISK_FULL, disk_is_full);
            say_full(s);
        }
    }
}

static void refuse_after(struct ts_store *s, struct ts_append *appends, int bad)
{
    bad = ts_space_error(ts_store_fd(s), bad);
    if (bad == ENOSPC || bad == EDQUOT) {
        refuse_open(s, appends, TS_REFUSED_DISK_FULL, disk_is_full);
        say_full(s);
    } else if (bad == EROFS) { /* some say so only to those who write */
        refuse_open(s, appends, TS_REFUSED_DIRECTORY, ts_place_reason(TS_PLACE_READ_ONLY));
        ts_place_say(s, TS_PLACE_READ_ONLY);
    } else {
        refuse_open(s, appends, TS_REFUSED_ERROR, mdb_strerror(bad));
        TS_LOG_LIMITED(TS_ERROR, COMPONENT, "a commit failed; senders are told to wait",
                       "directory='%s' error=\"%s\"", s->directory, mdb_strerror(bad));
    }
}

/* ---- a round ---- */

static void write_round(struct ts_store *s, struct round *r)
{
    bool room = ts_room_reserve(s, for_the_tables + size_of_all(r->appends));
    if (room && in_transaction(s, r->removals.items, r->removals.count, r->appends) == 0)
        return;
    remove_in_parts(s, &r->removals);
    if (!room)
        limit_to_room(s, r->appends);
    int bad = any_open(r->appends) ? in_transaction(s, NULL, 0, r->appends) : 0;
    if (bad)
        refuse_after(s, r->appends, bad);
}

/* Refuses what would be lost; what was committed in vain goes when the directory is back: its sender
 * sends it again. */
static void mind_the_place(struct ts_store *s, struct ts_append *appends, bool committed)
{
    enum ts_place place = ts_place_look(s);
    if (place == TS_PLACE_FINE)
        return;
    for (struct ts_append *a = appends; a; a = a->next) {
        if (is_open(a) && committed)
            ts_store_remove(s, a->table, a->id);
        if (is_open(a))
            refuse(s, a, TS_REFUSED_DIRECTORY, ts_place_reason(place));
    }
}

/* A failed write of LMDB's head is final for its environment; for the disk it may have been a moment. */
static bool open_again(struct ts_store *s)
{
    struct ts_err err = {0};
    if (s->place != TS_PLACE_FINE)
        return false;
    pthread_rwlock_wrlock(&s->env_lock);
    mdb_env_close(s->env);
    s->env = NULL;
    s->broken = !ts_store_open_environment(s, &err);
    if (s->broken) {
        mdb_env_close(s->env);
        s->env = NULL;
    }
    pthread_rwlock_unlock(&s->env_lock);
    if (s->broken)
        TS_LOG_LIMITED(TS_ERROR, COMPONENT, "the store cannot be opened again", "error=\"%s\"",
                       err.what);
    else
        ts_log(TS_WARN, COMPONENT, "the store was opened again after a failed write",
               "directory='%s'", s->directory);
    return !s->broken;
}

static void do_round(struct ts_store *s, struct round *r)
{
    mind_the_place(s, r->appends, false);
    if (!s->broken || open_again(s)) {
        write_round(s, r);
        if (any_open(r->appends))
            mind_the_place(s, r->appends, true);
    } else {
        refuse_open(s, r->appends, TS_REFUSED_ERROR, "it cannot be opened after a failed write");
        queue_again(s, &r->removals, 0);
    }
}

static void tell(struct ts_append *a)
{
    while (a) {
        struct ts_append *next = a->next; /* done() may free it */
        a->done(a);
        a = next;
    }
}

void *ts_store_write(void *arg)
{
    struct ts_store *s = arg;
    pthread_setname_np(pthread_self(), "store");
    struct round r;
    while (take(s, &r)) {
        if (r.appends || r.removals.count > 0) {
            do_round(s, &r);
            tell(r.appends);
            free(r.removals.items);
        } else {
            ts_place_look(s);
            ts_mapped_release(&s->mapped);
        }
    }
    return NULL;
}
