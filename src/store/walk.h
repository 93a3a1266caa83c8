/* walk.h - every page that an LMDB file's trees reach, each looked at once before LMDB sees any.
 * Sound means: LMDB can read, append to and remove from all of it without an assert, a fault or a loop.
 * A walk ends: no page is entered twice. It goes on beside what is damaged, and says what it left out. */
#ifndef TS_STORE_WALK_H
#define TS_STORE_WALK_H

#include "store/pages.h"

/* Page numbers, one bit each. */
struct ts_page_set {
    uint64_t *bits;
    uint64_t size; /* pages */
};
bool ts_page_set_has(const struct ts_page_set *set, uint64_t page);
/* False: not a page that can be, or it is in the set already. */
bool ts_page_set_add(struct ts_page_set *set, uint64_t page);

struct ts_walk {
    /* From the caller. */
    const struct ts_pages *pages;
    const struct ts_meta *meta;
    bool integer_keys; /* of the tables: ids; else bytes */
    void *arg;         /* of the three below, each of which may be NULL */
    /* A table is there, before its entries. */
    void (*table)(void *arg, ts_view name, const struct ts_tree *tree);
    /* Entry `i` of a leaf of a table; views valid until it returns. */
    void (*entry)(void *arg, ts_view table, uint64_t leaf, size_t i,
                  const struct ts_page_node *node);
    /* No entry of the table from id `first` on and below `end` can be reached. An empty name: any table. */
    void (*lost)(void *arg, ts_view table, uint64_t first, uint64_t end);
    /* Found. */
    struct ts_page_set used; /* by what is sound of trees, and by what lies in them */
    struct ts_page_set free; /* says the list of free pages */
    bool free_known;         /* … and it can be believed */
    uint64_t flaws;
    char flaw[160]; /* the first: "page 12: it is no leaf of a tree"; empty: sound */
};

/* Walks the free list and all tables of one meta page. Release the sets afterwards. */
void ts_walk(struct ts_walk *walk);
void ts_walk_release(struct ts_walk *walk);

#endif
