#include "pipeline/processor/trust_config.h"

#include "pipeline/processor/verdict.h"

#include <stdlib.h>

unsigned ts_trust_write_bits(const struct ts_texts *write)
{
    unsigned bits = 0;
    for (size_t i = 0; i < write->count; i++)
        bits |= strcmp(write->items[i], "openinference") == 0  ? TS_WRITE_OPENINFERENCE
                : strcmp(write->items[i], "gen_ai_event") == 0 ? TS_WRITE_GEN_AI_EVENT
                                                               : TS_WRITE_ATTRIBUTES;
    return bits;
}

struct ts_redactor *ts_trust_redactor(const struct ts_trust_config *c, struct ts_err *err)
{
    const struct ts_pairs *own = &c->redact.expressions;
    struct ts_redact_own *list = ts_alloc((own->count + 1) * sizeof *list);
    for (size_t i = 0; i < own->count; i++)
        list[i] = (struct ts_redact_own){own->items[i].key, own->items[i].value};
    struct ts_redactor *r =
        ts_redactor_new(c->redact.patterns.items, c->redact.patterns.count, list, own->count, err);
    free(list);
    return r;
}

static bool check_redaction(const struct ts_trust_config *c, struct ts_err *err)
{
    struct ts_err why = {0};
    struct ts_redactor *r = ts_trust_redactor(c, &why);
    bool any = r != NULL;
    ts_redactor_free(r);
    if (why.code == TS_OK && c->redact.forward && !any)
        ts_fail(&why, TS_INVALID_ARGUMENT,
                "forward is true, but nothing is redacted; name patterns");
    if (why.code == TS_OK)
        return true;
    ts_fail_in(err, "redact");
    return ts_fail(err, why.code, "%s", why.what);
}

static bool check_thresholds(const struct ts_trust_config *c, struct ts_err *err)
{
    if (c->thresholds.untrustworthy > c->thresholds.trustworthy)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "thresholds: untrustworthy %g is above trustworthy %g; swap them",
                       c->thresholds.untrustworthy, c->thresholds.trustworthy);
    for (size_t i = 0; i < c->rules.count; i++) {
        double low;
        double high;
        ts_trust_thresholds(c, (const struct ts_rule *)c->rules.items + i, &low, &high);
        if (low > high) {
            ts_fail_in(err, "rules[%zu]::thresholds", i);
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "untrustworthy %g is above trustworthy %g; give both", low, high);
        }
    }
    return true;
}

void ts_trust_thresholds(const struct ts_trust_config *c, const struct ts_rule *rule,
                         double *untrustworthy, double *trustworthy)
{
    *untrustworthy = rule && rule->thresholds.untrustworthy_given ? rule->thresholds.untrustworthy
                                                                  : c->thresholds.untrustworthy;
    *trustworthy = rule && rule->thresholds.trustworthy_given ? rule->thresholds.trustworthy
                                                              : c->thresholds.trustworthy;
}

static bool check_write(const struct ts_trust_config *c, struct ts_err *err)
{
    static const char *const known[] = {"attributes", "openinference", "gen_ai_event"};
    for (size_t i = 0; i < c->write.count; i++) {
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

bool ts_trust_check(const void *config, struct ts_err *err)
{
    const struct ts_trust_config *c = config;
    return check_thresholds(c, err) && check_write(c, err) && ts_rules_check(&c->rules, err) &&
           check_redaction(c, err);
}

#define AT(field)    offsetof(struct ts_trust_config, field)
#define LIMIT(field) AT(thresholds.field) - AT(thresholds)
#define CACHE(field) AT(cache.field) - AT(cache)
static const struct ts_setting thresholds[] = {
    {.key = "untrustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(untrustworthy),
     .default_text = "0.5",
     .min = "0",
     .max = "1",
     .help = "scores below are untrustworthy"},
    {.key = "trustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(trustworthy),
     .default_text = "0.8",
     .min = "0",
     .max = "1",
     .help = "scores from here on are trustworthy"},
    {0},
};
static const struct ts_setting cache[] = {
    {.key = "enabled",
     .kind = TS_BOOL,
     .offset = CACHE(enabled),
     .default_text = "true",
     .help = "a pair that was scored before is not asked about again; not used with scorer local"},
    {.key = "directory",
     .kind = TS_TEXT,
     .offset = CACHE(directory),
     .help = "where scores are kept, may be shared by processes; absent: scores, beside the spool"},
    {.key = "max_size",
     .kind = TS_SIZE,
     .offset = CACHE(max_size),
     .default_text = "256MiB",
     .min = "1MiB",
     .max = "64GiB",
     .help = "of the file; beyond, the oldest scores go"},
    {.key = "max_age",
     .kind = TS_DURATION,
     .offset = CACHE(max_age),
     .default_text = "720h",
     .min = "1s",
     .help = "older scores are asked for anew"},
    {0},
};
#define TRACES(field) AT(traces.field) - AT(traces)
static const struct ts_setting traces[] = {
    {.key = "max_size",
     .kind = TS_SIZE,
     .offset = TRACES(max_size),
     .default_text = "32MiB",
     .min = "64KiB",
     .max = "64GiB",
     .help = "beyond, the traces that were quiet longest are forgotten"},
    {.key = "max_age",
     .kind = TS_DURATION,
     .offset = TRACES(max_age),
     .default_text = "5m",
     .min = "1s",
     .help = "how long a trace without news is remembered"},
    {0},
};
#define REDACT(field) AT(redact.field) - AT(redact)
static const struct ts_setting redact[] = {
    {.key = "patterns",
     .kind = TS_TEXTS,
     .offset = REDACT(patterns),
     .help = "of key, email, iban, card, phone, ip: what scorers see as [email] and so on"},
    {.key = "expressions",
     .kind = TS_PAIRS,
     .offset = REDACT(expressions),
     .help = "name: a regular expression (PCRE2) of one's own; its matches are seen as [name]"},
    {.key = "forward",
     .kind = TS_BOOL,
     .offset = REDACT(forward),
     .default_text = "false",
     .help = "true: all spans are passed on redacted, too; their attributes, events and status"},
    {0},
};
const struct ts_setting ts_trust_table[] = {
    {.key = "scorer",
     .kind = TS_TEXT,
     .offset = AT(scorer),
     .default_text = "auto",
     .help = "id of a scorer; auto: cleanlab with CLEANLAB_TLM_API_KEY, tlm with OPENAI_API_KEY, "
             "else local"},
    {.key = "hold",
     .kind = TS_DURATION,
     .offset = AT(hold),
     .default_text = "10s",
     .min = "0s",
     .max = "10m",
     .help = "how long LLM spans wait for their score; 0s: they do not"},
    {.key = "give_up",
     .kind = TS_DURATION,
     .offset = AT(give_up),
     .default_text = "1h",
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
    {.key = "rules",
     .kind = TS_BLOCKS,
     .offset = AT(rules),
     .sub = ts_rule_table,
     .size = sizeof(struct ts_rule),
     .help = "which spans are scored, and how; the first that fits decides"},
    {.key = "redact",
     .kind = TS_BLOCK,
     .offset = AT(redact),
     .sub = redact,
     .help = "what nobody else may read"},
    {.key = "write",
     .kind = TS_TEXTS,
     .offset = AT(write),
     .default_text = "attributes",
     .help = "attributes, openinference, gen_ai_event: forms in which a score goes into its span"},
    {.key = "max_waiting",
     .kind = TS_SIZE,
     .offset = AT(max_waiting),
     .default_text = "32MiB",
     .min = "1MiB",
     .max = "1024GiB",
     .help = "of requests that wait for a slow scorer; beyond, spans leave as skipped: overload"},
    {0},
};
