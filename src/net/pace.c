#include "net/pace.h"

#include <math.h>

#define CHANGED 3.0
#define MOST_GAP 4
#define CUT     0.97
#define MEMORY  32.0  /* calls, of the estimate */
#define LONG    300.0 /* calls, of the share */
#define SLOWEST (1.0 / 60)
#define DOUBLES 8.0 /* calls taken, when searching */
#define TWO  1.5
#define ODD     2.5 /* refusals of the last calls: no accident any more */
/* K: in calls; where calls are rare, the curve goes on by the time. */
#define LEAST_CURVE   40.0
#define SHARE_CURVE 100.0
#define MOST_CURVE    400.0
#define LONGEST_CURVE (60 * TS_S)
#define DEAR          0.014 /* share refused from which K grows */
#define PER_LATE 2
#define PER_HELD      4     /* K for each call that a pause held back */
/* So much is caught up with after a timer that came late. */
#define SLACK (10 * TS_MS)

void ts_pace_init(struct ts_pace *p)
{
    *p = (struct ts_pace){.rate = INFINITY, .curve = LEAST_CURVE};
}

double ts_pace_sent(struct ts_pace *p, double ceiling, ts_time now)
{
    double rate = fmin(p->rate, ceiling);
    if (isinf(rate))
        return 0;
    double gap = (double)(now - p->last) / (double)TS_S;
    p->gap = fmin(p->last > 0 ? gap : 0, MOST_GAP / rate);
    p->last = now;
    if (p->next < now - SLACK)
        p->next = now - SLACK;
    p->next += (ts_time)((double)TS_S / rate);
    return 1 / rate;
}

static void remember(struct ts_pace *p, double interval, bool taken)
{
    const double fade = 1 - 1 / MEMORY;
    p->taken = fade * p->taken + (taken ? 1 : 0);
    p->refused = fade * p->refused + (taken ? 0 : 1);
    p->seconds = fade * p->seconds + interval;
    p->real = fade * p->real + p->gap;
    p->share += ((taken ? 0 : 1) - p->share) / LONG;
}

void ts_pace_taken(struct ts_pace *p, double interval, double ceiling, bool wanted, ts_time sent,
                   ts_time now)
{
    remember(p, interval, true);
    if (sent < p->cut_at)
        return;
    if (!wanted || isinf(p->rate))
        return;
    p->since++;
    if (p->searching) {
        p->rate = fmin(p->rate * exp2(1 / DOUBLES), fmax(p->rate, ceiling));
        return;
    }
    double x = fmax(p->since / p->curve, (double)(now - p->curve_at) / (double)LONGEST_CURVE);
    double grown = p->plateau * (1 + p->depth * pow(x - 1, 3));
    p->rate = fmax(p->rate, fmin(grown, ceiling));
    if (x > CHANGED) { /* what was learned is of another time */
        p->plateau = p->rate;
        p->depth = 1 - CUT;
        p->curve = LEAST_CURVE;
        p->since = 2 * p->curve;
        p->curve_at = now;
    }
}

static void cut(struct ts_pace *p, double plateau, double rate, ts_time now)
{
    p->plateau = fmax(plateau, SLOWEST);
    p->rate = fmax(rate, SLOWEST);
    p->depth = fmax(1 - CUT, 1 - p->rate / p->plateau);
    p->since = 0;
    p->cut_at = p->curve_at = now;
    p->held = false;
    if (p->share > DEAR)
        p->curve = fmax(p->curve, fmin(p->curve * 1.25, SHARE_CURVE));
    else
        p->curve = fmax(p->curve * 0.9, LEAST_CURVE);
}

bool ts_pace_refused(struct ts_pace *p, double interval, uint64_t number, ts_time sent, ts_time now)
{
    p->run = number == p->last_refused + 1 ? p->run + 1 : 1;
    p->last_refused = number;
    remember(p, interval, false);
    if (sent < p->cut_at || p->seconds <= 0)
        return true;
    bool barren = p->run > 1;
    bool sure = p->refused > ODD;
    bool above = isinf(p->rate) || p->searching || barren || p->rate >= p->plateau;
    bool first = isinf(p->rate);
    double seconds = sure || first ? fmax(p->seconds, p->real) : p->seconds;
    double estimate = fmin(p->rate, p->taken / seconds);
    if (barren) {
        p->searching = true;
        cut(p, p->rate, fmin(p->rate / 2, estimate), now);
    } else if (p->held && !above) {
        estimate = p->rate * (p->refused > TWO ? 0.8 : 0.9);
        cut(p, estimate, CUT * estimate, now);
    } else if (above || sure) {
        p->searching = false;
        cut(p, estimate, (first ? 0.5 : CUT) * estimate, now);
    }
    p->curve = fmin(fmax(p->curve, PER_LATE * p->rate * (double)(now - sent) / (double)TS_S), SHARE_CURVE);
    return above && !sure;
}

void ts_pace_held(struct ts_pace *p, ts_time length)
{
    p->held = true;
    double calls = p->rate * (double)length / (double)TS_S;
    p->curve = fmin(fmax(p->curve, PER_HELD * calls), MOST_CURVE);
}
