/* salvage.c - along the trees, and what the ways of finding share. */
#include "store/salvage_internal.h"

#include "store/check.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

void *ts_search_room(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 64;
    return ts_realloc(items, *cap * size);
}

/* ---- a record ---- */

static bool has_its_checksum(ts_view stored)
{
    uint64_t sum;
    if (stored.len < sizeof sum)
        return false;
    memcpy(&sum, stored.ptr, sizeof sum);
    return ts_store_sum(ts_view_from(stored, sizeof sum), TS_NOTHING) == sum;
}

static bool read_value(const struct ts_pages *pages, const struct ts_page_node *n,
                       struct ts_buf *out)
{
    ts_buf_clear(out);
    if (n->size > TS_BUF_MAX || n->size > pages->bytes)
        return false;
    uint8_t *at = ts_buf_reserve(out, n->size);
    if (!at || !ts_pages_value(pages, n, at))
        return false;
    out->len += n->size;
    return has_its_checksum(ts_buf_view(out));
}

bool ts_search_read(struct ts_search *f, const struct ts_page_node *n)
{
    return read_value(&f->s->pages, n, &f->value);
}

uint64_t ts_search_id(const struct ts_page_node *n)
{
    uint64_t id = 0;
    if (n->key.len == sizeof id)
        memcpy(&id, n->key.ptr, sizeof id);
    return id;
}

struct ts_found ts_search_found(const struct ts_page_node *n, uint64_t leaf, size_t entry,
                                size_t table)
{
    bool big = n->flags & TS_NODE_BIG;
    return (struct ts_found){ts_search_id(n), big ? n->page : leaf, n->size,
                             (uint16_t)entry, (uint8_t)table,       big};
}

void ts_search_add(struct ts_search *f, const struct ts_found *found)
{
    struct ts_salvage *s = f->s;
    s->records = ts_search_room(s->records, s->count, &s->cap, sizeof *s->records);
    s->records[s->count++] = *found;
    s->readable[found->table]++;
    s->bytes += ts_store_pages(found->size);
}

bool ts_search_has_room(const struct ts_search *f, size_t table, bool certain)
{
    return f->s->stored_known[table] ? f->met[table] < f->s->stored[table] : certain;
}

static int by_table_and_id(const void *left, const void *right)
{
    const struct ts_found *a = left;
    const struct ts_found *b = right;
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

void ts_search_sort(struct ts_salvage *s)
{
    if (s->count > 0)
        qsort(s->records, s->count, sizeof *s->records, by_table_and_id);
}

bool ts_search_is_there(const struct ts_salvage *s, size_t sorted, const struct ts_found *found)
{
    return sorted > 0 &&
           bsearch(found, s->records, sorted, sizeof *s->records, by_table_and_id) != NULL;
}

/* ---- along the trees ---- */

static size_t table_named(ts_view name)
{
    size_t t = 0;
    while (t < TS_TABLE_COUNT && !ts_view_eq(name, ts_view_str(ts_store_tables[t])))
        t++;
    return t;
}

static void on_table(void *arg, ts_view name, const struct ts_tree *tree)
{
    struct ts_search *f = arg;
    size_t t = table_named(name);
    if (t == TS_TABLE_COUNT)
        return;
    f->s->stored[t] = tree->entries;
    f->s->stored_known[t] = true;
}

static void on_entry(void *arg, ts_view table, uint64_t leaf, size_t entry,
                     const struct ts_page_node *n)
{
    struct ts_search *f = arg;
    size_t t = table_named(table);
    if (t == TS_TABLE_COUNT)
        return;
    f->met[t]++;
    if (!ts_search_read(f, n))
        return;
    struct ts_found found = ts_search_found(n, leaf, entry, t);
    ts_search_add(f, &found);
}

static void on_lost(void *arg, ts_view table, uint64_t first, uint64_t end)
{
    struct ts_search *f = arg;
    struct ts_gap gap = {.first = first, .end = end};
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        gap.of[t] = table.len == 0 || t == table_named(table);
    f->gaps = ts_search_room(f->gaps, f->gap_count, &f->gap_cap, sizeof *f->gaps);
    f->gaps[f->gap_count++] = gap;
}

/* ---- all of it ---- */

static void look(struct ts_search *f)
{
    struct ts_salvage *s = f->s;
    struct ts_meta meta;
    f->walk = (struct ts_walk){.pages = &s->pages,
                               .meta = &meta,
                               .integer_keys = true,
                               .arg = f,
                               .table = on_table,
                               .entry = on_entry,
                               .lost = on_lost};
    if (ts_check_metas(&s->pages, &meta, s->flaw)) {
        ts_walk(&f->walk);
        for (size_t t = 0; t < TS_TABLE_COUNT; t++) /* an earlier version did not make them all */
            s->stored_known[t] = s->stored_known[t] || f->walk.flaws == 0;
        if (!s->flaw[0])
            snprintf(s->flaw, sizeof s->flaw, "%s", f->walk.flaw);
    } else {
        on_lost(f, TS_NOTHING, 0, UINT64_MAX);
    }
    ts_search_sort(s);
    if (f->gap_count > 0) {
        ts_salvage_scan(f);
        ts_search_sort(s);
        ts_salvage_unnamed(f);
        ts_search_sort(s);
    }
    ts_walk_release(&f->walk);
}

bool ts_salvage(struct ts_salvage *s, const char *directory, ts_describe describe,
                struct ts_err *err)
{
    char path[PATH_MAX];
    struct ts_search f = {.s = s, .describe = describe};
    *s = (struct ts_salvage){.pages = {.fd = -1}};
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (!ts_pages_open(&s->pages, path, err))
        return false;
    if (s->pages.bytes > 0)
        look(&f);
    ts_buf_release(&f.value);
    free(f.gaps);
    free(f.runs);
    return true;
}

void ts_salvage_release(struct ts_salvage *s)
{
    ts_pages_close(&s->pages);
    free(s->records);
}

bool ts_salvage_read(const struct ts_salvage *s, size_t i, struct ts_buf *out)
{
    const struct ts_found *found = &s->records[i];
    struct ts_page_node n = {.page = found->page, .size = found->size, .flags = TS_NODE_BIG};
    uint8_t page[TS_PAGE_MAX];
    if (found->big)
        return read_value(&s->pages, &n, out);
    return ts_pages_read(&s->pages, found->page, s->pages.page_size, page) &&
           ts_page_entry(&s->pages, page, found->entry, TS_PAGE_LEAF, &n) &&
           read_value(&s->pages, &n, out);
}

const char *const ts_salvage_words[TS_TABLE_COUNT] = {"requests", "late records", "decisions"};

void ts_salvage_say(const struct ts_salvage *s, struct ts_buf *out)
{
    for (size_t t = 0; t < TS_TABLE_COUNT; t++) {
        ts_buf_add_str(out, t == 0 ? "" : t + 1 < TS_TABLE_COUNT ? ", " : " and ");
        ts_buf_printf(out, "%" PRIu64, s->readable[t]);
        if (s->stored_known[t])
            ts_buf_printf(out, " of %" PRIu64, s->stored[t]);
        ts_buf_printf(out, " %s", ts_salvage_words[t]);
    }
}
