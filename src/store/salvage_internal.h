/* salvage_internal.h - a search under way: along the trees, then page by page, then what no leaf names. */
#ifndef TS_STORE_SALVAGE_INTERNAL_H
#define TS_STORE_SALVAGE_INTERNAL_H

#include "store/salvage.h"
#include "store/walk.h"

/* Ids that a tree should have and cannot reach. */
struct ts_gap {
    bool of[TS_TABLE_COUNT];
    uint64_t first, end;
};

struct ts_search {
    struct ts_salvage *s;
    struct ts_walk walk; /* `used` grows with what is found beside the trees */
    ts_describe describe;
    struct ts_buf value; /* the record read last, its checksum in front */
    uint64_t
        met[TS_TABLE_COUNT]; /* entries in the trees, readable or not, and what was found since */
    struct ts_gap *gaps;     /* by id, for each table */
    size_t gap_count, gap_cap;
    uint64_t *runs; /* pages that records begin on which no tree reaches and nobody freed */
    size_t run_count, run_cap;
};

/* Looks through the pages that no tree reaches for leaves of the missing ids, and takes what they have. */
void ts_salvage_scan(struct ts_search *f);
/* Takes the records whose leaves are gone, in the order that they came in. Their ids are gone, too: they get
 * ones above all that are known, so that nothing that hangs on a record finds another in its place. */
void ts_salvage_unnamed(struct ts_search *f);

/* Reads a value into `f->value`. False: its checksum is wrong, or it cannot be read. */
bool ts_search_read(struct ts_search *f, const struct ts_page_node *node);
uint64_t ts_search_id(const struct ts_page_node *node);
struct ts_found ts_search_found(const struct ts_page_node *node, uint64_t leaf, size_t entry,
                                size_t table);
void ts_search_add(struct ts_search *f, const struct ts_found *found);
/* Whether the table may have one more than it has. `certain`: what to say when it is not known. */
bool ts_search_has_room(const struct ts_search *f, size_t table, bool certain);
/* By table and id, as `records` are. */
void ts_search_sort(struct ts_salvage *s);
bool ts_search_is_there(const struct ts_salvage *s, size_t sorted, const struct ts_found *found);
/* `items` with room for one more, if need be at another place. */
void *ts_search_room(void *items, size_t count, size_t *cap, size_t size);

#endif
