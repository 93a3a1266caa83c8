/* cross_trace_duplicates.h - one call of a model in two traces.
 * Of two instrumentations on one call the outer one often does not make its span current: OpenInference's
 * LangChain does not. Where no other span is open, the inner span then begins a trace of its own, and the
 * rules of one trace (dialects §10) do not see the two together. Taken for one call are a span without a
 * parent and another that lasted from before to after it, of the same service, from different scopes,
 * with the same answer to the same prompt.
 * A table of fixed size remembers the latest calls. The caller locks. */
#ifndef TS_LLM_CROSS_TRACE_DUPLICATES_H
#define TS_LLM_CROSS_TRACE_DUPLICATES_H

#include <stdbool.h>
#include <stdint.h>

struct ts_cross_trace_call {
    uint8_t trace[16];
    uint64_t id;                             /* of the span, as it is */
    uint64_t answer, prompt, scope, service; /* hashes */
    int64_t start, end;
    bool is_root; /* it has no parent */
    bool kept;    /* it was resolved as the one that counts */
};

struct ts_cross_trace_duplicates;

struct ts_cross_trace_duplicates *ts_cross_trace_duplicates_new(void);
void ts_cross_trace_duplicates_free(
    struct ts_cross_trace_duplicates *duplicates); /* NULL is fine */
void ts_cross_trace_duplicates_note(struct ts_cross_trace_duplicates *duplicates,
                                    const struct ts_cross_trace_call *call);
/* The id of the span that counts instead of this one, 0: this one does. Of two the one that was kept
 * before stays; else the inner one is kept. */
uint64_t ts_cross_trace_duplicates_resolve(struct ts_cross_trace_duplicates *duplicates,
                                           const struct ts_cross_trace_call *call);

#endif
