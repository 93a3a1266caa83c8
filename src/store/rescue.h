/* rescue.h - what can be read of a store, as a new one. */
#ifndef TS_STORE_RESCUE_H
#define TS_STORE_RESCUE_H

#include "store/salvage.h"

/* Makes a store in the directory `to`, which has none, of all that was found: same tables, ids and order.
 * *written counts the records of each table: fewer than found when one changed or can no longer be read.
 * On an error nothing is left in `to`. Durable when it returns true. */
bool ts_rescue(const struct ts_salvage *salvage, const char *to, uint64_t *written,
               struct ts_err *err);

/* Copies the cache (cache.h) in the directory `from` to `to`, when there is one and it is sound. False with
 * err TS_OK: there is none; else what is wrong with it, or with the copying. */
bool ts_rescue_cache(const char *from, const char *to, struct ts_err *err);

#endif
