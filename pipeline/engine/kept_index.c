/* kept_index.c - a sorted list. */
#include "pipeline/engine/kept_index.h"

#include "pipeline/engine/record.h"

#include <stdlib.h>

static const enum ts_table kept_tables[] = {TS_TABLE_DECIDED, TS_TABLE_LATE};

struct building {
    struct ts_kept_index *index;
    struct ts_store *store;
    enum ts_table table;
};

static bool is_there(struct ts_store *store, uint64_t id)
{
    for (int t = 0; t < TS_TABLE_COUNT; t++)
        if (ts_store_has(store, (enum ts_table)t, id))
            return true;
    return false;
}

static void add(void *arg, uint64_t id, ts_view stored)
{
    struct building *b = arg;
    struct ts_kept_index *x = b->index;
    uint64_t parent = ts_record_parent(stored);
    if (parent == 0 || !is_there(b->store, parent))
        return;
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 64;
        x->list = ts_realloc(x->list, x->cap * sizeof *x->list);
    }
    x->list[x->count++] = (struct ts_kept_place){parent, id, b->table};
}

static int in_order(const void *a, const void *b)
{
    const struct ts_kept_place *x = a;
    const struct ts_kept_place *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

bool ts_kept_index_build(struct ts_kept_index *index, struct ts_store *store, struct ts_err *err)
{
    for (size_t i = 0; i < TS_COUNT(kept_tables); i++) {
        struct building b = {index, store, kept_tables[i]};
        if (!ts_store_visit(store, b.table, add, &b, err))
            return false;
    }
    if (index->count > 0)
        qsort(index->list, index->count, sizeof *index->list, in_order);
    return true;
}

void ts_kept_index_release(struct ts_kept_index *index)
{
    free(index->list);
}

const struct ts_kept_place *ts_kept_index_first(const struct ts_kept_index *index, uint64_t parent)
{
    size_t from = 0;
    size_t to = index->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (index->list[middle].parent < parent)
            from = middle + 1;
        else
            to = middle;
    }
    return from < index->count && index->list[from].parent == parent ? &index->list[from] : NULL;
}

const struct ts_kept_place *ts_kept_index_next(const struct ts_kept_index *index,
                                               const struct ts_kept_place *place)
{
    const struct ts_kept_place *next = place + 1;
    return next < index->list + index->count && next->parent == place->parent ? next : NULL;
}
