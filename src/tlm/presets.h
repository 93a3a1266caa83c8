/* presets.h - from options to what is done (§2, §3, §8.2, §12). */
#ifndef TS_TLM_PRESETS_H
#define TS_TLM_PRESETS_H

#include "tlm/tlm.h"

void ts_tlm_resolve(const struct ts_tlm_options *options, const struct ts_tlm_input *input,
                    struct ts_tlm_resolved *out);

#endif
