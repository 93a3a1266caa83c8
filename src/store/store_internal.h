/* store_internal.h - what the store's files share. */
#ifndef TS_STORE_INTERNAL_H
#define TS_STORE_INTERNAL_H

#include "store/mapped.h"
#include "store/space.h"
#include "store/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

struct ts_removal {
    enum ts_table table;
    uint64_t id;
};

struct ts_removals {
    struct ts_removal *items;
    size_t count, cap;
};

/* What is wrong with the directory. */
enum ts_place { TS_PLACE_FINE, TS_PLACE_GONE, TS_PLACE_TAKEN, TS_PLACE_READ_ONLY };

struct ts_file_id {
    dev_t device;
    ino_t inode;
};

struct ts_store {
    MDB_env *env; /* NULL: could not be opened again after a failure */
    MDB_dbi tables[TS_TABLE_COUNT];
    char *directory;
    uint64_t max_bytes;
    bool fsync;
    int lock_fd;
    pthread_t writer;
    bool started;
    struct ts_mapped mapped;
    pthread_rwlock_t env_lock; /* readers of `env` in other threads; the writer, to open it again */

    /* The writer's alone after the start. */
    uint64_t last_id;
    uint64_t reserved;  /* bytes of data.mdb that are sure to have room on the file system */
    size_t last_commit; /* LMDB's number of our last transaction */
    struct ts_file_id data_id, lock_id;
    enum ts_place place;
    bool shared; /* somebody else has written to it */
    bool broken; /* LMDB wants it opened again */
    struct ts_space space;
    ts_time next_measure; /* of it */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    bool writer_waits, closing;
    struct ts_append *appends, **tail;
    struct ts_removals removals;
    struct ts_store_stats stats;
    uint64_t stats_last_id; /* last_id as of the last commit */
};

/* store.c: the environment and its tables; after a failure that LMDB does not get over, anew. */
bool ts_store_open_environment(struct ts_store *store, struct ts_err *err);
/* Of data.mdb, LMDB's own. */
int ts_store_fd(const struct ts_store *store);

/* The writer thread; arg is the store. */
void *ts_store_write(void *arg);

/* Between two looks of a writer with nothing to do. */
static const ts_time TS_PLACE_LOOK_EVERY = 500 * TS_MS;
/* place.c: remembers which files these are. */
bool ts_place_remember(struct ts_store *store, struct ts_err *err);
/* Looks whether they are still there, and says so in the log. Microseconds. Thread: the writer. */
enum ts_place ts_place_look(struct ts_store *store);
/* To the log, now and then. Thread: the writer. */
void ts_place_say(struct ts_store *store, enum ts_place place);
/* Why nothing can be stored there, and the fix. */
const char *ts_place_reason(enum ts_place place);

/* room.c: sets aside what removals need. Thread: the opening one. */
void ts_room_init(struct ts_store *store);
/* Sets aside room for that many bytes of changes beside what removals need; false: there is none left on
 * the file system. Thread: the writer. */
bool ts_room_reserve(struct ts_store *store, uint64_t bytes);
/* Bytes that appends may fill when it is full: free inside the file, less what removals need. */
struct ts_room {
    uint64_t now;  /* with the next transaction */
    uint64_t soon; /* with the one after it */
};
struct ts_room ts_room_inside(struct ts_store *store);

#endif
