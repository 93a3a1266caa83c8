/* tlm_settings.h - the settings of the tlm scorer. */
#ifndef TS_SCORER_TLM_SETTINGS_H
#define TS_SCORER_TLM_SETTINGS_H

#include "config/settings.h"
#include "pipeline/shared_settings.h"
#include "tlm/tlm.h"

struct ts_tlm_config {
    const char *base_url, *api_key, *api_version;
    struct ts_pairs headers;
    const struct ts_node *body;
    const char *model, *sample_model, *embedding_small, *embedding_large;
    int preset, effort, measure, prompt_evaluation, compat;
    int64_t num_self_reflections, num_consistency_samples;
    struct ts_texts constrain_outputs;
    const struct ts_node *evals, *prices;
    int64_t max_tokens, max_retries, max_in_flight, calls_per_minute, tokens_per_minute;
    ts_time timeout, retry_unit;
    struct ts_tls_client_config tls;
    const char *record;
};
extern const struct ts_setting ts_tlm_table[];
/* The rules across settings; `config` is a struct ts_tlm_config. */
bool ts_tlm_check(const void *config, struct ts_err *err);

/* The options of every score with this configuration; strings belong to the arena and the
 * configuration. */
void ts_tlm_options_of(struct ts_arena *arena, const struct ts_tlm_config *config,
                       struct ts_tlm_options *options);

#endif
