/* trust_notes.h - which spans of a request the trust processor is concerned with: found while the request
 * is checked, so that nobody walks through it again. */
#ifndef TS_PROCESSOR_TRUST_NOTES_H
#define TS_PROCESSOR_TRUST_NOTES_H

#include "pipeline/processor.h"
#include "wire/scan.h"

struct trust_spans {
    struct ts_span_at *list; /* in the order of the request */
    size_t count, cap;
};

struct trust_notes {
    struct ts_notes base;      /* first: the cast back is safe */
    struct trust_spans scored; /* of the kinds that are scored */
    struct trust_spans
        context; /* retrievers, rerankers, evaluators: scored spans are read beside them */
};

/* Notes one span; `kinds`: those that are scored, bits 1 << enum ts_kind. *notes NULL: made. */
void trust_notes_add(struct trust_notes **notes, unsigned kinds, const struct ts_span_at *at);
/* The notes of a payload that passed ts_scan; never NULL. The caller frees (base.free). */
struct trust_notes *trust_notes_of(ts_view request, unsigned kinds);

#endif
