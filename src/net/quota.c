/* quota.c - a bucket as its service tells of it. */
#include "net/quota.h"

#include <math.h>

#define MINUTE  60.0
#define ENOUGH  20.0
#define ROUNDED 0.5
#define COARSE  (5 * TS_S) /* Azure writes whole seconds */
#define SPARE                                                                                      \
    2 /* calls of it: what is told is rounded, and a refusal costs more than a little patience */

double ts_quota_sent(struct ts_quota *q, double cost)
{
    return q->sent += cost;
}

static void smooth(struct ts_quota *q, double rate)
{
    q->rate = q->rate > 0 ? q->rate + (rate - q->rate) / 8 : rate;
}

void ts_quota_told(struct ts_quota *q, const struct ts_limit *said, double mark, ts_time sent)
{
    if (said->most <= 0 || sent < q->as_of) /* an older answer knows less */
        return;
    double used = said->most - said->left - ROUNDED;
    bool coarse = said->reset % TS_S == 0 && said->reset < COARSE;
    if (said->reset <= 0)
        q->rate = said->most / MINUTE;
    else if (!coarse &&
             used >= fmin(said->most / 4, ENOUGH)) /* of few, rounding is too large a part */
        smooth(q, used * (double)TS_S / (double)said->reset);
    q->most = said->most;
    q->left = said->left;
    q->sent_at = mark;
    q->as_of = sent;
}

ts_time ts_quota_next(const struct ts_quota *q, double cost)
{
    if (q->rate <= 0)
        return 0;
    double missing = fmin(SPARE * cost, q->most) + (q->sent - q->sent_at) - q->left;
    /* what was sent since cannot have found more than a full bucket */
    return q->as_of + (ts_time)(missing / q->rate * (double)TS_S);
}
