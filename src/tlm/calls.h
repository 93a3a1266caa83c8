/* calls.h - the list of a score's calls: what is in it, and what a call needs from its server. */
#ifndef TS_TLM_CALLS_H
#define TS_TLM_CALLS_H

#include "tlm/tlm.h"

/* The call that holds sample i; NULL: not asked for. */
struct ts_tlm_call *ts_tlm_sample(const struct ts_tlm *tlm, int i);
/* Appends a call that is waiting for its answer. Room was made by the plan. */
struct ts_tlm_call *ts_tlm_add_call(struct ts_tlm *tlm, enum ts_tlm_call_kind kind, int index);

#endif
