/* explain.h - why a score is low, in the judges' own words (§14). */
#ifndef TS_TLM_EXPLAIN_H
#define TS_TLM_EXPLAIN_H

#include "tlm/tlm.h"

/* Fills explanation and parts of a result that has its components. */
void ts_tlm_explain(const struct ts_tlm *tlm, struct ts_tlm_result *result);

#endif
