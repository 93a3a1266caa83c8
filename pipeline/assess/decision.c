/* decision.c - its words. */
#include "pipeline/assess/decision.h"

const char *ts_decision_name(enum ts_decision_kind kind)
{
    static const char *const names[] = {"undecided", "scored",  "cached",
                                        "late",      "skipped", "failed"};
    return names[kind];
}

const char *ts_decision_label(double score, double untrustworthy, double trustworthy)
{
    return score >= trustworthy    ? "trustworthy"
           : score < untrustworthy ? "untrustworthy"
                                   : "uncertain";
}

const char *ts_decision_label_of(ts_view name)
{
    return ts_view_is(name, "trustworthy")     ? "trustworthy"
           : ts_view_is(name, "untrustworthy") ? "untrustworthy"
                                               : "uncertain";
}
