/* cleanlab_reply.h - what an answer of the service means (tlm-api.md §3, §6.1). */
#ifndef TS_SCORER_CLEANLAB_REPLY_H
#define TS_SCORER_CLEANLAB_REPLY_H

#include "net/api_client.h"
#include "pipeline/scorer.h"
#include "pipeline/scorer/cleanlab_request.h"

/* Reads an answer into `out`, whose texts are the arena's; err says what is wrong when the outcome is
 * not OK or PARTIAL. */
enum ts_api_outcome ts_cleanlab_reply(enum ts_cleanlab_endpoint endpoint, int status, ts_view body,
                                      struct ts_arena *arena, struct ts_score *out,
                                      struct ts_err *err);

#endif
