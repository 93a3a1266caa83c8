/* measure.h - CPU seconds of one thread, the best of several rounds. What else runs on the machine can
 * only add to a round, never take away. What is compared takes turns: it sees the same machine. */
#ifndef TS_BENCH_MEASURE_H
#define TS_BENCH_MEASURE_H

#include "base/buf.h"

#include <time.h>

struct ts_contender {
    void (*run)(void *arg);
    void *arg;
    double best; /* seconds of one run */
};

static inline double ts_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void ts_measure(struct ts_contender *all, size_t count, int rounds)
{
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++) {
            double began = ts_cpu_seconds();
            all[i].run(all[i].arg);
            double took = ts_cpu_seconds() - began;
            if (all[i].best == 0 || took < all[i].best)
                all[i].best = took;
        }
}

#endif
