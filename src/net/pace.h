/* pace.h - how many calls a second a service takes, learned from what it refuses.
 * A service that limits the rate keeps a bucket into which calls (or tokens) drip, and refuses when it
 * is empty. So it is empty at every refusal, and what is taken between refusals is the rate: no burst
 * that was saved up is part of it. The estimate is the share taken of the last few dozen calls times
 * the pace at which these were sent.
 *   refused    plateau <- estimate, rate <- 0.97 of it; calls sent before that say nothing new.
 *   taken      rate <- plateau (1 + depth (x - 1)^3), CUBIC's curve (RFC 9438) over the calls taken since,
 *              depth: of the cut. Quickly back to the plateau, slow beside it, then ever faster. x: taken
 *              since / K. A bucket that did not change refuses again at about x = 2.4: with K = 40, one
 *              call in a hundred. K is larger where refusals come to more than that, or cost pauses.
 *   refused, and none taken since the last cut   rate <- 1/2 rate. From then on it doubles with every 8
 *              taken, until one is refused.
 * Refusals that have nothing to do with the rate come whatever it is; those of the rate only above what
 * was taken before. So below the plateau single ones change nothing, three of the last few dozen do.
 * Pure arithmetic: the time is an argument. Thread: one at a time. */
#ifndef TS_NET_PACE_H
#define TS_NET_PACE_H

#include "base/time.h"

#include <stdbool.h>

struct ts_pace {
    double rate;           /* calls a second; INFINITY: none was refused yet */
    double plateau, depth; /* of the curve */
    double since;          /* taken since the last cut */
    double curve;          /* K */
    double taken, refused; /* of the last calls, with weights that fade */
    double seconds;        /* between these, at the pace of their time, with the same weights */
    double real, gap; ts_time last;
    double share;          /* refused, of the last few hundred */
    bool searching;        /* doubling, after a halving */
    bool held;
    uint64_t last_refused; int run;          /* none was taken since the last cut */
    ts_time cut_at, curve_at;
    ts_time next; /* when the next call may be sent */
};

void ts_pace_init(struct ts_pace *p);
/* A call is sent now. `ceiling`: calls a second, whatever was learned; INFINITY: none. Returns the seconds
 * to the next one, which the answer is reported with; 0: there is no pace yet. */
double ts_pace_sent(struct ts_pace *p, double ceiling, ts_time now);
/* The call that was sent at `sent` was taken. `wanted`: more would be sent if they might. */
void ts_pace_taken(struct ts_pace *p, double interval, double ceiling, bool wanted, ts_time sent,
                   ts_time now);
/* The call that was sent at `sent` was refused. */
bool ts_pace_refused(struct ts_pace *p, double interval, uint64_t number, ts_time sent, ts_time now);
/* A pause that a refusal brought lasted so long. */
void ts_pace_held(struct ts_pace *p, ts_time length);

#endif
