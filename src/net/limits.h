/* limits.h - what the head of an answer says of a service's limits.
 * Retry-After in seconds (fractions, too) or as a date; retry-after-ms and x-ms-retry-after-ms (Azure, and
 * OpenAI's own clients), which are more exact and win; x-ratelimit-limit-, -remaining- and -reset- of
 * requests and tokens (OpenAI, Azure, Groq and others), the last as "1s", "6m0s", "12ms" or seconds. */
#ifndef TS_NET_LIMITS_H
#define TS_NET_LIMITS_H

#include "base/time.h"
#include "base/view.h"

/* Of calls or of tokens. Azure writes -1 and 0 where there is none. */
struct ts_limit {
    double most, left; /* most 0: not said */
    ts_time reset;     /* until `left` is `most` again; 0: not said */
};

struct ts_limits {
    struct ts_limit calls, tokens;
    ts_time retry_after; /* 0: not said; more than a year is no hint */
    bool exact;          /* retry_after came in milliseconds */
};

/* Takes what one line "Name: value" says of limits; other lines, and what cannot be read, change
 * nothing. Thread: any. */
void ts_limits_read(struct ts_limits *limits, ts_view line);

#endif
