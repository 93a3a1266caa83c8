/* throttle.h - when the next call of a service may be sent.
 * Three things hold calls back, and the last to let go decides: how many are on their way (window.h), how
 * many a second were taken lately (pace.h), what the service says that its buckets hold (quota.h). On
 * top of them a refusal can stop all calls for a while:
 *   the service's own hint   but no longer than longest_pause, and only until a call is taken that was sent
 *                            after the refused one: then it was not the service that was full.
 *   nothing taken since      1, 2, 4 ... units, from the second refusal in a row on.
 *     the last cut
 * One throttle for each service and key. Pure arithmetic: the time is an argument, nothing is sent
 * from here. Thread: one at a time. */
#ifndef TS_NET_THROTTLE_H
#define TS_NET_THROTTLE_H

#include "net/pace.h"
#include "net/quota.h"
#include "net/window.h"

struct ts_throttle {
    struct ts_window window;
    struct ts_pace pace;
    struct ts_quota calls, tokens;
    ts_time latency;           /* smoothed, of the calls taken; 0: none was */
    ts_time paused_at, paused; /* nothing is sent in between; equal: it was reckoned with */
    ts_time paused_by;     /* when the refused call was sent; TS_NEVER: nothing lifts the pause */
    ts_time unit, longest; /* of pauses */
    int in_flight;
};

/* What the answer to a call is reported with. */
struct ts_throttle_mark {
    struct ts_pace_mark pace;
    double calls, tokens; /* of the quotas */
    int level;            /* how many were on their way with it */
};

/* most: calls on their way at once. unit, longest_pause: see above. */
void ts_throttle_init(struct ts_throttle *t, int most, ts_time unit, ts_time longest_pause);
/* When a call that is expected to cost so many tokens may be sent: `now` or a time after it; TS_NEVER: when
 * another one has ended. */
ts_time ts_throttle_next(const struct ts_throttle *t, int64_t tokens, ts_time now);
/* It is sent. What ends it is exactly one of the functions below. */
struct ts_throttle_mark ts_throttle_sent(struct ts_throttle *t, int64_t tokens, ts_time now);

/* The call ended; how, is for the others to say, after this. */
void ts_throttle_ended(struct ts_throttle *t, const struct ts_throttle_mark *mark,
                       const struct ts_limits *said);
/* It was taken. `wanted`: others wait. */
void ts_throttle_taken(struct ts_throttle *t, const struct ts_throttle_mark *mark, bool wanted,
                       ts_time now);
/* The service is in trouble (503), or answered in part only. `hint`: how long it wants to be left alone;
 * 0: it does not say. */
void ts_throttle_strained(struct ts_throttle *t, const struct ts_throttle_mark *mark, ts_time hint,
                          ts_time now);
/* It was refused (429). */
void ts_throttle_refused(struct ts_throttle *t, const struct ts_throttle_mark *mark, ts_time hint,
                         ts_time now);

#endif
