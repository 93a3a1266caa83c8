/* barrier.c - atomics on the way, a lock only for who waits. */
#include "pipeline/engine/barrier.h"

#include <assert.h>
#include <errno.h>

void ts_barrier_init(struct ts_barrier *b)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->none, &attr);
    pthread_condattr_destroy(&attr);
}

void ts_barrier_release(struct ts_barrier *b)
{
    pthread_cond_destroy(&b->none);
    pthread_mutex_destroy(&b->lock);
}

void ts_barrier_enter(struct ts_barrier *b, enum ts_stage stage)
{
    atomic_fetch_add(&b->counts[stage], 1);
    if (stage != TS_STAGE_LATE)
        atomic_fetch_add(&b->all, 1);
}

void ts_barrier_leave(struct ts_barrier *b, enum ts_stage stage)
{
    int64_t before = atomic_fetch_sub(&b->counts[stage], 1);
    assert(before > 0);
    if (stage != TS_STAGE_LATE)
        before = atomic_fetch_sub(&b->all, 1);
    if (before != 1 || !atomic_load(&b->awaited))
        return;
    pthread_mutex_lock(&b->lock);
    pthread_cond_broadcast(&b->none);
    pthread_mutex_unlock(&b->lock);
}

int64_t ts_barrier_count(const struct ts_barrier *b, enum ts_stage stage)
{
    return atomic_load(&((struct ts_barrier *)(uintptr_t)b)->counts[stage]);
}

static bool is_open(struct ts_barrier *b, bool late)
{
    return atomic_load(&b->all) > 0 || (late && atomic_load(&b->counts[TS_STAGE_LATE]) > 0);
}

bool ts_barrier_wait(struct ts_barrier *b, bool late, ts_time deadline)
{
    struct timespec until = {deadline / TS_S, deadline % TS_S};
    int bad = 0;
    pthread_mutex_lock(&b->lock);
    atomic_store(&b->awaited, true);
    while (is_open(b, late) && bad != ETIMEDOUT)
        bad = pthread_cond_timedwait(&b->none, &b->lock, &until);
    pthread_mutex_unlock(&b->lock);
    return !is_open(b, late);
}
