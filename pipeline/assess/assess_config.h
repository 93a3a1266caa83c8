/* assess_config.h - the settings of an assessor: who scores which records, how strictly, what scorers may
 * see, what is remembered. Whoever has an assessor embeds the struct and puts the rows into its table. */
#ifndef TS_ASSESS_ASSESS_CONFIG_H
#define TS_ASSESS_ASSESS_CONFIG_H

#include "llm/redact/redact.h"
#include "pipeline/assess/rules.h"
#include "pipeline/processor.h"

struct ts_assess_config {
    const char *scorer;
    struct {
        double untrustworthy, trustworthy;
    } thresholds;
    struct {
        bool enabled;
        const char *directory;
        uint64_t max_size;
        ts_time max_age;
    } cache;
    struct {
        uint64_t max_size;
        ts_time max_age;
    } traces;
    struct {
        struct ts_texts patterns;
        struct ts_pairs expressions;
        bool forward;
    } redact;
    struct ts_blocks rules; /* struct ts_rule */
};

/* Rules across the settings; as ts_component.check. */
bool ts_assess_check(const struct ts_assess_config *config, struct ts_err *err);
/* Shows every scorer that is named to `visit`, which may put another id there; as ts_processor.scorers. */
bool ts_assess_scorers(struct ts_assess_config *config, ts_scorer_visit *visit, void *arg);
/* The thresholds that hold under a rule; NULL: without one. */
void ts_assess_thresholds(const struct ts_assess_config *config, const struct ts_rule *rule,
                          double *untrustworthy, double *trustworthy);
/* What is to be redacted; NULL without an error: nothing is. The caller frees. */
struct ts_redactor *ts_assess_redactor(const struct ts_assess_config *config, struct ts_err *err);

extern const struct ts_setting ts_assess_thresholds_table[], ts_assess_cache_table[],
    ts_assess_traces_table[], ts_assess_redact_table[];

#define TS_ASSESS_AT(base, field) (base) + offsetof(struct ts_assess_config, field)
/* The rows, for a struct ts_assess_config at offset `base`. */
#define TS_ASSESS_ROWS(base)                                                                       \
    {.key = "scorer",                                                                              \
     .kind = TS_TEXT,                                                                              \
     .offset = TS_ASSESS_AT(base, scorer),                                                         \
     .default_text = "auto",                                                                       \
     .help = "id of a scorer; auto: cleanlab with CLEANLAB_TLM_API_KEY, tlm with OPENAI_API_KEY, " \
             "else local"},                                                                        \
        {.key = "thresholds",                                                                      \
         .kind = TS_BLOCK,                                                                         \
         .offset = TS_ASSESS_AT(base, thresholds),                                                 \
         .sub = ts_assess_thresholds_table,                                                        \
         .help = "from score to label"},                                                           \
        {.key = "cache",                                                                           \
         .kind = TS_BLOCK,                                                                         \
         .offset = TS_ASSESS_AT(base, cache),                                                      \
         .sub = ts_assess_cache_table,                                                             \
         .help = "scores that were paid for"},                                                     \
        {.key = "traces",                                                                          \
         .kind = TS_BLOCK,                                                                         \
         .offset = TS_ASSESS_AT(base, traces),                                                     \
         .sub = ts_assess_traces_table,                                                            \
         .help = "what is remembered of traces: which calls are duplicates, what was retrieved"},  \
        {.key = "rules",                                                                           \
         .kind = TS_BLOCKS,                                                                        \
         .offset = TS_ASSESS_AT(base, rules),                                                      \
         .sub = ts_rule_table,                                                                     \
         .size = sizeof(struct ts_rule),                                                           \
         .help = "which spans are scored, and how; the first that fits decides"},                  \
    {                                                                                              \
        .key = "redact", .kind = TS_BLOCK, .offset = TS_ASSESS_AT(base, redact),                   \
        .sub = ts_assess_redact_table, .help = "what nobody else may read"                         \
    }

#endif
