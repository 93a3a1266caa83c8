/* lru.h - what was used last is remembered: items by a key of 16 bytes, in order of their last use,
 * within a bound of bytes and one of age.
 * Intrusive: an item is a member of the thing that is kept, so keeping it costs no memory of its own.
 * Not locked, and no clock is read: both are the owner's. */
#ifndef TS_BASE_LRU_H
#define TS_BASE_LRU_H

#include "base/time.h"

#include <stddef.h>
#include <stdint.h>

struct ts_lru_item {
    uint8_t key[16];
    struct ts_lru_item *chain; /* in its bucket */
    struct ts_lru_item *older, *newer;
    ts_time used;
    size_t bytes; /* as told by ts_lru_add and ts_lru_resize */
};

struct ts_lru {
    uint64_t max_bytes;
    ts_time max_age; /* of an item since its last use */
    /* Called for each item that is given up, when it is out of the order: frees what it is part of. */
    void (*drop)(struct ts_lru_item *item);
    uint64_t bytes, count; /* of all items */
    uint64_t forgotten;    /* items given up for want of room, since the start */
    struct ts_lru_item *oldest, *newest;
    struct ts_lru_item **buckets;
};

void ts_lru_init(struct ts_lru *lru, uint64_t max_bytes, ts_time max_age,
                 void (*drop)(struct ts_lru_item *item));
void ts_lru_release(struct ts_lru *lru); /* drops all; zeroed memory is fine */

/* The item with these 16 bytes, which counts as used `now`; NULL when there is none. */
struct ts_lru_item *ts_lru_find(struct ts_lru *lru, const void *key, ts_time now);
/* Takes over an item of `bytes` whose key is not there yet. */
void ts_lru_add(struct ts_lru *lru, struct ts_lru_item *item, const void *key, size_t bytes,
                ts_time now);
/* An item takes other memory than before. Forgets nothing, that is left to ts_lru_trim. */
void ts_lru_resize(struct ts_lru *lru, struct ts_lru_item *item, size_t bytes);
/* Forgets the items used longest ago, until what is left is within both bounds. A single item that is
 * too large goes, too: none that the caller still holds is safe. */
void ts_lru_trim(struct ts_lru *lru, ts_time now);

#endif
