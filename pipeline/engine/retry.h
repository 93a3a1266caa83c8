/* retry.h - when to try again: exponential backoff with jitter. */
#ifndef TS_ENGINE_RETRY_H
#define TS_ENGINE_RETRY_H

#include "pipeline/exporter.h"

struct ts_retry {
    ts_time started;  /* ts_now clock; first attempt */
    ts_time interval; /* the next one, before jitter */
};

/* The delay before the next attempt, at least `wish`. -1: give up, max_elapsed_time would be over, or
 * retrying is off. */
ts_time ts_retry_next(struct ts_retry *retry, const struct ts_retry_settings *settings,
                      ts_time wish, ts_time now);

#endif
