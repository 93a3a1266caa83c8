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
 *   refused, and so was the call sent before it   rate <- 1/2 rate. From then on it grows by half with
 *              each taken up to half the plateau, beyond it doubles with every 8, until one is refused.
 * Refusals that have nothing to do with the rate come whatever it is; those of the rate only above what
 * was taken before. So below the plateau single ones change nothing, three of the last few dozen do.
 * Pure arithmetic: the time is an argument. Thread: one at a time. */
#ifndef TS_NET_PACE_H
#define TS_NET_PACE_H

#include "base/time.h"

#include <stdbool.h>

/* Of the last calls, with weights that fade. */
struct ts_pace_sums {
    double taken, refused; /* calls */
    double paced, real;    /* seconds between the calls: by the pace of their time, by the clock */
};

struct ts_pace {
    double rate;           /* calls a second; INFINITY: none was refused yet */
    double plateau, depth; /* of the curve */
    double since;          /* taken since the last cut */
    double curve;          /* K, calls */
    ts_time cut_at, curve_at;
    bool searching; /* after a halving */
    bool held;      /* the last cut came with a pause, to its end */
    double share;   /* refused, of the last few hundred */
    struct ts_pace_sums sums;
    ts_time empty_at;        /* first seen; the sums are of calls sent later */
    uint64_t sent;           /* calls in all */
    uint64_t refused_number; /* of the last one refused, in the order of sending */
    int run;                 /* so many refused in that order without one in between */
    ts_time sent_at;         /* the last call */
    ts_time next;            /* when the next call may be sent */
};

/* What the answer to a call is reported with. */
struct ts_pace_mark {
    uint64_t number;
    ts_time sent;
    double
        interval; /* to the next call at the pace of its time, seconds; 0: there was no pace yet */
    double gap;   /* since the call before it, seconds; not more than a few intervals */
};

void ts_pace_init(struct ts_pace *p);
/* A call is sent now. `ceiling`: calls a second that are not passed, whatever was learned; INFINITY: none. */
struct ts_pace_mark ts_pace_sent(struct ts_pace *p, double ceiling, ts_time now);
/* The call was taken. `wanted`: more would be sent if they might. */
void ts_pace_taken(struct ts_pace *p, const struct ts_pace_mark *mark, double ceiling, bool wanted,
                   ts_time now);
/* The call was refused. `start`: calls a second to begin with when none was ever taken. False: the rate
 * does not explain it. */
bool ts_pace_refused(struct ts_pace *p, const struct ts_pace_mark *mark, double start, ts_time now);
/* The pause that a refusal brought lasted so long. */
void ts_pace_held(struct ts_pace *p, ts_time length);

#endif
