/* rescue.c - record by record, so that nothing of the old file's structure comes along. */
#include "store/rescue.h"

#include "store/check.h"
#include "store/directories.h"

#include <lmdb.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct target {
    MDB_env *env;
    MDB_dbi tables[TS_TABLE_COUNT];
    MDB_txn *txn;
    size_t bytes; /* in the transaction */
};

static bool is_there(const char *directory, const char *name, char *path)
{
    struct stat found;
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return stat(path, &found) == 0;
}

static void remove_files(const char *directory)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_MAX];
    for (size_t i = 0; i < TS_COUNT(names); i++)
        if (is_there(directory, names[i], path))
            unlink(path);
}

static int begin(struct target *t)
{
    t->bytes = 0;
    return mdb_txn_begin(t->env, NULL, 0, &t->txn);
}

static int commit(struct target *t)
{
    int bad = mdb_txn_commit(t->txn);
    t->txn = NULL;
    return bad;
}

static int open_target(struct target *t, const char *to, uint64_t bytes)
{
    const size_t room = (size_t)64 << 20; /* for the pages of the trees */
    int bad = mdb_env_create(&t->env);
    if (bad)
        return bad;
    mdb_env_set_maxdbs(t->env, TS_TABLE_COUNT);
    mdb_env_set_mapsize(t->env, ((size_t)(bytes + bytes / 4) + room) & ~(size_t)4095);
    bad = mdb_env_open(t->env, to, MDB_NOTLS, TS_FILE_MODE);
    if (!bad)
        bad = begin(t);
    for (size_t i = 0; i < TS_TABLE_COUNT && !bad; i++)
        bad = mdb_dbi_open(t->txn, ts_store_tables[i], MDB_CREATE | MDB_INTEGERKEY, &t->tables[i]);
    return bad;
}

static int put(struct target *t, const struct ts_found *found, ts_view record)
{
    enum { STEP = 16 << 20 }; /* bytes that a transaction takes */
    uint64_t id = found->id;
    MDB_val key = {sizeof id, &id};
    MDB_val value = {record.len, (void *)(uintptr_t)record.ptr};
    int bad = mdb_put(t->txn, t->tables[found->table], &key, &value, MDB_APPEND);
    t->bytes += record.len;
    if (!bad && t->bytes > STEP) {
        bad = commit(t);
        if (!bad)
            bad = begin(t);
    }
    return bad;
}

static int copy(struct target *t, const struct ts_salvage *s, uint64_t *written)
{
    struct ts_buf record = TS_BUF_INIT;
    int bad = 0;
    for (size_t i = 0; i < s->count && !bad; i++) {
        if (!ts_salvage_read(s, i, &record))
            continue;
        bad = put(t, &s->records[i], ts_buf_view(&record));
        written[s->records[i].table]++;
    }
    ts_buf_release(&record);
    return bad ? bad : commit(t);
}

bool ts_rescue(const struct ts_salvage *s, const char *to, uint64_t *written, struct ts_err *err)
{
    struct target t = {0};
    char path[PATH_MAX];
    memset(written, 0, TS_TABLE_COUNT * sizeof *written);
    if (!ts_make_directories(to, err))
        return false;
    if (is_there(to, "data.mdb", path))
        return ts_fail(err, TS_ALREADY_EXISTS,
                       "'%s' is there already; give another directory behind --to", path);
    int bad = open_target(&t, to, s->bytes);
    if (!bad)
        bad = copy(&t, s, written);
    if (t.txn)
        mdb_txn_abort(t.txn);
    if (t.env)
        mdb_env_close(t.env);
    if (!bad)
        return true;
    remove_files(to);
    return ts_fail(err, TS_UNAVAILABLE, "cannot write the new store in '%s': %s", to,
                   mdb_strerror(bad));
}

bool ts_rescue_cache(const char *from, const char *to, struct ts_err *err)
{
    char path[PATH_MAX];
    MDB_env *env = NULL;
    if (!is_there(from, "data.mdb", path))
        return false;
    if (!ts_check_file(from, false, err) || !ts_make_directories(to, err))
        return false;
    int bad = mdb_env_create(&env);
    if (!bad)
        bad = mdb_env_open(env, from, MDB_RDONLY | MDB_NOTLS, TS_FILE_MODE);
    if (!bad)
        bad = mdb_env_copy(env, to);
    if (env)
        mdb_env_close(env);
    if (bad)
        return ts_fail(err, TS_UNAVAILABLE, "cannot copy '%s' to '%s': %s", from, to,
                       mdb_strerror(bad));
    ts_keep_private(to);
    return true;
}
