/* trust_config.c - the settings table of the trust processor: those of the assessor, and how spans wait. */
#include "pipeline/processor/trust_config.h"

#include "pipeline/assess/decision_write.h"

unsigned ts_trust_write_bits(const struct ts_texts *write)
{
    unsigned bits = 0;
    for (size_t i = 0; i < write->count; i++)
        bits |= strcmp(write->items[i], "openinference") == 0  ? TS_WRITE_OPENINFERENCE
                : strcmp(write->items[i], "gen_ai_event") == 0 ? TS_WRITE_GEN_AI_EVENT
                                                               : TS_WRITE_ATTRIBUTES;
    return bits;
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
    return ts_assess_check(&c->assess, err) && check_write(c, err);
}

#define AT(field) offsetof(struct ts_trust_config, field)
const struct ts_setting ts_trust_table[] = {
    TS_ASSESS_ROWS(AT(assess)),
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
