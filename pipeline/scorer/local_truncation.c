/* local_truncation.c - an answer that was cut off is not the answer (dialects §11.1, §11.2). */
#include "pipeline/scorer/local_signal.h"

static const double cut_off = 0.4; /* our own choice: what is there may still be right */

void ts_local_truncation(struct ts_agreement *memory, const struct ts_llm *llm,
                         struct ts_arena *arena, struct ts_local_signal *out)
{
    (void)memory;
    bool limited = llm->flags & TS_FLAG_LENGTH_LIMITED;
    if (!limited && !(llm->flags & TS_FLAG_PARTIAL_RESPONSE))
        return;
    ts_view last = ts_local_quote_end(arena, llm->response);
    ts_view where =
        last.len > 0 ? ts_arena_printf(arena, ", behind '" TS_FMT "'", TS_ARG(last)) : TS_NOTHING;
    ts_local_violation(out, cut_off,
                       ts_arena_printf(arena,
                                       limited ? "The answer stops at the token limit" TS_FMT "."
                                               : "The stream ended without a finish reason" TS_FMT
                                                 "; the answer may be cut off.",
                                       TS_ARG(where)));
}
