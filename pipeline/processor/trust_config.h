/* trust_config.h - the settings of the trust processor. */
#ifndef TS_PROCESSOR_TRUST_CONFIG_H
#define TS_PROCESSOR_TRUST_CONFIG_H

#include "pipeline/assess/assess_config.h"

struct ts_trust_config {
    struct ts_assess_config assess;
    ts_time hold, give_up;
    struct ts_texts write;
    uint64_t max_waiting;
};
extern const struct ts_setting ts_trust_table[];
bool ts_trust_check(const void *config, struct ts_err *err);
/* `write` as bits of assess/decision_write.h. */
unsigned ts_trust_write_bits(const struct ts_texts *write);

#endif
