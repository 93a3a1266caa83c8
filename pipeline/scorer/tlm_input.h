/* tlm_input.h - a record of a span as the algorithm wants it (tlm-algorithm §1.1, §4.3). */
#ifndef TS_SCORER_TLM_INPUT_H
#define TS_SCORER_TLM_INPUT_H

#include "tlm/tlm.h"

/* The input's views are into the record and the arena. */
void ts_tlm_input_of(struct ts_arena *arena, const struct ts_llm *llm, enum ts_tlm_compat compat,
                     struct ts_tlm_input *input);

#endif
