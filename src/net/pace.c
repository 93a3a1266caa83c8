/* pace.c - what is learned from refusals: the rate that a service takes. */
#include "net/pace.h"

#include <math.h>

#define CUT   0.97
#define FOUND 0.6 /* of the rate that a search ends with */
#define FIRST                                                                                      \
    0.5 /* of the first refusal: how much of what was taken had been saved up is not known */
#define MEMORY   32.0  /* calls, of the sums */
#define LONG     300.0 /* calls, of the share */
#define MANY     2.5   /* refusals of the sums: no accident */
#define CLOSE    1.5   /* the same, where each brings a pause */
#define SLOWEST  (1.0 / 60)
#define LONG_AGO 4 /* intervals: a longer gap is no pace */
/* K: in calls. Where calls are rare, the curve goes on by the time. */
#define LEAST_CURVE   40.0
#define SHARE_CURVE   100.0 /* at most, for a large share or late refusals */
#define MOST_CURVE    400.0
#define LONGEST_CURVE (60 * TS_S)
#define DEAR          0.013 /* share refused from which K grows */
#define PER_LATE      2     /* K for each call that is sent before a refusal is told */
#define PER_HELD      5     /* K for each call that a pause holds back */
#define CHANGED       3     /* x from which the service is taken for another one */
/* So much is caught up with after a timer that came late. */
#define SLACK (10 * TS_MS)

static double seconds(ts_time t)
{
    return (double)t / (double)TS_S;
}

void ts_pace_init(struct ts_pace *p)
{
    *p = (struct ts_pace){.rate = INFINITY, .curve = LEAST_CURVE};
}

struct ts_pace_mark ts_pace_sent(struct ts_pace *p, double ceiling, ts_time now)
{
    double rate = fmin(p->rate, ceiling);
    struct ts_pace_mark mark = {.number = ++p->sent, .sent = now};
    mark.gap = mark.number > 1 ? fmin(seconds(now - p->sent_at), LONG_AGO / rate) : 0;
    p->sent_at = now;
    if (mark.number == 1)
        p->curve_at = now;
    if (isinf(rate))
        return mark;
    mark.interval = 1 / rate;
    if (p->next < now - SLACK)
        p->next = now - SLACK;
    p->next += (ts_time)((double)TS_S / rate);
    return mark;
}

static void remember(struct ts_pace *p, const struct ts_pace_mark *mark, bool taken)
{
    const double fade = 1 - 1 / MEMORY;
    struct ts_pace_sums *s = &p->sums;
    p->share += ((taken ? 0 : 1) - p->share) / LONG;
    if (mark->sent < p->empty_at)
        return;
    s->taken = fade * s->taken + (taken ? 1 : 0);
    s->refused = fade * s->refused + (taken ? 0 : 1);
    s->paced = fade * s->paced + mark->interval;
    s->real = fade * s->real + mark->gap;
}

/* The curve passed x = 3: from where it is, a new one begins beyond its flat part. */
static void restart_curve(struct ts_pace *p, ts_time now)
{
    p->plateau = p->rate;
    p->depth = 1 - CUT;
    p->curve = LEAST_CURVE;
    p->since = 2 * LEAST_CURVE;
    p->curve_at = now;
}

static void follow_curve(struct ts_pace *p, double ceiling, ts_time now)
{
    double x = fmax(p->since / p->curve, seconds(now - p->curve_at) / seconds(LONGEST_CURVE));
    double grown = p->plateau * (1 + p->depth * pow(x - 1, 3));
    p->rate = fmax(p->rate, fmin(grown, ceiling));
    if (x > CHANGED)
        restart_curve(p, now);
}

static void search(struct ts_pace *p, double ceiling)
{
    double grown = p->rate * (p->rate < p->plateau / 2 ? 1.5 : exp2(1.0 / 8));
    p->rate = fmax(p->rate, fmin(grown, ceiling));
}

void ts_pace_taken(struct ts_pace *p, const struct ts_pace_mark *mark, double ceiling, bool wanted,
                   ts_time now)
{
    remember(p, mark, true);
    p->since += wanted;
    if (!wanted || isinf(p->rate))
        return;
    if (!p->searching)
        follow_curve(p, ceiling, now);
    else if (mark->sent >= p->cut_at)
        search(p, ceiling);
}

static void halve(struct ts_pace *p)
{
    if (!p->searching)
        p->plateau = p->rate;
    p->searching = true;
    p->rate = fmax(p->rate / 2, SLOWEST);
}

static void cut(struct ts_pace *p, double plateau)
{
    p->searching = false;
    p->plateau = fmax(fmax(fmin(plateau, p->rate), p->rate / 2), SLOWEST);
    p->rate = CUT * p->plateau;
    p->depth = 1 - CUT;
}

/* How much of what was taken so far had been saved up is not known: half of it is a guess, and what comes
 * now finds the bucket empty. */
static void begin(struct ts_pace *p, double start, ts_time now)
{
    const struct ts_pace_sums *s = &p->sums;
    p->searching = s->taken <= 0 || s->paced <= 0;
    p->plateau = p->searching ? start : s->taken / fmax(s->paced, s->real);
    p->rate = FIRST * p->plateau;
    p->depth = 1 - FIRST;
    p->next = now + (ts_time)((double)TS_S / p->rate);
    p->sums = (struct ts_pace_sums){0};
    p->empty_at = now;
}

/* Calls a second. `before`: the sums without the refusal, which ends their stretch. A pause lets the bucket
 * fill up, so less was dripping than it seems, and the next one is dear. */
static double estimate(const struct ts_pace *p, const struct ts_pace_sums *before, double interval,
                       bool above, bool many)
{
    const struct ts_pace_sums *s = &p->sums;
    if (many)
        return s->taken / fmax(s->paced, s->real);
    double found = before->taken / before->paced;
    if (p->searching) /* what was sent before that grew too fast for an average */
        found = fmax(found, FOUND / interval);
    if (p->held)
        found *= s->refused > CLOSE ? 0.7 : above ? 0.93 : 0.9;
    return found;
}

static void stretch_curve(struct ts_pace *p, ts_time late)
{
    double k = p->share > DEAR ? fmin(1.25 * p->curve, SHARE_CURVE) : 0.9 * p->curve;
    k = fmax(k, fmin(PER_LATE * p->rate * seconds(late), SHARE_CURVE));
    p->curve = fmax(k, LEAST_CURVE);
}

bool ts_pace_refused(struct ts_pace *p, const struct ts_pace_mark *mark, double start, ts_time now)
{
    const struct ts_pace_sums before = p->sums;
    p->run = mark->number == p->refused_number + 1 ? p->run + 1 : 1;
    p->refused_number = mark->number;
    remember(p, mark, false);
    if (mark->sent < p->cut_at)
        return true;
    bool first = isinf(p->rate);
    bool many = p->sums.refused > MANY;
    bool above = first || p->searching || p->run > 1 || p->rate >= p->plateau;
    if (!above && !many && !p->held)
        return false;
    if (first)
        begin(p, start, now);
    else if (p->run > 1 || p->sums.taken <= 0 || p->sums.paced <= 0)
        halve(p);
    else
        cut(p, estimate(p, &before, mark->interval, above, many));
    p->held = false;
    p->since = 0;
    p->cut_at = p->curve_at = now;
    stretch_curve(p, now - mark->sent);
    return above && !many;
}

void ts_pace_held(struct ts_pace *p, ts_time length)
{
    p->held = true;
    p->curve = fmax(LEAST_CURVE, fmin(PER_HELD * p->rate * seconds(length), MOST_CURVE));
}
