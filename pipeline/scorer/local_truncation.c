/* local_truncation.c - an answer that was cut off is not the answer (dialects §11.1, §11.2). */
#include "pipeline/scorer/local.h"

static const double cut_off = 0.4; /* our own choice: what is there may still be right */

void ts_local_truncation(struct ts_agreement *memory, const struct ts_llm *llm,
                         struct ts_arena *arena, struct ts_signal *out)
{
    (void)memory;
    (void)arena;
    if (llm->flags & TS_FLAG_LENGTH_LIMITED)
        ts_local_violation(out, cut_off, TS_LIT("The answer stops at the token limit."));
    else if (llm->flags & TS_FLAG_PARTIAL_RESPONSE)
        ts_local_violation(out, cut_off,
                           TS_LIT("The stream ended without a finish reason; the answer may be "
                                  "cut off."));
}
