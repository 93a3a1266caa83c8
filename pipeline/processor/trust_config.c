#include "pipeline/processor/trust_config.h"

#include "pipeline/processor/verdict.h"

unsigned ts_trust_write_bits(const struct ts_texts *write)
{
    unsigned bits = 0;
    for (size_t i = 0; i < write->count; i++)
        bits |= strcmp(write->items[i], "openinference") == 0  ? TS_WRITE_OPENINFERENCE
                : strcmp(write->items[i], "gen_ai_event") == 0 ? TS_WRITE_GEN_AI_EVENT
                                                               : TS_WRITE_ATTRIBUTES;
    return bits;
}

bool ts_trust_check(const void *config, struct ts_err *err)
{
    const struct ts_trust_config *c = config;
    if (c->thresholds.untrustworthy > c->thresholds.trustworthy)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "thresholds: untrustworthy %g is above trustworthy %g; swap them",
                       c->thresholds.untrustworthy, c->thresholds.trustworthy);
    for (size_t i = 0; i < c->write.count; i++) {
        static const char *const known[] = {"attributes", "openinference", "gen_ai_event"};
        bool ok = false;
        for (size_t k = 0; k < TS_COUNT(known); k++)
            ok = ok || strcmp(c->write.items[i], known[k]) == 0;
        if (!ok)
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "write: '%s' is none of attributes, openinference, gen_ai_event",
                           c->write.items[i]);
    }
    return true;
}

#define AT(field)    offsetof(struct ts_trust_config, field)
#define LIMIT(field) AT(thresholds.field) - AT(thresholds)
#define CACHE(field) AT(cache.field) - AT(cache)
static const struct ts_setting thresholds[] = {
    {.key = "untrustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(untrustworthy),
     .preset = "0.5",
     .min = "0",
     .max = "1",
     .help = "scores below are untrustworthy"},
    {.key = "trustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(trustworthy),
     .preset = "0.8",
     .min = "0",
     .max = "1",
     .help = "scores from here on are trustworthy"},
    {0},
};
static const struct ts_setting cache[] = {
    {.key = "enabled",
     .kind = TS_BOOL,
     .offset = CACHE(enabled),
     .preset = "true",
     .help = "a pair that was scored before is not asked about again; not used with scorer local"},
    {.key = "directory",
     .kind = TS_TEXT,
     .offset = CACHE(directory),
     .help = "where scores are kept, may be shared by processes; absent: scores, beside the spool"},
    {.key = "max_size",
     .kind = TS_SIZE,
     .offset = CACHE(max_size),
     .preset = "256MiB",
     .min = "1MiB",
     .max = "64GiB",
     .help = "of the file; beyond, the oldest scores go"},
    {.key = "max_age",
     .kind = TS_DURATION,
     .offset = CACHE(max_age),
     .preset = "720h",
     .min = "1s",
     .help = "older scores are asked for anew"},
    {0},
};
#define TRACES(field) AT(traces.field) - AT(traces)
static const struct ts_setting traces[] = {
    {.key = "max_size",
     .kind = TS_SIZE,
     .offset = TRACES(max_size),
     .preset = "32MiB",
     .min = "64KiB",
     .max = "64GiB",
     .help = "beyond, the traces that were quiet longest are forgotten"},
    {.key = "max_age",
     .kind = TS_DURATION,
     .offset = TRACES(max_age),
     .preset = "5m",
     .min = "1s",
     .help = "how long a trace without news is remembered"},
    {0},
};
const struct ts_setting ts_trust_table[] = {
    {.key = "scorer",
     .kind = TS_TEXT,
     .offset = AT(scorer),
     .preset = "auto",
     .help = "id of a scorer; auto: cleanlab with CLEANLAB_TLM_API_KEY, tlm with OPENAI_API_KEY, "
             "else local"},
    {.key = "hold",
     .kind = TS_DURATION,
     .offset = AT(hold),
     .preset = "10s",
     .min = "0s",
     .max = "10m",
     .help = "how long LLM spans wait for their score; 0s: they do not"},
    {.key = "give_up",
     .kind = TS_DURATION,
     .offset = AT(give_up),
     .preset = "1h",
     .min = "1s",
     .max = "168h",
     .help = "how long a late score is waited for"},
    {.key = "thresholds",
     .kind = TS_BLOCK,
     .offset = AT(thresholds),
     .sub = thresholds,
     .help = "from score to label"},
    {.key = "cache",
     .kind = TS_BLOCK,
     .offset = AT(cache),
     .sub = cache,
     .help = "scores that were paid for"},
    {.key = "traces",
     .kind = TS_BLOCK,
     .offset = AT(traces),
     .sub = traces,
     .help = "what is remembered of traces: which calls are duplicates, what was retrieved"},
    {.key = "write",
     .kind = TS_TEXTS,
     .offset = AT(write),
     .preset = "attributes",
     .help = "attributes, openinference, gen_ai_event: forms in which a score goes into its span"},
    {.key = "max_waiting",
     .kind = TS_SIZE,
     .offset = AT(max_waiting),
     .preset = "32MiB",
     .min = "1MiB",
     .max = "1024GiB",
     .help = "of requests that wait for a slow scorer; beyond, spans leave as skipped: overload"},
    {0},
};
