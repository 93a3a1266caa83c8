/* retry.c - the formula and its settings table. */
#include "pipeline/engine/retry.h"

#include "base/random.h"

#include <stddef.h>

ts_time ts_retry_next(struct ts_retry *r, const struct ts_retry_settings *s, ts_time wish,
                      ts_time now)
{
    if (!s->enabled)
        return -1;
    if (r->interval == 0)
        r->interval = s->initial_interval;
    double jitter = 1 + s->randomization_factor * (2 * ts_random() - 1);
    ts_time delay = (ts_time)((double)r->interval * jitter);
    if (delay < wish)
        delay = wish;
    double next = (double)r->interval * s->multiplier;
    r->interval = next > (double)s->max_interval ? s->max_interval : (ts_time)next;
    if (s->max_elapsed_time > 0 && now + delay - r->started > s->max_elapsed_time)
        return -1;
    return delay;
}

#define AT(field) offsetof(struct ts_retry_settings, field)
const struct ts_setting ts_retry_table[] = {
    {.key = "enabled",
     .kind = TS_BOOL,
     .offset = AT(enabled),
     .default_text = "true",
     .help = "try again after a failure that may pass"},
    {.key = "initial_interval",
     .kind = TS_DURATION,
     .offset = AT(initial_interval),
     .default_text = "5s",
     .min = "1ms",
     .max = "1h",
     .help = "first delay"},
    {.key = "randomization_factor",
     .kind = TS_DOUBLE,
     .offset = AT(randomization_factor),
     .default_text = "0.5",
     .min = "0",
     .max = "1",
     .help = "jitter: delay times 1 plus or minus this"},
    {.key = "multiplier",
     .kind = TS_DOUBLE,
     .offset = AT(multiplier),
     .default_text = "1.5",
     .min = "1",
     .max = "10",
     .help = "growth of the delay"},
    {.key = "max_interval",
     .kind = TS_DURATION,
     .offset = AT(max_interval),
     .default_text = "30s",
     .min = "1ms",
     .max = "1h",
     .help = "largest delay"},
    {.key = "max_elapsed_time",
     .kind = TS_DURATION,
     .offset = AT(max_elapsed_time),
     .default_text = "0s",
     .min = "0s",
     .max = "720h",
     .help = "drop after so long; 0s keeps on for ever, as nothing acknowledged may be lost"},
    {0},
};
