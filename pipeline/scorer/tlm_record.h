/* tlm_record.h - recordings: one line a score (tlm-vectors.md), written by a thread of its own. What cannot
 * be written, or comes faster than the disk takes it, is counted and logged: scores do not wait. */
#ifndef TS_SCORER_TLM_RECORD_H
#define TS_SCORER_TLM_RECORD_H

#include "tlm/request.h"

struct ts_recorder;
/* Opens for appending; several processes may write to one file. NULL: err. */
struct ts_recorder *ts_recorder_open(const char *path, struct ts_err *err);
/* Writes what waits, for at most half a minute. NULL is fine. Thread: any but a running loop's. */
void ts_recorder_close(struct ts_recorder *recorder);
/* Appends one call's object to `calls`, with commas between. `wire` is how it was sent, NULL: it was
 * not. `body` is its reply, NULL: it failed. */
void ts_record_call(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                    const struct ts_tlm_wire *wire, const cJSON *body, const char *error,
                    struct ts_buf *calls);
/* Appends the line of a score, whose `calls` were appended above; `id` names it. Thread: any. Never blocks. */
void ts_record_score(struct ts_recorder *recorder, const struct ts_tlm *tlm, ts_view id,
                     const struct ts_buf *calls, const struct ts_tlm_result *result);

#endif
