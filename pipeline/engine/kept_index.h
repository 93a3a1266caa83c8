/* kept_index.h - which kept records hang on which other, as the last run left them: what comes back from
 * the store comes with them. */
#ifndef TS_ENGINE_KEPT_INDEX_H
#define TS_ENGINE_KEPT_INDEX_H

#include "store/store.h"

struct ts_kept_place {
    uint64_t parent, id;
    enum ts_table table; /* of `id` */
};

struct ts_kept_index {
    struct ts_kept_place *list; /* by parent, then by id; only those whose parent is there */
    size_t count, cap;
};

/* Looks through the store once. Thread: before others use the index, which nobody changes. */
bool ts_kept_index_build(struct ts_kept_index *index, struct ts_store *store, struct ts_err *err);
void ts_kept_index_release(struct ts_kept_index *index);
/* The first of those that hang on `parent`; they stand one behind the other. NULL: none do. */
const struct ts_kept_place *ts_kept_index_first(const struct ts_kept_index *index, uint64_t parent);
/* The one behind it with the same parent; NULL: it was the last. */
const struct ts_kept_place *ts_kept_index_next(const struct ts_kept_index *index,
                                               const struct ts_kept_place *place);

#endif
