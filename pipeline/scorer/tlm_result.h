/* tlm_result.h - the algorithm's result as a scorer's. */
#ifndef TS_SCORER_TLM_RESULT_H
#define TS_SCORER_TLM_RESULT_H

#include "pipeline/scorer.h"
#include "tlm/tlm.h"

/* Fills score, explanation, evaluations and fields; what is copied is in the job's arena. */
void ts_tlm_fill_score(const struct ts_tlm_result *r, struct ts_score_job *job);

#endif
