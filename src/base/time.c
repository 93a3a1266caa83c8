/* time.c - clocks and their printing. */
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static ts_time read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (ts_time)t.tv_sec * TS_S + t.tv_nsec;
}

ts_time ts_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

ts_time ts_wall_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

const char *ts_duration_print(ts_time length, char *out, size_t size)
{
    static const struct {
        ts_time unit;
        const char *name;
    } units[] = {{3600 * TS_S, "h"}, {60 * TS_S, "m"}, {TS_S, "s"},
                 {TS_MS, "ms"},      {TS_US, "us"},    {1, "ns"}};
    if (length == 0) {
        snprintf(out, size, "0s");
        return out;
    }
    size_t at = 0;
    if (length < 0 && size > 1) {
        out[at++] = '-';
        length = -length;
    }
    out[at < size ? at : 0] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0] && length > 0; i++) {
        if (length < units[i].unit)
            continue;
        int n =
            snprintf(out + at, size - at, "%" PRId64 "%s", length / units[i].unit, units[i].name);
        if (n < 0 || (size_t)n >= size - at)
            break;
        at += (size_t)n;
        length %= units[i].unit;
    }
    return out;
}

const char *ts_time_print(ts_time wall, char *out, size_t size)
{
    time_t seconds = (time_t)(wall / TS_S);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char day[24];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, size, "%s.%03dZ", day, (int)(wall % TS_S / TS_MS));
    return out;
}
