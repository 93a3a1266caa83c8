/* salvage.c - first along the trees, then page by page. */
#include "store/salvage.h"

#include "store/check.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Ids that a tree should have and cannot reach. */
struct gap {
    bool of[TS_TABLE_COUNT];
    uint64_t first, end;
};

/* A record outside of the trees. */
struct candidate {
    struct ts_found found;
    bool doubtful; /* on a page that is free: it may be an old copy of one that was removed */
};

struct search {
    struct ts_salvage *s;
    struct ts_walk walk;
    ts_table_of table_of;
    struct ts_buf value;
    uint64_t met[TS_TABLE_COUNT]; /* entries in the trees, readable or not */
    struct gap *gaps;
    size_t gap_count, gap_cap;
    struct candidate *candidates;
    size_t candidate_count, candidate_cap;
};

static void *room_for_one(void *items, size_t count, size_t *cap, size_t size)
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

static uint64_t id_of(const struct ts_page_node *n)
{
    uint64_t id = 0;
    if (n->key.len == sizeof id)
        memcpy(&id, n->key.ptr, sizeof id);
    return id;
}

static struct ts_found found_at(const struct ts_page_node *n, uint64_t leaf, size_t entry,
                                size_t table)
{
    bool big = n->flags & TS_NODE_BIG;
    return (struct ts_found){id_of(n),        big ? n->page : leaf, n->size,
                             (uint16_t)entry, (uint8_t)table,       big};
}

static void add(struct ts_salvage *s, const struct ts_found *found)
{
    s->records = room_for_one(s->records, s->count, &s->cap, sizeof *s->records);
    s->records[s->count++] = *found;
    s->readable[found->table]++;
    s->bytes += ts_store_pages(found->size);
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
    struct search *f = arg;
    size_t t = table_named(name);
    if (t == TS_TABLE_COUNT)
        return;
    f->s->stored[t] = tree->entries;
    f->s->stored_known[t] = true;
}

static void on_entry(void *arg, ts_view table, uint64_t leaf, size_t entry,
                     const struct ts_page_node *n)
{
    struct search *f = arg;
    size_t t = table_named(table);
    if (t == TS_TABLE_COUNT)
        return;
    f->met[t]++;
    if (!read_value(&f->s->pages, n, &f->value))
        return;
    struct ts_found found = found_at(n, leaf, entry, t);
    add(f->s, &found);
}

static void on_lost(void *arg, ts_view table, uint64_t first, uint64_t end)
{
    struct search *f = arg;
    struct gap gap = {.first = first, .end = end};
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        gap.of[t] = table.len == 0 || t == table_named(table);
    f->gaps = room_for_one(f->gaps, f->gap_count, &f->gap_cap, sizeof *f->gaps);
    f->gaps[f->gap_count++] = gap;
}

/* ---- page by page ---- */

/* The tables that an id may be missing in. */
static void missing_in(const struct search *f, uint64_t id, bool *of)
{
    memset(of, 0, TS_TABLE_COUNT * sizeof *of);
    for (size_t g = 0; g < f->gap_count; g++)
        for (size_t t = 0; t < TS_TABLE_COUNT; t++)
            of[t] = of[t] || (f->gaps[g].of[t] && id >= f->gaps[g].first && id < f->gaps[g].end);
}

static size_t table_for(const struct search *f, const bool *of)
{
    size_t only = TS_TABLE_COUNT;
    size_t count = 0;
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        if (of[t]) {
            only = t;
            count++;
        }
    if (count < 2)
        return only;
    ts_view record = ts_view_from(ts_buf_view(&f->value), sizeof(uint64_t));
    size_t said = f->table_of ? f->table_of(record) : TS_TABLE_SPOOL;
    return of[said] ? said : TS_TABLE_COUNT;
}

static bool any_page(const struct search *f, const struct ts_page_set *set,
                     const struct ts_page_node *n)
{
    for (uint64_t i = 0; i < ts_page_count(&f->s->pages, n->size); i++)
        if (ts_page_set_has(set, n->page + i))
            return true;
    return false;
}

static void consider(struct search *f, uint64_t leaf, size_t entry, const struct ts_page_node *n)
{
    bool of[TS_TABLE_COUNT];
    bool big = n->flags & TS_NODE_BIG;
    uint64_t id = id_of(n);
    missing_in(f, id, of);
    if (id == 0 || (n->flags & ~TS_NODE_BIG) || !(of[TS_TABLE_SPOOL] || of[TS_TABLE_LATE]))
        return;
    if (big && (n->size > f->s->pages.bytes || any_page(f, &f->walk.used, n)))
        return;
    if (big && f->walk.free_known && any_page(f, &f->walk.free, n))
        return; /* it was removed */
    if (!read_value(&f->s->pages, n, &f->value))
        return;
    size_t t = table_for(f, of);
    if (t == TS_TABLE_COUNT)
        return;
    f->candidates =
        room_for_one(f->candidates, f->candidate_count, &f->candidate_cap, sizeof *f->candidates);
    f->candidates[f->candidate_count++] =
        (struct candidate){found_at(n, leaf, entry, t),
                           !big && f->walk.free_known && ts_page_set_has(&f->walk.free, leaf)};
}

/* Pages of a record's own are not to be taken for leaves, whatever a sender wrote into them. */
static bool begins_a_record(const struct search *f, const uint8_t *page, uint64_t number)
{
    return f->walk.free_known && !ts_page_set_has(&f->walk.free, number) &&
           ts_page_run(&f->s->pages, page, number) > 0;
}

static void scan(struct search *f)
{
    const struct ts_pages *pages = &f->s->pages;
    uint8_t *page = ts_alloc(pages->page_size);
    for (uint64_t number = TS_PAGE_METAS; number < pages->bytes / pages->page_size; number++) {
        struct ts_page_node n;
        if (ts_page_set_has(&f->walk.used, number) ||
            !ts_pages_read(pages, number, pages->page_size, page))
            continue;
        if (begins_a_record(f, page, number)) {
            number += ts_page_run(pages, page, number) - 1;
            continue;
        }
        for (size_t i = 0; i < ts_page_entries(pages, page); i++)
            if (ts_page_entry(pages, page, i, TS_PAGE_LEAF, &n))
                consider(f, number, i, &n);
    }
    free(page);
}

/* ---- which of them ---- */

static int by_table_and_id(const void *left, const void *right)
{
    const struct ts_found *a = left;
    const struct ts_found *b = right;
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_id_and_doubt(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    int order = by_table_and_id(&a->found, &b->found);
    return order ? order : (int)a->doubtful - (int)b->doubtful;
}

/* The certain ones first, then the latest: requests are delivered, and removed, about in their order. */
static int by_likelihood(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->doubtful != b->doubtful)
        return a->doubtful ? 1 : -1;
    return -by_table_and_id(&a->found, &b->found);
}

/* One of each id; of two, the one that is certain. */
static void drop_copies(struct search *f)
{
    size_t kept = 0;
    qsort(f->candidates, f->candidate_count, sizeof *f->candidates, by_id_and_doubt);
    for (size_t i = 0; i < f->candidate_count; i++)
        if (kept == 0 ||
            by_table_and_id(&f->candidates[kept - 1].found, &f->candidates[i].found) != 0)
            f->candidates[kept++] = f->candidates[i];
    f->candidate_count = kept;
}

static bool is_there(const struct ts_salvage *s, size_t sorted, const struct ts_found *found)
{
    return sorted > 0 &&
           bsearch(found, s->records, sorted, sizeof *s->records, by_table_and_id) != NULL;
}

static void take_candidates(struct search *f)
{
    struct ts_salvage *s = f->s;
    size_t sorted = s->count;
    if (f->candidate_count == 0)
        return;
    drop_copies(f);
    qsort(f->candidates, f->candidate_count, sizeof *f->candidates, by_likelihood);
    for (size_t i = 0; i < f->candidate_count; i++) {
        const struct candidate *c = &f->candidates[i];
        size_t t = c->found.table;
        bool room = s->stored_known[t] ? f->met[t] < s->stored[t] : !c->doubtful;
        if (!room || is_there(s, sorted, &c->found))
            continue;
        f->met[t]++;
        add(s, &c->found);
    }
}

static void sort(struct ts_salvage *s)
{
    if (s->count > 0)
        qsort(s->records, s->count, sizeof *s->records, by_table_and_id);
}

/* ---- all of it ---- */

static void look(struct search *f)
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
        if (!s->flaw[0])
            snprintf(s->flaw, sizeof s->flaw, "%s", f->walk.flaw);
    } else {
        on_lost(f, TS_NOTHING, 0, UINT64_MAX);
    }
    sort(s);
    if (f->gap_count > 0) {
        scan(f);
        take_candidates(f);
        sort(s);
    }
    ts_walk_release(&f->walk);
}

bool ts_salvage(struct ts_salvage *s, const char *directory, ts_table_of table_of,
                struct ts_err *err)
{
    char path[PATH_MAX];
    struct search f = {.s = s, .table_of = table_of};
    *s = (struct ts_salvage){.pages = {.fd = -1}};
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (!ts_pages_open(&s->pages, path, err))
        return false;
    if (s->pages.bytes > 0)
        look(&f);
    ts_buf_release(&f.value);
    free(f.gaps);
    free(f.candidates);
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

void ts_salvage_say(const struct ts_salvage *s, struct ts_buf *out)
{
    static const char *const words[TS_TABLE_COUNT] = {"requests", "late spans"};
    for (size_t t = 0; t < TS_TABLE_COUNT; t++) {
        ts_buf_add_str(out, t > 0 ? " and " : "");
        ts_buf_printf(out, "%" PRIu64, s->readable[t]);
        if (s->stored_known[t])
            ts_buf_printf(out, " of %" PRIu64, s->stored[t]);
        ts_buf_printf(out, " %s", words[t]);
    }
}
