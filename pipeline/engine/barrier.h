/* barrier.h - how much is on its way, and waiting until nothing is.
 * Whatever must not be cut off by a stop is counted in when it begins and out when it ends: a request that
 * is being taken in, a batch that is not delivered, an evaluation that is not posted, a record that is
 * being stored. A stop waits for the count, not for a time that might do. */
#ifndef TS_ENGINE_BARRIER_H
#define TS_ENGINE_BARRIER_H

#include "base/time.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum ts_stage {
    TS_STAGE_INTAKE,
    TS_STAGE_BATCHES,
    TS_STAGE_EVALUATIONS,
    TS_STAGE_STORING,
    TS_STAGE_LATE, /* scores that are due: may take hours, and are waited for only once they are cancelled */
};
enum { TS_STAGE_COUNT = TS_STAGE_LATE + 1 };

struct ts_barrier {
    _Atomic int64_t counts[TS_STAGE_COUNT];
    _Atomic int64_t all; /* but late ones */
    atomic_bool awaited;
    pthread_mutex_t lock; /* for the wait alone */
    pthread_cond_t none;
};

void ts_barrier_init(struct ts_barrier *barrier);
void ts_barrier_release(struct ts_barrier *barrier);

/* Thread: any, for all of these. */
void ts_barrier_enter(struct ts_barrier *barrier, enum ts_stage stage);
void ts_barrier_leave(struct ts_barrier *barrier, enum ts_stage stage);
int64_t ts_barrier_count(const struct ts_barrier *barrier, enum ts_stage stage);
/* True as soon as nothing is counted, with `late` nothing at all; false when the deadline (ts_now clock)
 * comes first. */
bool ts_barrier_wait(struct ts_barrier *barrier, bool late, ts_time deadline);

#endif
