/* cache.h - values that were dear to get, kept on disk until they are old or room is needed.
 * An LMDB environment of its own: unlike the spool it may be shared by processes, may lose its last
 * writes with the machine, and throws the oldest entries out. What cannot be read is not there.
 * One thread writes, in small transactions: only it waits for another process that is writing. */
#ifndef TS_STORE_CACHE_H
#define TS_STORE_CACHE_H

#include "base/arena.h"
#include "base/err.h"

struct ts_cache;

struct ts_cache_options {
    const char *directory; /* made when it is not there */
    uint64_t max_bytes;    /* of the file; to throw out it may take a little more, up to 1.2 MiB */
    ts_time max_age;       /* older entries are not found */
};

/* Opens or creates, and starts the writer thread. NULL: err names the directory and the fix. May
 * wait for another process. */
struct ts_cache *ts_cache_open(const struct ts_cache_options *options, struct ts_err *err);
/* Writes what waits, then closes. After five seconds, which take another process that is stuck in the
 * middle of a write, the writer is left to its wait. NULL is fine. Thread: any but a loop's. */
void ts_cache_close(struct ts_cache *cache);

/* Identifies what was asked: 256 bits, so that two questions with one key do not happen. */
struct ts_cache_key {
    uint8_t bytes[32];
};
/* The key of a text; made of two hashes with different seeds (XXH3). */
struct ts_cache_key ts_cache_key_of(ts_view text);

/* The value, copied into the arena; false: there is none. What was put is found from then on, written
 * or not. Thread: any. Microseconds; takes no lock while nothing waits to be written. */
bool ts_cache_get(struct ts_cache *cache, const struct ts_cache_key *key, struct ts_arena *arena,
                  ts_view *value);
/* Keeps the value; an older one under this key is replaced. A full or failing disk is not an error:
 * the value is not kept. At most 16 MiB wait to be written; beyond, those that have waited longest are
 * not kept either. Thread: any. Microseconds. */
void ts_cache_put(struct ts_cache *cache, const struct ts_cache_key *key, ts_view value);
/* Values that were put and not kept, since the opening. Thread: any. */
uint64_t ts_cache_lost(struct ts_cache *cache);

#endif
