/* assess_config.c - checks of the settings, and their tables. */
#include "pipeline/assess/assess_config.h"

#include <stdio.h>
#include <stdlib.h>

struct ts_redactor *ts_assess_redactor(const struct ts_assess_config *c, struct ts_err *err)
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

static bool check_redaction(const struct ts_assess_config *c, struct ts_err *err)
{
    struct ts_err why = {0};
    struct ts_redactor *r = ts_assess_redactor(c, &why);
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

static bool check_thresholds(const struct ts_assess_config *c, struct ts_err *err)
{
    if (c->thresholds.untrustworthy > c->thresholds.trustworthy)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "thresholds: untrustworthy %g is above trustworthy %g; swap them",
                       c->thresholds.untrustworthy, c->thresholds.trustworthy);
    for (size_t i = 0; i < c->rules.count; i++) {
        double low;
        double high;
        ts_assess_thresholds(c, (const struct ts_rule *)c->rules.items + i, &low, &high);
        if (low > high) {
            ts_fail_in(err, "rules[%zu]::thresholds", i);
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "untrustworthy %g is above trustworthy %g; give both", low, high);
        }
    }
    return true;
}

void ts_assess_thresholds(const struct ts_assess_config *c, const struct ts_rule *rule,
                          double *untrustworthy, double *trustworthy)
{
    *untrustworthy = rule && rule->thresholds.untrustworthy_given ? rule->thresholds.untrustworthy
                                                                  : c->thresholds.untrustworthy;
    *trustworthy = rule && rule->thresholds.trustworthy_given ? rule->thresholds.trustworthy
                                                              : c->thresholds.trustworthy;
}

bool ts_assess_check(const struct ts_assess_config *c, struct ts_err *err)
{
    return check_thresholds(c, err) && ts_rules_check(&c->rules, err) && check_redaction(c, err);
}

/* The processor's own scorer comes first: a rule that names a preset alone means it. */
bool ts_assess_scorers(struct ts_assess_config *c, ts_scorer_visit *visit, void *arg)
{
    if (!visit(arg, &c->scorer, NULL, ""))
        return false;
    for (size_t i = 0; i < c->rules.count; i++) {
        struct ts_rule *rule = (struct ts_rule *)c->rules.items + i;
        char block[32];
        snprintf(block, sizeof block, "rules[%zu]", i);
        if (!rule->scorer && rule->preset)
            rule->scorer = c->scorer;
        if (rule->scorer && !visit(arg, &rule->scorer, rule->preset, block))
            return false;
    }
    return true;
}

#define AT(field)    offsetof(struct ts_assess_config, field)
#define LIMIT(field) AT(thresholds.field) - AT(thresholds)
#define CACHE(field) AT(cache.field) - AT(cache)
const struct ts_setting ts_assess_thresholds_table[] = {
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
const struct ts_setting ts_assess_cache_table[] = {
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
const struct ts_setting ts_assess_traces_table[] = {
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
const struct ts_setting ts_assess_redact_table[] = {
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
