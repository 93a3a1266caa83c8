/* rules.h - which spans are scored, by whom, and how strictly: the first rule that fits decides.
 * A rule is conditions, all of which must hold, and what then differs from the processor's own
 * settings. Conditions left out hold for everything. */
#ifndef TS_ASSESS_RULES_H
#define TS_ASSESS_RULES_H

#include "config/settings.h"
#include "llm/llm.h"

struct ts_rule {
    struct ts_texts service, scope, model, provider, kind; /* patterns: * and ? */
    struct ts_pairs attributes;                            /* key → pattern */
    double sample_rate;                                    /* 0…1, of traces */
    bool score;
    bool hold_given;
    const char *scorer, *preset; /* NULL: the processor's own */
    ts_time hold;
    struct ts_rule_thresholds {
        double untrustworthy, trustworthy;
        bool untrustworthy_given, trustworthy_given;
    } thresholds;
};
extern const struct ts_setting ts_rule_table[];

bool ts_rules_check(const struct ts_blocks *rules, struct ts_err *err);
/* The kinds that are scored, as bits 1 << enum ts_kind: LLM, and what a rule names. */
unsigned ts_rules_kinds(const struct ts_blocks *rules);
/* The first rule that fits a record, NULL: none does. `resource` and `span` are its encoded messages, for
 * rules on attributes: the span's own, else its resource's. */
const struct ts_rule *ts_rules_match(const struct ts_blocks *rules, struct ts_arena *arena,
                                     const struct ts_llm *llm, ts_view resource, ts_view span);
/* Is this trace in the rule's sample? All spans of a trace are, or none: the last 56 bits of its id are
 * taken as a random number (W3C Trace Context, level 2), as OpenTelemetry's consistent samplers do. */
bool ts_rule_samples(const struct ts_rule *rule, ts_view trace_id);

#endif
