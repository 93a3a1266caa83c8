/* salvage_unnamed.c - a leaf that is lost takes the ids of its records along, not what has pages of its own:
 * pages that begin a record, which no tree reaches and the list of free pages does not have. */
#include "store/salvage_internal.h"

#include <stdlib.h>

struct unnamed {
    struct ts_found found;
    ts_time received;
};

struct unnamed_list {
    struct unnamed *items;
    size_t count;
};

/* The length of the value is in the leaf, too: what the record says is tried, and its checksum decides. */
static bool read_run(struct ts_search *f, uint64_t page, struct unnamed *out)
{
    const struct ts_pages *pages = &f->s->pages;
    struct ts_page_node n = {.flags = TS_NODE_BIG, .page = page};
    struct ts_description said;
    uint8_t header[TS_PAGE_HEADER];
    if (!ts_pages_read(pages, page, sizeof header, header))
        return false;
    uint64_t bytes = (uint64_t)ts_page_run(pages, header, page) * pages->page_size;
    if (bytes < TS_PAGE_HEADER || bytes > TS_BUF_MAX)
        return false;
    n.size = (uint32_t)(bytes - TS_PAGE_HEADER);
    ts_search_read(f, &n); /* with what is behind it: the checksum cannot be right yet */
    ts_view shown = ts_view_from(ts_buf_view(&f->value), sizeof(uint64_t));
    if (!f->describe(shown, &said))
        return false;
    n.size = (uint32_t)(sizeof(uint64_t) + said.length);
    *out = (struct unnamed){ts_search_found(&n, 0, 0, said.table), said.received};
    return ts_search_read(f, &n);
}

static int in_order(const void *left, const void *right)
{
    const struct unnamed *a = left;
    const struct unnamed *b = right;
    if (a->received != b->received)
        return a->received < b->received ? -1 : 1;
    return a->found.page < b->found.page ? -1 : a->found.page > b->found.page;
}

static void collect(struct ts_search *f, struct unnamed_list *list)
{
    list->items = ts_alloc((f->run_count + 1) * sizeof *list->items);
    for (size_t i = 0; i < f->run_count; i++)
        if (!ts_page_set_has(&f->walk.used, f->runs[i]) &&
            read_run(f, f->runs[i], &list->items[list->count]))
            list->count++;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, in_order);
}

static bool has_gap(const struct ts_search *f, size_t table)
{
    size_t g = 0;
    while (g < f->gap_count && !f->gaps[g].of[table])
        g++;
    return g < f->gap_count;
}

static uint64_t highest_id(const struct ts_salvage *s)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i].id > highest)
            highest = s->records[i].id;
    return highest;
}

void ts_salvage_unnamed(struct ts_search *f)
{
    struct unnamed_list list = {0};
    uint64_t id = highest_id(f->s);
    if (!f->describe)
        return;
    collect(f, &list);
    for (size_t i = 0; i < list.count; i++) {
        struct ts_found *found = &list.items[i].found;
        if (!has_gap(f, found->table) || !ts_search_has_room(f, found->table, true))
            continue;
        found->id = ++id;
        f->met[found->table]++;
        ts_search_add(f, found);
    }
    free(list.items);
}
