/* verdict.h - the decision on one LLM span, and how it is written down. */
#ifndef TS_PROCESSOR_VERDICT_H
#define TS_PROCESSOR_VERDICT_H

#include "pipeline/evaluation.h"
#include "pipeline/scorer.h"

enum ts_decision { TS_UNDECIDED, TS_SCORED, TS_CACHED, TS_LATE, TS_SKIPPED, TS_FAILED };
const char *ts_decision_name(enum ts_decision decision);

enum { TS_WRITE_ATTRIBUTES = 1, TS_WRITE_OPENINFERENCE = 2, TS_WRITE_GEN_AI_EVENT = 4 };

struct ts_verdict {
    enum ts_decision decision;
    ts_view reason;     /* late, skipped, failed: why */
    const char *scorer; /* "local" */
    const char *annotator_kind;
    const char *label;            /* with a score */
    const struct ts_score *score; /* NULL: none yet */
    ts_time latency;              /* from the question to the answer */
    ts_time now;                  /* wall clock */
};

/* "trustworthy", "uncertain" or "untrustworthy": from `trustworthy` on, below `untrustworthy`. */
const char *ts_verdict_label(double score, double untrustworthy, double trustworthy);

/* Prefix of all attributes that we write and replace. */
#define TS_OWN_PREFIX TS_LIT("trustworthiness.")

/* Appends encoded fields of Span for the forms in `write` (bits). `span` is looked through for the
 * next free index of OpenInference's annotations. */
void ts_verdict_encode(const struct ts_verdict *v, unsigned write, ts_view span,
                       struct ts_buf *out);
/* The score, and one for each extra evaluation, handed to `take`. Nothing without a score. */
void ts_verdict_evaluations(const struct ts_verdict *v, const struct ts_llm *llm,
                            struct ts_headers *headers, bool late,
                            void (*take)(void *arg, struct ts_evaluation *), void *arg);

#endif
