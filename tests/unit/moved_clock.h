/* moved_clock.h - ts_now as the test wants it: the clock stands still until clock_move moves it, and a loop
 * runs on the test's own thread until nothing is left to do at that time. So tests of hours take no time,
 * and no machine is too slow for them. tests/CMakeLists.txt has the linker put this clock in the place
 * of the real one where a test includes the file. */
#ifndef MOVED_CLOCK_H
#define MOVED_CLOCK_H

#include "loop/loop.h"

static _Atomic ts_time clock_now = 1000 * TS_S;

__attribute__((used)) ts_time __wrap_ts_now(void); /* by the linker */
ts_time __wrap_ts_now(void)
{
    return clock_now;
}

/* A chain of tasks and timers that are due at once takes a few turns of the loop. */
enum { CLOCK_TURNS = 50 };

struct clock_settling {
    struct ts_task task;
    struct ts_timer timer;
    struct ts_loop *loop;
    int turns;
};

static void clock_on_time(struct ts_timer *timer)
{
    struct clock_settling *s = TS_CONTAINER_OF(timer, struct clock_settling, timer);
    if (++s->turns == CLOCK_TURNS)
        ts_loop_break(s->loop);
    else
        ts_loop_post(s->loop, &s->task);
}

static void clock_turn(struct ts_task *task)
{
    struct clock_settling *s = TS_CONTAINER_OF(task, struct clock_settling, task);
    /* before all others, so that the loop sets its alarm anew: that of a timer which the move made due would
     * ring when the real clock gets there */
    ts_timer_start(s->loop, &s->timer, 0, clock_on_time);
}

/* Runs the loop, which has no thread, until what was posted and what is due is done. */
static inline void clock_settle(struct ts_loop *loop)
{
    struct clock_settling s = {.task = {.run = clock_turn}, .loop = loop};
    ts_loop_post(loop, &s.task);
    ts_loop_run(loop);
}

/* Moves the clock, and does what is due by then. */
static inline void clock_move(struct ts_loop *loop, ts_time by)
{
    clock_now += by;
    clock_settle(loop);
}

#endif
