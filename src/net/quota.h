/* quota.h - a bucket of a service as its answers describe it, and when it holds enough for a call.
 * "reset" is when the bucket is full again (of 5000 a minute 4999 are left: 12ms), so it fills by
 * (most - left) / reset; where that is not said, the limit is taken as of a minute.
 * Pure arithmetic: the time is an argument. Thread: one at a time. */
#ifndef TS_NET_QUOTA_H
#define TS_NET_QUOTA_H

#include "net/limits.h"

struct ts_quota {         /* {0}: nothing is known, nothing is held back */
    double rate;          /* units a second; 0: nothing is known */
    double most;          /* what the bucket holds */
    double left;          /* at as_of, but for what was sent later */
    double sent, sent_at; /* units: in all; before as_of */
    ts_time as_of;
};

/* A call of `cost` units is sent. Returns what its answer is reported with. */
double ts_quota_sent(struct ts_quota *q, double cost);
/* The answer to the call sent at `sent`, for which ts_quota_sent returned `mark`, says this. */
void ts_quota_told(struct ts_quota *q, const struct ts_limit *said, double mark, ts_time sent);
/* When the bucket holds `cost` units; in the past, or 0: it does. */
ts_time ts_quota_next(const struct ts_quota *q, double cost);

#endif
