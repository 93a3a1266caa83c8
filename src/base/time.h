/* time.h - one unit of time: nanoseconds in a signed 64-bit integer.
 * The same type is a length (timeout) and a point (deadline); names say which. */
#ifndef TS_BASE_TIME_H
#define TS_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t ts_time;

#define TS_US    ((ts_time)1000)
#define TS_MS    ((ts_time)1000000)
#define TS_S     ((ts_time)1000000000)
#define TS_NEVER INT64_MAX

/* Monotonic clock, for deadlines and intervals. */
ts_time ts_now(void);
/* Nanoseconds since 1970, for what is written on spans and for what outlives the process. */
ts_time ts_wall_now(void);

/* Print in the syntax that settings use: "1.5s", "200ms", "2h45m", "0s". `out` is filled and
 * returned; 32 bytes always suffice. */
const char *ts_duration_print(ts_time length, char *out, size_t size);
/* UTC, milliseconds: "2026-11-24T03:12:45.120Z"; 32 bytes suffice. */
const char *ts_time_print(ts_time wall, char *out, size_t size);

#endif
