/* store.h - what must survive the process: LMDB behind one writer thread.
 * Appends are grouped: whatever came while the last commit ran goes into the next one, so the price
 * of a synced commit is shared. A record is one blob with a 64-bit id that only grows; tables are
 * the spool (requests not yet delivered) and the late list (spans that left without their score). */
#ifndef TS_STORE_STORE_H
#define TS_STORE_STORE_H

#include "base/err.h"
#include "base/payload.h"
#include "store/tables.h"

struct ts_store;

struct ts_store_options {
    const char *directory;
    bool create_directory;
    uint64_t max_bytes; /* of all records; appends beyond are refused */
    bool fsync;         /* false: survives the process, perhaps not a power loss */
};

/* Opens or creates. Errors name the directory and the fix: unwritable, in use by another process, a
 * file that is no store (moved aside by the user, never by us). Starts the writer thread. */
struct ts_store *ts_store_open(const struct ts_store_options *options, struct ts_err *err);
/* Where it is; valid as long as the store. */
const char *ts_store_directory(const struct ts_store *store);
/* Commits what is queued, then closes. NULL is fine. */
void ts_store_close(struct ts_store *store);

/* An append on its way; lives inside its owner until `done`. */
struct ts_append {
    struct ts_append *next; /* private */
    enum ts_table table;
    ts_view head, body; /* the record is both, one after the other; valid until `done` */
    uint64_t id;        /* set when durable */
    struct ts_err err;  /* code TS_OK when durable; UNAVAILABLE + retry_after when the store is
                             * full or the disk refuses */
    void (*done)(struct ts_append *append);
};

/* Queues the append. `done` comes exactly once, on the writer's thread, in the order of the ids.
 * Thread: any. */
void ts_store_append(struct ts_store *store, struct ts_append *append);
/* Queues the removal: done with the next commit, at the latest after 100 ms. A removal that a crash
 * undoes makes a record come back, never vanish. Thread: any. */
void ts_store_remove(struct ts_store *store, enum ts_table table, uint64_t id);

/* Reads the first record with an id above `after`. A record whose checksum is wrong is passed over,
 * counted, and removed. False: none left (err untouched) or a read error (err set).
 * Thread: any but the writer's callbacks. */
bool ts_store_next(struct ts_store *store, enum ts_table table, uint64_t after, uint64_t *id,
                   struct ts_payload **record, struct ts_err *err);

/* The highest id given so far, or found at the opening. Thread: any. */
uint64_t ts_store_last_id(struct ts_store *store);

struct ts_store_stats {
    uint64_t records[TS_TABLE_COUNT]; /* now */
    uint64_t bytes;                   /* of all records now, in whole pages */
    uint64_t max_bytes;
    uint64_t commits; /* since the start */
    uint64_t corrupt; /* records passed over since the start */
};
void ts_store_stats(struct ts_store *store, struct ts_store_stats *out);

#endif
