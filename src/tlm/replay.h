/* replay.h - recorded scores: the format of tlm-vectors.md, one JSON object a line.
 * `inputs` is what was judged and how, `calls` who was asked what in which role, and the reply. Calls
 * are found by role, never by position, so that a recording can be judged anew by other rules. */
#ifndef TS_TLM_REPLAY_H
#define TS_TLM_REPLAY_H

#include "tlm/tlm.h"

/* Options and input of a recording. Views are into `recorded` and the arena. */
bool ts_replay_read(struct ts_arena *arena, const cJSON *recorded, struct ts_tlm_options *options,
                    struct ts_tlm_input *input, struct ts_err *err);
/* Answers every call of `tlm` from the recording; one that is not in it has failed. */
void ts_replay_answer(struct ts_tlm *tlm, const cJSON *recorded);

/* Appends `inputs` as it is read above. */
void ts_record_inputs(const struct ts_tlm *tlm, struct ts_buf *out);
/* Appends the role of a call: {"call":"reflection","template":"certainty","index":0}. */
void ts_record_role(const struct ts_tlm_call *call, struct ts_buf *out);
/* Appends the members resolved … usage of a result, without braces. Its explanation is the text
 * itself, without the placeholders of the published vectors. */
void ts_record_result(const struct ts_tlm *tlm, const struct ts_tlm_result *result,
                      struct ts_buf *out);

#endif
