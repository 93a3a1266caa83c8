/* evaluation.h - a score as data, on its way to an API beside the spans. */
#ifndef TS_PIPELINE_EVALUATION_H
#define TS_PIPELINE_EVALUATION_H

#include "pipeline/headers.h"

/* Immutable, shared by the exporters, counted. Strings belong to it and are valid UTF-8. */
struct ts_evaluation {
    _Atomic unsigned refs;                  /* private */
    struct ts_arena *arena;                 /* private */
    struct ts_headers *headers;             /* of the span's batch; NULL: none */
    ts_view trace_id, span_id;              /* lower-case hex */
    ts_view name;                           /* "" = the exporter's own name for trustworthiness */
    double score;                           /* 0…1 */
    ts_view label;                          /* empty: none */
    ts_view explanation;                    /* empty: none */
    const char *annotator_kind;             /* "LLM" or "CODE" */
    ts_view scorer, model, preset, signals; /* empty: does not apply */
    bool late;                              /* came after its span had left */
    ts_time made;                           /* wall clock */
};

/* With one reference and an arena; the rest is the caller's to fill. */
struct ts_evaluation *ts_evaluation_new(struct ts_headers *headers);
struct ts_evaluation *ts_evaluation_ref(struct ts_evaluation *evaluation);
void ts_evaluation_unref(struct ts_evaluation *evaluation);

#endif
