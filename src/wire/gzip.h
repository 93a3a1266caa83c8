/* gzip.h - zlib with a limit on what comes out. */
#ifndef TS_WIRE_GZIP_H
#define TS_WIRE_GZIP_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the content of a gzip or zlib stream (several gzip members count as one) to `out`.
 * Errors: RESOURCE_EXHAUSTED when it would pass `max` bytes, INVALID_ARGUMENT when it is damaged or
 * cut. A bomb costs no more than `max`. */
bool ts_gzip_inflate(ts_view in, size_t max, struct ts_buf *out, struct ts_err *err);
/* Appends one gzip member. `level` 1 (fast) … 9. */
void ts_gzip_deflate(const ts_view *slices, size_t count, int level, struct ts_buf *out);

#endif
