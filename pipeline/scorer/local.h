/* local.h - the table of the local scorer's signals. */
#ifndef TS_SCORER_LOCAL_H
#define TS_SCORER_LOCAL_H

#include "pipeline/scorer/local_signal.h"

struct ts_signal_kind {
    const char *name; /* as the setting `signals` has it */
    ts_local_signal_fn *evaluate;
};
extern const struct ts_signal_kind ts_local_signals[]; /* {NULL} at the end */

#endif
