/* cleanlab_request.h - which endpoint of the service is asked, and the bodies of its requests
 * (tlm-api.md §3, §4). No input or output here. */
#ifndef TS_SCORER_CLEANLAB_REQUEST_H
#define TS_SCORER_CLEANLAB_REQUEST_H

#include "llm/llm.h"
#include "pipeline/scorer/cleanlab_settings.h"

/* The endpoints (§3). */
enum ts_cleanlab_endpoint {
    TS_CLEANLAB_SCORE,
    TS_CLEANLAB_RAG,
    TS_CLEANLAB_STRUCTURED,
    TS_CLEANLAB_EXPLAIN,
    TS_CLEANLAB_ENDPOINTS
};
/* The endpoint's path below base_url. */
const char *ts_cleanlab_path(enum ts_cleanlab_endpoint endpoint);
/* The endpoint that scores this record with these settings. */
enum ts_cleanlab_endpoint ts_cleanlab_endpoint_for(const struct ts_cleanlab_config *c,
                                                   const struct ts_llm *llm);

/* False: the record is over the service's limits (§6.5) and must not be sent. */
bool ts_cleanlab_fits(const struct ts_llm *llm);
/* Appends the body. `timeout` (ns) is also told to the server. */
void ts_cleanlab_request(const struct ts_cleanlab_config *c, enum ts_cleanlab_endpoint endpoint,
                         const struct ts_llm *llm, ts_time timeout, struct ts_buf *out);
/* Appends the body of §3.6 for a score (0…1) that came without an explanation. */
void ts_cleanlab_explain_request(const struct ts_cleanlab_config *c, const struct ts_llm *llm,
                                 double score, struct ts_buf *out);
/* May the explanation be logged with the score (§4.3)? */
bool ts_cleanlab_can_log_explanation(const struct ts_cleanlab_config *c, bool rag);

#endif
