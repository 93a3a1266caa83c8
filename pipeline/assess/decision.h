/* decision.h - what was decided on one record. There is exactly one for every LLM span; the numbers of
 * all kinds add up to the LLM spans seen. Whoever scores records (trust, score, backfill) has this type
 * and these words, and a result's new field is added here and in struct ts_score. */
#ifndef TS_ASSESS_DECISION_H
#define TS_ASSESS_DECISION_H

#include "pipeline/scorer.h"

enum ts_decision_kind {
    TS_UNDECIDED,
    TS_SCORED,
    TS_CACHED,  /* scored earlier, when the same was asked */
    TS_LATE,    /* the span leaves now; its score follows as an evaluation */
    TS_SKIPPED, /* there is nothing to score, or nobody wants it scored */
    TS_FAILED,
};
/* "scored" …; what `trustworthiness.decision` says. */
const char *ts_decision_name(enum ts_decision_kind kind);

struct ts_decision {
    enum ts_decision_kind kind;
    ts_view reason;               /* late, skipped, failed: one word that can be counted */
    ts_view detail;               /* failed: what went wrong, for people; may be empty */
    const char *scorer;           /* "local" */
    const char *annotator_kind;   /* "LLM" or "CODE" */
    const char *label;            /* with a score */
    const struct ts_score *score; /* NULL: none yet */
    ts_time latency;              /* from the question to the answer */
    ts_time made;                 /* wall clock */
};

static inline void ts_decide(struct ts_decision *d, enum ts_decision_kind kind, ts_view reason)
{
    d->kind = kind;
    d->reason = reason;
}

/* Is there a score that goes with the decision? */
static inline bool ts_decision_has_score(const struct ts_decision *d)
{
    return (d->kind == TS_SCORED || d->kind == TS_CACHED) && d->score && d->score->has_score;
}

/* "trustworthy" from `trustworthy` on, "untrustworthy" below `untrustworthy`, else "uncertain". */
const char *ts_decision_label(double score, double untrustworthy, double trustworthy);
/* The label of this name; "uncertain" for any other. */
const char *ts_decision_label_of(ts_view name);

#endif
