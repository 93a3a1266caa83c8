/* local_empty.c - an answer of nothing. Spans like it are skipped before they come here; lines given to
 * `trustspan score` are not. */
#include "pipeline/scorer/local_signal.h"

#include "tlm/text.h"

void ts_local_empty(struct ts_agreement *memory, const struct ts_llm *llm, struct ts_arena *arena,
                    struct ts_local_signal *out)
{
    (void)memory;
    (void)arena;
    if (llm->tool_call_count == 0 && ts_text_strip(llm->response).len == 0)
        ts_local_violation(out, 0.05, TS_LIT("The response is empty."));
}
