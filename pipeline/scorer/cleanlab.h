/* cleanlab.h - the pure halves of the cleanlab scorer: what is asked, what is read from the answer
 * (tlm-api.md). No input or output here. */
#ifndef TS_SCORER_CLEANLAB_H
#define TS_SCORER_CLEANLAB_H

#include "pipeline/scorer.h"

#include "json/json.h"
#include "net/api_client.h"

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
};
extern const struct ts_setting ts_cleanlab_table[];
bool ts_cleanlab_check(const void *config, struct ts_err *err);

/* The endpoints (§3). */
enum ts_cleanlab_endpoint {
    TS_CLEANLAB_SCORE,
    TS_CLEANLAB_RAG,
    TS_CLEANLAB_STRUCTURED,
    TS_CLEANLAB_EXPLAIN,
    TS_CLEANLAB_ENDPOINTS
};
const char *ts_cleanlab_path(enum ts_cleanlab_endpoint endpoint);
enum ts_cleanlab_endpoint ts_cleanlab_endpoint_for(const struct ts_cleanlab_config *c,
                                                   const struct ts_llm *llm);

/* Text that names all settings which change a score. */
void ts_cleanlab_identity(const struct ts_cleanlab_config *c, struct ts_buf *out);

/* False: the record is over the service's limits (§6.5) and must not be sent. */
bool ts_cleanlab_fits(const struct ts_llm *llm);
/* Appends the body. `timeout` (ns) is also told to the server. */
void ts_cleanlab_request(const struct ts_cleanlab_config *c, enum ts_cleanlab_endpoint endpoint,
                         const struct ts_llm *llm, ts_time timeout, struct ts_buf *out);
/* The body of §3.6 for a score that came without an explanation. */
void ts_cleanlab_explain_request(const struct ts_cleanlab_config *c, const struct ts_llm *llm,
                                 double score, struct ts_buf *out);
/* May the explanation be logged with the score (§4.3)? */
bool ts_cleanlab_can_log_explanation(const struct ts_cleanlab_config *c, bool rag);

/* Reads an answer (§6.1) into `out`; err says what is wrong when it is not taken. */
enum ts_api_verdict ts_cleanlab_reply(enum ts_cleanlab_endpoint endpoint, int status, ts_view body,
                                      struct ts_arena *arena, struct ts_score *out,
                                      struct ts_err *err);

#endif
