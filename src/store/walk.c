/* walk.c - down the trees, with the range of keys that may be below each page. */
#include "store/walk.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum tree_kind { FREE_LIST, TABLES, A_TABLE };

/* The tree being walked. */
struct down {
    struct ts_walk *walk;
    enum tree_kind kind;
    ts_view table;
    const struct ts_tree *tree;
    bool integer_keys;
    uint8_t *buffers; /* a page for each level */
    uint64_t entries;
};

/* Keys from `first` on and below `end`; first empty, end with ptr NULL: open. */
struct range {
    ts_view first, end;
};

static void walk_tree(struct ts_walk *w, enum tree_kind kind, ts_view table,
                      const struct ts_tree *tree);

/* ---- pages met ---- */

bool ts_page_set_has(const struct ts_page_set *set, uint64_t page)
{
    return page < set->size && (set->bits[page / 64] >> page % 64 & 1);
}

bool ts_page_set_add(struct ts_page_set *set, uint64_t page)
{
    if (page < TS_PAGE_METAS || page >= set->size || ts_page_set_has(set, page))
        return false;
    set->bits[page / 64] |= (uint64_t)1 << page % 64;
    return true;
}

/* What is on it is anybody's to find yet. */
static void forget(struct ts_page_set *set, uint64_t page)
{
    set->bits[page / 64] &= ~((uint64_t)1 << page % 64);
}

static void flaw(struct ts_walk *w, uint64_t page, const char *what)
{
    if (w->flaws++ == 0)
        snprintf(w->flaw, sizeof w->flaw, "page %" PRIu64 ": %s", page, what);
}

/* ---- keys ---- */

static uint64_t id_of(ts_view key, uint64_t otherwise)
{
    uint64_t id;
    if (key.len != sizeof id)
        return otherwise;
    memcpy(&id, key.ptr, sizeof id);
    return id;
}

static int compare(const struct down *d, ts_view a, ts_view b)
{
    if (d->integer_keys) {
        uint64_t left = id_of(a, 0);
        uint64_t right = id_of(b, 0);
        return left < right ? -1 : left > right;
    }
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both > 0 ? memcmp(a.ptr, b.ptr, both) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* A branch's first key is not looked at by LMDB: what is below is what the page above says. */
static const char *keys_flaw(const struct down *d, const uint8_t *page, enum ts_page_type type,
                             const struct range *range)
{
    const struct ts_pages *pages = d->walk->pages;
    size_t begin = type == TS_PAGE_BRANCH ? 1 : 0;
    ts_view before = range->first;
    struct ts_page_node n;
    for (size_t i = begin; i < ts_page_entries(pages, page); i++) {
        ts_page_entry(pages, page, i, type, &n);
        if (d->integer_keys ? n.key.len != sizeof(uint64_t) : n.key.len == 0)
            return "a key is not as long as keys are";
        bool from_above =
            i == begin && type == TS_PAGE_LEAF; /* the lowest may be that of the page above */
        if (before.len > 0 && compare(d, before, n.key) >= (from_above ? 1 : 0))
            return "its keys are not in order";
        before = n.key;
    }
    if (range->end.ptr && before.len > 0 && compare(d, before, range->end) >= 0)
        return "a key belongs to another page";
    return NULL;
}

/* ---- what lies in leaves ---- */

static const char *free_list_flaw(struct ts_walk *w, const struct ts_page_node *n)
{
    uint64_t *ids = ts_alloc(n->size + sizeof *ids);
    const char *wrong = NULL;
    size_t room = n->size / sizeof *ids;
    if (id_of(n->key, UINT64_MAX) > w->meta->transaction)
        wrong = "it lists pages freed by a transaction that was not";
    else if (room == 0 || !ts_pages_value(w->pages, n, (uint8_t *)ids) || ids[0] > room - 1)
        wrong = "the list of free pages is longer than its entry";
    for (size_t i = 1; !wrong && i <= ids[0]; i++)
        if ((i > 1 && ids[i] >= ids[i - 1]) || ids[i] > w->meta->last_page ||
            !ts_page_set_add(&w->free, ids[i]))
            wrong = "the list of free pages is not in order";
    free(ids);
    return wrong;
}

static const char *table_flaw(struct ts_walk *w, const struct ts_page_node *n)
{
    if (n->flags != TS_NODE_TREE || n->value.len != TS_NODE_TREE_BYTES)
        return "an entry is no table";
    struct ts_tree tree = ts_page_tree(n->value);
    if (tree.flags != (w->integer_keys ? TS_TREE_INTEGER_KEYS : 0))
        return "the flags of a table are not ours";
    walk_tree(w, A_TABLE, n->key, &tree);
    return NULL;
}

static const char *big_flaw(struct ts_walk *w, const struct ts_page_node *n)
{
    const char *wrong = ts_page_flaw_big(w->pages, n);
    uint64_t count = ts_page_count(w->pages, n->size);
    for (uint64_t i = 0; i < count && !wrong; i++)
        if (!ts_page_set_add(&w->used, n->page + i))
            wrong = "it belongs to two records, or to none";
    return wrong;
}

static void take_entry(struct down *d, uint64_t page, size_t i, const struct ts_page_node *n)
{
    struct ts_walk *w = d->walk;
    const char *wrong = n->flags & TS_NODE_BIG ? big_flaw(w, n) : NULL;
    d->entries++;
    if (wrong)
        flaw(w, n->page, wrong);
    if (d->kind == A_TABLE) {
        if (n->flags & TS_NODE_TREE)
            flaw(w, page, "an entry is no record");
        else if (w->entry)
            w->entry(w->arg, d->table, page, i, n);
        return;
    }
    if (!wrong)
        wrong = d->kind == FREE_LIST ? free_list_flaw(w, n) : table_flaw(w, n);
    if (!wrong)
        return;
    flaw(w, page, wrong);
    if (d->kind == FREE_LIST)
        w->free_known = false;
    else if (w->lost)
        w->lost(w->arg, TS_NOTHING, 0, UINT64_MAX);
}

/* ---- down ---- */

static void leave_out(const struct down *d, uint64_t page, const char *what,
                      const struct range *range)
{
    struct ts_walk *w = d->walk;
    flaw(w, page, what);
    if (d->kind == FREE_LIST)
        w->free_known = false;
    else if (w->lost && d->kind == A_TABLE)
        w->lost(w->arg, d->table, id_of(range->first, 0), id_of(range->end, UINT64_MAX));
    else if (w->lost)
        w->lost(w->arg, TS_NOTHING, 0, UINT64_MAX);
}

static const char *page_flaw(const struct down *d, const uint8_t *page, uint64_t number,
                             enum ts_page_type type, const struct range *range)
{
    const char *wrong = ts_page_flaw(d->walk->pages, page, number, type);
    if (wrong)
        return wrong;
    if (type == TS_PAGE_BRANCH && d->kind != FREE_LIST && ts_page_entries(d->walk->pages, page) < 2)
        return "it is a branch with one page below";
    return keys_flaw(d, page, type, range);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree says it is, at most TS_TREE_DEPTH */
static void walk_page(struct down *d, uint64_t number, unsigned level, struct range range)
{
    struct ts_walk *w = d->walk;
    const struct ts_pages *pages = w->pages;
    uint8_t *page = d->buffers + (size_t)(level - 1) * pages->page_size;
    bool leaf = level == d->tree->depth;
    enum ts_page_type type = leaf ? TS_PAGE_LEAF : TS_PAGE_BRANCH;
    if (number > w->meta->last_page || !ts_page_set_add(&w->used, number)) {
        leave_out(d, number, "it belongs to two places, or to none", &range);
        return;
    }
    const char *wrong = ts_pages_read(pages, number, pages->page_size, page)
                            ? page_flaw(d, page, number, type, &range)
                            : "the file ends before this page does, or it cannot be read";
    if (wrong) {
        forget(&w->used, number);
        leave_out(d, number, wrong, &range);
        return;
    }
    for (size_t i = 0, count = ts_page_entries(pages, page); i < count; i++) {
        struct ts_page_node n;
        struct ts_page_node next;
        ts_page_entry(pages, page, i, type, &n);
        if (leaf) {
            take_entry(d, number, i, &n);
            continue;
        }
        struct range below = {i == 0 ? range.first : n.key, range.end};
        if (i + 1 < count && ts_page_entry(pages, page, i + 1, type, &next))
            below.end = next.key;
        walk_page(d, n.page, level + 1, below);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): a table holds no tables */
static void walk_tree(struct ts_walk *w, enum tree_kind kind, ts_view table,
                      const struct ts_tree *tree)
{
    const struct range all = {TS_NOTHING, {NULL, 0}};
    struct down d = {.walk = w, .kind = kind, .table = table, .tree = tree};
    uint64_t flaws = w->flaws;
    d.integer_keys = tree->flags == TS_TREE_INTEGER_KEYS;
    if (kind == A_TABLE && w->table)
        w->table(w->arg, table, tree);
    if (tree->root == TS_NO_PAGE) {
        if (tree->entries != 0 || tree->depth != 0)
            leave_out(&d, 0, "a tree without a root says that it has entries", &all);
        return;
    }
    if (tree->depth < 1 || tree->depth > TS_TREE_DEPTH) {
        leave_out(&d, tree->root, "its tree is deeper than trees are", &all);
        return;
    }
    d.buffers = ts_alloc((size_t)tree->depth * w->pages->page_size);
    walk_page(&d, tree->root, 1, all);
    free(d.buffers);
    if (w->flaws == flaws && d.entries != tree->entries)
        leave_out(&d, tree->root, "its tree does not hold as many entries as it says", &all);
}

/* ---- the file ---- */

/* Pages that were never written are free, or the file was cut off. */
static void check_end(struct ts_walk *w, uint64_t in_file)
{
    for (uint64_t page = in_file; page <= w->meta->last_page; page++)
        if (!ts_page_set_has(&w->free, page)) {
            flaw(w, page, "the file ends before this page does");
            return;
        }
}

static void check_free(struct ts_walk *w)
{
    for (uint64_t page = 0; page < w->used.size; page++)
        if ((w->used.bits[page / 64] & w->free.bits[page / 64]) == 0) {
            page |= 63; /* none of these */
        } else if (ts_page_set_has(&w->used, page) && ts_page_set_has(&w->free, page)) {
            flaw(w, page, "it is in use, and in the list of free pages");
            w->free_known = false;
            return;
        }
}

static struct ts_page_set new_set(uint64_t size)
{
    return (struct ts_page_set){ts_alloc((size_t)(size / 64 + 1) * sizeof(uint64_t)), size};
}

void ts_walk(struct ts_walk *w)
{
    const uint64_t unwritten = (uint64_t)1 << 24; /* more pages than a transaction may leave so */
    uint64_t in_file = w->pages->bytes / w->pages->page_size;
    uint64_t size = w->meta->last_page < in_file + unwritten ? w->meta->last_page + 1 : in_file;
    w->used = new_set(size > in_file ? size : in_file);
    w->free = new_set(w->used.size);
    w->free_known = true;
    if (w->meta->last_page < TS_PAGE_METAS - 1 || w->meta->last_page >= w->used.size)
        flaw(w, w->meta->last_page, "the file ends long before its last page");
    walk_tree(w, FREE_LIST, TS_NOTHING, &w->meta->free_list);
    walk_tree(w, TABLES, TS_NOTHING, &w->meta->main);
    check_free(w);
    if (w->meta->last_page < w->used.size)
        check_end(w, in_file);
}

void ts_walk_release(struct ts_walk *w)
{
    free(w->used.bits);
    free(w->free.bits);
}
