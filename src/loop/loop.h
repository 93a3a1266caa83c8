/* loop.h - one thread, one libuv loop; everything that belongs to it needs no lock.
 * Other threads reach a loop's objects by posting a task. Nothing that runs here may block. */
#ifndef TS_LOOP_LOOP_H
#define TS_LOOP_LOOP_H

#include "base/err.h"

#include <uv.h>

struct ts_loop;

/* A piece of work for a loop; lives inside the object it is about. */
struct ts_task {
    struct ts_task *next;
    void (*run)(struct ts_task *);
};

/* `name` (at most 15 bytes) is the thread's name. The thread starts with ts_loop_start. */
struct ts_loop *ts_loop_new(const char *name);
bool ts_loop_start(struct ts_loop *loop, struct ts_err *err);
/* Runs what is already posted, stops the thread, waits for it. Safe twice and without start. */
void ts_loop_stop(struct ts_loop *loop);
void ts_loop_free(struct ts_loop *loop); /* NULL is fine; stopped first */
/* For programs with one thread (score, tests): run on the calling thread until ts_loop_break. */
void ts_loop_run(struct ts_loop *loop);
void ts_loop_break(struct ts_loop *loop); /* Thread: the loop's */

/* Runs `task` later on the loop's thread, in the order of posting. Never runs it inside the call.
 * Thread: any. The task must not be posted again before it runs. A task posted after ts_loop_stop
 * is not run. */
void ts_loop_post(struct ts_loop *loop, struct ts_task *task);

/* Is this the loop's own thread? */
bool ts_loop_here(const struct ts_loop *loop);
uv_loop_t *ts_loop_uv(struct ts_loop *loop);

/* A one-shot timer inside another object: {0} is stopped; stopping or re-starting is O(log n) and
 * needs no allocation. Equal deadlines fire in the order of their starts: what a hold or a pause
 * kept back leaves as it came. Thread: the loop's, for all of it. */
struct ts_timer {
    ts_time deadline; /* ts_now() clock */
    size_t place;     /* private: 1-based position in the heap; 0 = not running */
    uint64_t number;  /* private: of the start, counted by the loop */
    void (*fire)(struct ts_timer *);
};
void ts_timer_start(struct ts_loop *loop, struct ts_timer *timer, ts_time deadline,
                    void (*fire)(struct ts_timer *));
void ts_timer_stop(struct ts_loop *loop, struct ts_timer *timer); /* not running is fine */

#endif
