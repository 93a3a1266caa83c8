/* trust_config.h - the settings of the trust processor. */
#ifndef TS_PROCESSOR_TRUST_CONFIG_H
#define TS_PROCESSOR_TRUST_CONFIG_H

#include "config/settings.h"

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
    struct ts_texts write;
    uint64_t max_waiting;
};
extern const struct ts_setting ts_trust_table[];
bool ts_trust_check(const void *config, struct ts_err *err);
/* `write` as bits of verdict.h. */
unsigned ts_trust_write_bits(const struct ts_texts *write);

#endif
