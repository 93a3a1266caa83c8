/* tlm_score.h - one record on its way to a score; see inflight.h for both. Thread: the instance's loop. */
#ifndef TS_SCORER_TLM_SCORE_H
#define TS_SCORER_TLM_SCORE_H

#include "pipeline/scorer/tlm_instance.h"

void tlm_score_start(struct ts_inflight_job *item);

#endif
