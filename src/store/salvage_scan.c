/* salvage_scan.c - leaves that no tree reaches: the damaged ones themselves, those behind a damaged branch,
 * and older copies of them. */
#include "store/salvage_internal.h"

#include <stdlib.h>

/* A record outside of the trees. */
struct candidate {
    struct ts_found found;
    bool doubtful; /* on a page that is free: it may be an old copy of one that was removed */
};

struct candidates {
    struct candidate *items;
    size_t count, cap;
};

/* ---- page by page ---- */

/* The tables that an id may be missing in. */
static void missing_in(const struct ts_search *f, uint64_t id, bool *of)
{
    memset(of, 0, TS_TABLE_COUNT * sizeof *of);
    for (size_t g = 0; g < f->gap_count; g++)
        for (size_t t = 0; t < TS_TABLE_COUNT; t++)
            of[t] = of[t] || (f->gaps[g].of[t] && id >= f->gaps[g].first && id < f->gaps[g].end);
}

static size_t table_for(const struct ts_search *f, const bool *of)
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
    struct ts_description said = {.table = TS_TABLE_SPOOL};
    if (f->describe)
        f->describe(ts_view_from(ts_buf_view(&f->value), sizeof(uint64_t)), &said);
    return of[said.table] ? said.table : TS_TABLE_COUNT;
}

static bool any_page(const struct ts_search *f, const struct ts_page_set *set,
                     const struct ts_page_node *n)
{
    for (uint64_t i = 0; i < ts_page_count(&f->s->pages, n->size); i++)
        if (ts_page_set_has(set, n->page + i))
            return true;
    return false;
}

static bool any_of(const bool *of)
{
    size_t t = 0;
    while (t < TS_TABLE_COUNT && !of[t])
        t++;
    return t < TS_TABLE_COUNT;
}

static void consider(struct ts_search *f, struct candidates *all, uint64_t leaf, size_t entry,
                     const struct ts_page_node *n)
{
    bool of[TS_TABLE_COUNT];
    bool big = n->flags & TS_NODE_BIG;
    uint64_t id = ts_search_id(n);
    missing_in(f, id, of);
    if (id == 0 || (n->flags & ~TS_NODE_BIG) || !any_of(of))
        return;
    if (big && (n->size > f->s->pages.bytes || any_page(f, &f->walk.used, n)))
        return;
    if (big && f->walk.free_known && any_page(f, &f->walk.free, n))
        return; /* it was removed */
    if (!ts_search_read(f, n))
        return;
    size_t t = table_for(f, of);
    if (t == TS_TABLE_COUNT)
        return;
    all->items = ts_search_room(all->items, all->count, &all->cap, sizeof *all->items);
    all->items[all->count++] =
        (struct candidate){ts_search_found(n, leaf, entry, t),
                           !big && f->walk.free_known && ts_page_set_has(&f->walk.free, leaf)};
}

/* Pages of a record's own are not to be taken for leaves, whatever a sender wrote into them. */
static bool begins_a_record(const struct ts_search *f, const uint8_t *page, uint64_t number)
{
    return f->walk.free_known && !ts_page_set_has(&f->walk.free, number) &&
           ts_page_run(&f->s->pages, page, number) > 0;
}

static void look(struct ts_search *f, struct candidates *all)
{
    const struct ts_pages *pages = &f->s->pages;
    uint8_t *page = ts_alloc(pages->page_size);
    for (uint64_t number = TS_PAGE_METAS; number < pages->bytes / pages->page_size; number++) {
        struct ts_page_node n;
        if (ts_page_set_has(&f->walk.used, number) ||
            !ts_pages_read(pages, number, pages->page_size, page))
            continue;
        if (begins_a_record(f, page, number)) {
            f->runs = ts_search_room(f->runs, f->run_count, &f->run_cap, sizeof *f->runs);
            f->runs[f->run_count++] = number;
            number += ts_page_run(pages, page, number) - 1;
            continue;
        }
        for (size_t i = 0; i < ts_page_entries(pages, page); i++)
            if (ts_page_entry(pages, page, i, TS_PAGE_LEAF, &n))
                consider(f, all, number, i, &n);
    }
    free(page);
}

/* ---- which of them ---- */

static int by_table_and_id(const struct ts_found *a, const struct ts_found *b)
{
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
static void drop_copies(struct candidates *all)
{
    size_t kept = 0;
    qsort(all->items, all->count, sizeof *all->items, by_id_and_doubt);
    for (size_t i = 0; i < all->count; i++)
        if (kept == 0 || by_table_and_id(&all->items[kept - 1].found, &all->items[i].found) != 0)
            all->items[kept++] = all->items[i];
    all->count = kept;
}

static void take(struct ts_search *f, struct candidates *all)
{
    size_t sorted = f->s->count;
    drop_copies(all);
    qsort(all->items, all->count, sizeof *all->items, by_likelihood);
    for (size_t i = 0; i < all->count; i++) {
        const struct candidate *c = &all->items[i];
        if (!ts_search_has_room(f, c->found.table, !c->doubtful) ||
            ts_search_is_there(f->s, sorted, &c->found))
            continue;
        f->met[c->found.table]++;
        if (c->found.big)
            ts_page_set_add(&f->walk.used, c->found.page);
        ts_search_add(f, &c->found);
    }
}

void ts_salvage_scan(struct ts_search *f)
{
    struct candidates all = {0};
    look(f, &all);
    if (all.count > 0)
        take(f, &all);
    free(all.items);
}
