/* lru.c - a table of chains to find by, and one list in order of use. */
#include "base/lru.h"

#include "base/buf.h"

#include <stdlib.h>
#include <xxhash.h>

enum { BUCKETS = 1 << 14 };

/* Where the item stands in its chain, or would. */
static struct ts_lru_item **place(const struct ts_lru *lru, const void *key)
{
    struct ts_lru_item **at =
        &lru->buckets[XXH3_64bits(key, sizeof(*at)->key) % BUCKETS]; /* keys may be anything */
    while (*at && memcmp((*at)->key, key, sizeof(*at)->key) != 0)
        at = &(*at)->chain;
    return at;
}

static void unlink_use(struct ts_lru *lru, struct ts_lru_item *item)
{
    *(item->older ? &item->older->newer : &lru->oldest) = item->newer;
    *(item->newer ? &item->newer->older : &lru->newest) = item->older;
}

static void link_newest(struct ts_lru *lru, struct ts_lru_item *item, ts_time now)
{
    item->older = lru->newest;
    item->newer = NULL;
    *(lru->newest ? &lru->newest->newer : &lru->oldest) = item;
    lru->newest = item;
    item->used = now;
}

static void forget(struct ts_lru *lru, struct ts_lru_item *item)
{
    *place(lru, item->key) = item->chain;
    unlink_use(lru, item);
    lru->bytes -= item->bytes;
    lru->count--;
    lru->drop(item);
}

void ts_lru_init(struct ts_lru *lru, uint64_t max_bytes, ts_time max_age,
                 void (*drop)(struct ts_lru_item *item))
{
    *lru = (struct ts_lru){.max_bytes = max_bytes, .max_age = max_age, .drop = drop};
    lru->buckets = ts_alloc(BUCKETS * sizeof *lru->buckets);
}

void ts_lru_release(struct ts_lru *lru)
{
    while (lru->oldest)
        forget(lru, lru->oldest);
    free(lru->buckets);
    lru->buckets = NULL;
}

struct ts_lru_item *ts_lru_find(struct ts_lru *lru, const void *key, ts_time now)
{
    struct ts_lru_item *item = *place(lru, key);
    if (item) {
        unlink_use(lru, item);
        link_newest(lru, item, now);
    }
    return item;
}

void ts_lru_add(struct ts_lru *lru, struct ts_lru_item *item, const void *key, size_t bytes,
                ts_time now)
{
    struct ts_lru_item **at = place(lru, key);
    memcpy(item->key, key, sizeof item->key);
    item->chain = NULL;
    item->bytes = bytes;
    *at = item;
    link_newest(lru, item, now);
    lru->bytes += bytes;
    lru->count++;
}

void ts_lru_resize(struct ts_lru *lru, struct ts_lru_item *item, size_t bytes)
{
    lru->bytes += bytes - item->bytes; /* wraps and wraps back when it got smaller */
    item->bytes = bytes;
}

void ts_lru_trim(struct ts_lru *lru, ts_time now)
{
    ts_time too_old = now - lru->max_age;
    while (lru->oldest && (lru->bytes > lru->max_bytes || lru->oldest->used < too_old)) {
        lru->forgotten += lru->oldest->used >= too_old;
        forget(lru, lru->oldest);
    }
}
