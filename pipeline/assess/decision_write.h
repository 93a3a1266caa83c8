/* decision_write.h - a decision as the fields of its span, and as evaluations beside it. */
#ifndef TS_ASSESS_DECISION_WRITE_H
#define TS_ASSESS_DECISION_WRITE_H

#include "pipeline/assess/decision.h"
#include "pipeline/evaluation.h"

/* Forms in which a score goes into its span. */
enum { TS_WRITE_ATTRIBUTES = 1, TS_WRITE_OPENINFERENCE = 2, TS_WRITE_GEN_AI_EVENT = 4 };

/* Prefix of all attributes that we write and replace. */
#define TS_OWN_PREFIX TS_LIT("trustworthiness.")

/* Appends encoded fields of Span for the forms in `write` (bits). `span` is looked through for the
 * next free index of OpenInference's annotations. */
void ts_decision_encode(const struct ts_decision *d, unsigned write, ts_view span,
                        struct ts_buf *out);
/* The score, and one for each extra evaluation, handed to `take` with one reference each. Nothing
 * without a score. */
void ts_decision_evaluations(const struct ts_decision *d, const struct ts_llm *llm,
                             struct ts_headers *headers, bool late,
                             void (*take)(void *arg, struct ts_evaluation *), void *arg);

#endif
