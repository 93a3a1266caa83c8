/* throttle.c - window, pace and quotas together. */
#include "net/throttle.h"

#include <math.h>

#define START 4.0 /* calls in a unit, of a service that refuses the very first */

void ts_throttle_init(struct ts_throttle *t, int most, ts_time unit, ts_time longest_pause)
{
    *t = (struct ts_throttle){.unit = unit, .longest = longest_pause};
    ts_window_init(&t->window, most);
    ts_pace_init(&t->pace);
}

static ts_time later(ts_time a, ts_time b)
{
    return a > b ? a : b;
}

/* Twice what a full window comes to: calls that may be sent are spread over half a round trip, so that a
 * growing window does not knock with all of them at once. */
static double ceiling(const struct ts_throttle *t)
{
    return t->latency > 0 ? 2 * t->window.size * (double)TS_S / (double)t->latency : INFINITY;
}

ts_time ts_throttle_next(const struct ts_throttle *t, int64_t tokens, ts_time now)
{
    if (t->in_flight >= ts_window_room(&t->window))
        return TS_NEVER;
    ts_time next = later(now, later(t->paused, t->pace.next));
    next = later(next, ts_quota_next(&t->calls, 1));
    return later(next, ts_quota_next(&t->tokens, (double)tokens));
}

struct ts_throttle_mark ts_throttle_sent(struct ts_throttle *t, int64_t tokens, ts_time now)
{
    if (t->paused > t->paused_at)
        ts_pace_held(&t->pace, t->paused - t->paused_at);
    t->paused_at = t->paused;
    t->in_flight++;
    return (struct ts_throttle_mark){.pace = ts_pace_sent(&t->pace, ceiling(t), now),
                                     .calls = ts_quota_sent(&t->calls, 1),
                                     .tokens = ts_quota_sent(&t->tokens, (double)tokens),
                                     .level = t->in_flight};
}

void ts_throttle_ended(struct ts_throttle *t, const struct ts_throttle_mark *mark,
                       const struct ts_limits *said)
{
    t->in_flight--;
    ts_quota_told(&t->calls, &said->calls, mark->calls, mark->pace.sent);
    ts_quota_told(&t->tokens, &said->tokens, mark->tokens, mark->pace.sent);
}

void ts_throttle_taken(struct ts_throttle *t, const struct ts_throttle_mark *mark, bool wanted,
                       ts_time now)
{
    ts_time latency = later(now - mark->pace.sent, 1);
    bool full = wanted && t->in_flight + 1 >= ts_window_room(&t->window);
    t->latency = t->latency == 0 ? latency : t->latency + (latency - t->latency) / 8;
    if (now < t->paused && mark->pace.sent > t->paused_by)
        t->paused = t->paused_at = now;
    ts_window_taken(&t->window, mark->level, full);
    ts_pace_taken(&t->pace, &mark->pace, ceiling(t), wanted, now);
}

static void pause_for(struct ts_throttle *t, ts_time length, ts_time by, ts_time now)
{
    if (now + length <= t->paused)
        return;
    if (t->paused <= t->paused_at)
        t->paused_at = now;
    t->paused = now + length;
    t->paused_by = by;
}

void ts_throttle_strained(struct ts_throttle *t, const struct ts_throttle_mark *mark, ts_time hint,
                          ts_time now)
{
    ts_window_strained(&t->window, t->in_flight + 1, mark->pace.sent, now);
    if (hint > 0)
        pause_for(t, hint < t->longest ? hint : t->longest, mark->pace.sent, now);
}

void ts_throttle_refused(struct ts_throttle *t, const struct ts_throttle_mark *mark, ts_time hint,
                         ts_time now)
{
    if (!ts_pace_refused(&t->pace, &mark->pace, START * (double)TS_S / (double)t->unit, now))
        ts_window_refused(&t->window, mark->level, mark->pace.sent, now);
    if (hint > 0)
        pause_for(t, hint < t->longest ? hint : t->longest, mark->pace.sent, now);
}
