/* tlm_call.h - one call of the judge: what is sent, what an answer means, what it costs, what is recorded
 * of it. */
#ifndef TS_SCORER_TLM_CALL_H
#define TS_SCORER_TLM_CALL_H

#include "pipeline/scorer/tlm_instance.h"

/* For the API client, of a struct tlm_api_call: its body, and its answer. Thread: the instance's loop. */
void tlm_call_write(struct ts_api_call *api, struct ts_buf *body);
enum ts_api_outcome tlm_call_read(struct ts_api_call *api, const struct ts_http_job *answer,
                                  struct ts_err *err);
/* The call ended without a reply; `end` is not DONE. Thread: the instance's loop. */
void tlm_call_failed(struct tlm_api_call *call, enum ts_job_end end);

#endif
