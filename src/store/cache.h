/* cache.h - values that were dear to get, kept on disk until they are old or room is needed.
 * An LMDB environment of its own: unlike the spool it may be shared by processes, may lose its last
 * writes with the machine, and throws the oldest entries out. What cannot be read is not there. */
#ifndef TS_STORE_CACHE_H
#define TS_STORE_CACHE_H

#include "base/arena.h"
#include "base/err.h"

struct ts_cache;

struct ts_cache_options {
    const char *directory; /* made when it is not there */
    uint64_t max_bytes;    /* of the file */
    ts_time max_age;       /* older entries are not found */
};

/* Opens or creates. NULL: err names the directory and the fix. */
struct ts_cache *ts_cache_open(const struct ts_cache_options *options, struct ts_err *err);
void ts_cache_close(struct ts_cache *cache); /* NULL is fine */

/* Identifies what was asked: 256 bits, so that two questions with one key do not happen. */
struct ts_cache_key {
    uint8_t bytes[32];
};
/* The key of a text; made of two hashes with different seeds (XXH3). */
struct ts_cache_key ts_cache_key_of(ts_view text);

/* The value, copied into the arena; false: there is none. Thread: any. Microseconds. */
bool ts_cache_get(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                  ts_view *value);
/* Keeps the value; an older one under this key is replaced. A full or failing disk is not an error:
 * the value is not kept. Thread: any. Microseconds: nothing is synced. */
void ts_cache_put(struct ts_cache *cache, const struct ts_cache_key *key, ts_view value);

#endif
