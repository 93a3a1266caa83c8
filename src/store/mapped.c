/* mapped.c - LMDB tells most of it; where its map is has to be found. */
#include "store/mapped.h"

#include <string.h>
#include <sys/mman.h>

static const size_t most_touched = 16 << 20;

static size_t page_size(MDB_env *env)
{
    MDB_stat stat;
    mdb_env_stat(env, &stat);
    return stat.ms_psize;
}

uint64_t ts_env_end(MDB_env *env)
{
    MDB_envinfo info;
    mdb_env_info(env, &info);
    return ((uint64_t)info.me_last_pgno + 1) * page_size(env);
}

struct ts_free_pages ts_env_free_pages(MDB_env *env)
{
    enum { FREE_LIST = 0 }; /* LMDB's own table: transaction → count, pages */
    struct ts_free_pages found = {0};
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val list;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return found;
    if (mdb_cursor_open(txn, FREE_LIST, &cursor) == 0) {
        while (mdb_cursor_get(cursor, &key, &list, MDB_NEXT) == 0) {
            size_t by;
            size_t count;
            memcpy(&by, key.mv_data, sizeof by);
            memcpy(&count, list.mv_data, sizeof count);
            *(by < mdb_txn_id(txn) ? &found.now : &found.soon) += count;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return found;
}

/* Each page begins with its number, the first two with a mark behind their head: so the start of the map
 * follows from any place in it, and can be proven. LMDB does not tell it. */
static void *start_of(const void *place, size_t page)
{
    enum { HEAD = 16 };
    static const uint32_t mark = 0xBEEFC0DE;
    unsigned char resident[2];
    size_t number;
    uint32_t found;
    uintptr_t at = (uintptr_t)place / page * page;
    memcpy(&number, (const void *)at, sizeof number);
    uintptr_t start = at - number * page;
    if (number >= at / page || mincore((void *)start, page, resident) != 0)
        return NULL;
    memcpy(&found, (const void *)(start + HEAD), sizeof found);
    return found == mark ? (void *)start : NULL;
}

void ts_mapped_find(struct ts_mapped *mapped, MDB_env *env)
{
    MDB_envinfo info;
    MDB_txn *txn;
    MDB_dbi names;
    MDB_cursor *cursor = NULL;
    MDB_val name;
    MDB_val table;
    mapped->base = NULL;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    mdb_env_info(env, &info);
    mapped->size = info.me_mapsize;
    if (mdb_dbi_open(txn, NULL, 0, &names) == 0 && mdb_cursor_open(txn, names, &cursor) == 0 &&
        mdb_cursor_get(cursor, &name, &table, MDB_FIRST) == 0)
        mapped->base = start_of(table.mv_data, page_size(env));
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

static void give_back(struct ts_mapped *mapped)
{
    atomic_store(&mapped->touched, 0);
    if (mapped->base)
        madvise(mapped->base, mapped->size, MADV_DONTNEED);
}

void ts_mapped_touch(struct ts_mapped *mapped, size_t bytes)
{
    if (atomic_fetch_add(&mapped->touched, bytes) + bytes >= most_touched)
        give_back(mapped);
}

void ts_mapped_release(struct ts_mapped *mapped)
{
    if (atomic_load(&mapped->touched) > 0)
        give_back(mapped);
}
