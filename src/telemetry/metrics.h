/* metrics.h - counters that any thread bumps and a page that prints them.
 * Names and labels are the collector's own for what is the same thing, trustspan_* for ours. */
#ifndef TS_TELEMETRY_METRICS_H
#define TS_TELEMETRY_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>

struct ts_metrics;

struct ts_counter {
    _Atomic int64_t value;
};

struct ts_metrics *ts_metrics_new(void);
void ts_metrics_free(struct ts_metrics *metrics); /* all counters go with it; NULL is fine */

/* The counter of this name and these labels, made on first use; lives as long as `metrics`.
 * `labels` in Prometheus form without braces ("exporter=\"debug\""), "" for none. `help` is one
 * line and the same for all labels of a name. The strings are copied. Thread: any. */
struct ts_counter *ts_metrics_counter(struct ts_metrics *metrics, const char *name,
                                      const char *labels, const char *help);
/* A value read when the page is printed. `read` runs on the printing thread. Thread: any. */
void ts_metrics_gauge(struct ts_metrics *metrics, const char *name, const char *labels,
                      const char *help, int64_t (*read)(void *arg), void *arg);

static inline void ts_count(struct ts_counter *counter, int64_t n)
{
    atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

static inline int64_t ts_counted(const struct ts_counter *counter)
{
    return atomic_load_explicit(&((struct ts_counter *)(uintptr_t)counter)->value,
                                memory_order_relaxed);
}

/* Sum of all counters of this name, whatever their labels. Thread: any. */
int64_t ts_metrics_sum(struct ts_metrics *metrics, const char *name);
/* Appends the page in Prometheus text format 0.0.4. Thread: any. */
void ts_metrics_print(struct ts_metrics *metrics, struct ts_buf *out);

#endif
