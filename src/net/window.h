/* window.h - how many calls of a service may be on their way at the same time.
 * A service says that it has too many by trouble (503, partial answers) or by a refusal (429). A refusal
 * may also be about the rate, so it shrinks the window only where it can be about the number: when no
 * call that was sent with as many others on their way has been taken since the last one.
 *   taken, full       below 0.9 of the last good size: + 1, which doubles in a round trip.
 *                     From there on + 1 a round trip; twice past it, it is forgotten.
 *   trouble           x 0.7 (CUBIC's, RFC 9438), once a round trip: a call sent before the last cut
 *                     says nothing new.
 *   refused at n      the wall stands at n, and n - 1 are sent. After a round trip the n-th is tried
 *                     again: taken, the wall moves up by 1, 2, 4 ...; refused, the next try comes after
 *                     twice as many calls, at most 256.
 * Pure arithmetic: the time is an argument. Thread: one at a time. */
#ifndef TS_NET_WINDOW_H
#define TS_NET_WINDOW_H

#include "base/time.h"

#include <stdbool.h>

struct ts_window {
    double size; /* 1 to most */
    double good; /* the size that was last cut; INFINITY: none was */
    int most;
    ts_time cut_at;
    int proven; /* the most on their way, itself counted, with which a call was taken lately */
    int wall;   /* with so many one is refused; 0: none is known */
    ts_time wall_at;
    int until_try; /* calls to be taken before the wall is tried */
    int patience;  /* what until_try starts from */
    int step;      /* by which the wall moves up */
};

/* `most`: at least 1. */
void ts_window_init(struct ts_window *w, int most);
/* Calls that may be on their way at once, 1 to most. */
int ts_window_room(const struct ts_window *w);
/* A call was taken that was sent as the `level`-th on its way. `full`: more would be sent if they might. */
void ts_window_taken(struct ts_window *w, int level, bool full);
/* The service is under strain, says the answer to a call sent at `sent`; `in_flight`: those on their way
 * with it. */
void ts_window_strained(struct ts_window *w, int in_flight, ts_time sent, ts_time now);
/* The call that was sent at `sent` as the `level`-th on its way was refused. */
void ts_window_refused(struct ts_window *w, int level, ts_time sent, ts_time now);

#endif
