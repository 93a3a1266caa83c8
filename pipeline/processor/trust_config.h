/* trust_config.h - the settings of the trust processor. */
#ifndef TS_PROCESSOR_TRUST_CONFIG_H
#define TS_PROCESSOR_TRUST_CONFIG_H

#include "llm/redact/redact.h"
#include "pipeline/processor/rules.h"

struct ts_trust_config {
    const char *scorer;
    ts_time hold, give_up;
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
    struct ts_texts write;
    uint64_t max_waiting;
};
extern const struct ts_setting ts_trust_table[];
bool ts_trust_check(const void *config, struct ts_err *err);
/* The thresholds that hold under a rule; NULL: without one. */
void ts_trust_thresholds(const struct ts_trust_config *config, const struct ts_rule *rule,
                         double *untrustworthy, double *trustworthy);
/* What is to be redacted; NULL without an error: nothing is. The caller frees. */
struct ts_redactor *ts_trust_redactor(const struct ts_trust_config *config, struct ts_err *err);
/* `write` as bits of verdict.h. */
unsigned ts_trust_write_bits(const struct ts_texts *write);

#endif
