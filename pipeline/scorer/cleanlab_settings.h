/* cleanlab_settings.h - the settings of the cleanlab scorer (tlm-api.md §4.1). */
#ifndef TS_SCORER_CLEANLAB_SETTINGS_H
#define TS_SCORER_CLEANLAB_SETTINGS_H

#include "base/buf.h"
#include "config/settings.h"
#include "pipeline/shared_settings.h"

/* Values of `quality` and `task`, in the order of the settings' choices. */
enum { TS_CLEANLAB_BEST, TS_CLEANLAB_HIGH, TS_CLEANLAB_MEDIUM, TS_CLEANLAB_LOW, TS_CLEANLAB_BASE };
enum { TS_CLEANLAB_DEFAULT_TASK, TS_CLEANLAB_CLASSIFICATION, TS_CLEANLAB_CODE_GENERATION };

struct ts_cleanlab_config {
    const char *base_url, *api_key;
    int quality, task;
    const char *model;
    int64_t max_tokens, num_consistency_samples, num_self_reflections; /* -1: the preset's */
    const char *similarity_measure, *reasoning_effort;                 /* NULL: the preset's */
    bool explain;
    struct ts_texts constrain_outputs;
    const struct ts_node *custom_eval_criteria, *evals;
    bool disable_trustworthiness, disable_persistence;
    ts_time timeout, retry_unit;
    int64_t max_in_flight;
    struct ts_tls_client_config tls;
};
extern const struct ts_setting ts_cleanlab_table[];
/* The rules across settings; `config` is a struct ts_cleanlab_config. */
bool ts_cleanlab_check(const void *config, struct ts_err *err);

/* As the service writes them: "medium", "code_generation". */
const char *ts_cleanlab_quality_name(const struct ts_cleanlab_config *c);
const char *ts_cleanlab_task_name(const struct ts_cleanlab_config *c);

/* Appends text that names all settings which change a score. */
void ts_cleanlab_identity(const struct ts_cleanlab_config *c, struct ts_buf *out);

#endif
