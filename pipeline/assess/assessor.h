/* assessor.h - from a record to a decision, for everybody who scores: rules, what the trace knows,
 * redaction, score cache, scorer. It knows nothing of batches, of holding, or of how a decision is
 * written; those belong to who asks.
 *
 * A span goes through three steps; spans that came together take each step together, because what the
 * trace knows must be complete before it is asked for:
 *     ts_assess_read     its record, and the rule that fits
 *     ts_assess_context  what its trace adds, what scorers may see of it
 *     ts_assess          the cache's decision, or the scorer's
 * Who has a record already (`score`) begins with ts_assess_begin, fills `llm` itself and takes the third
 * step only. */
#ifndef TS_ASSESS_ASSESSOR_H
#define TS_ASSESS_ASSESSOR_H

#include "pipeline/assess/assess_config.h"
#include "pipeline/assess/decision.h"
#include "telemetry/metrics.h"
#include "wire/scan.h"

struct ts_assessor;

/* How the records that one rule fits are scored. */
struct ts_scoring_policy {
    const struct ts_rule *rule; /* NULL: for those that no rule fits */
    const struct ts_scorer_instance *scorer;
    double untrustworthy, trustworthy; /* from score to label */
};

/* One record on its way to a decision. Zeroed by its owner, who keeps it where it is until `done`. */
struct ts_assessment {
    struct ts_score_job job; /* private */
    struct ts_assessor *assessor;
    struct ts_arena *arena; /* of record and result; the owner frees it (ts_assessment_release) */
    struct ts_llm llm;
    const struct ts_scoring_policy *policy;
    struct ts_decision decision;
    bool scoring; /* the scorer has it: `done` is still to come */
    void (*done)(struct ts_assessment *, enum ts_job_end end);
    struct ts_cache_key *key; /* private */
    ts_time asked;            /* private */
};

/* Scorers are those of `host`. The score cache is
 * opened at `config->cache.directory`, else beside the host's store, else not at all; one that cannot be
 * opened is logged and done without. `config` and `host` must outlive the assessor. NULL with err: a
 * scorer that is named is not there. Thread: any. */
struct ts_assessor *ts_assessor_new(const struct ts_host *host,
                                    const struct ts_assess_config *config, struct ts_err *err);
void ts_assessor_free(struct ts_assessor *assessor); /* NULL is fine; nothing is being scored */

/* The kinds of spans that are scored, as bits 1 << enum ts_kind. */
unsigned ts_assessor_kinds(const struct ts_assessor *assessor);
/* For spans that are passed on redacted; NULL: nothing is redacted. */
struct ts_redactor *ts_assessor_redactor(const struct ts_assessor *assessor);

/* A span that is not scored tells about others of its trace: retrievers, evaluators. Thread: any. */
void ts_assess_note(struct ts_assessor *assessor, const struct ts_span_at *at);

/* Thread for the rest: one at a time for an assessment; `ts_assess` its home loop. */

/* Gives it an arena and the policy of records that no rule fits. */
void ts_assess_begin(struct ts_assessor *assessor, struct ts_assessment *a);
/* The same, with llm from a span and the policy of the rule that fits. What a rule leaves out is decided. `resource` and `scope` are
 * the messages around it (ts_span_resource, ts_span_scope). */
void ts_assess_read(struct ts_assessor *assessor, struct ts_assessment *a, ts_view resource,
                    ts_view scope, ts_view span);
/* Adds what the trace knows, redacts. What cannot be scored is decided. */
void ts_assess_context(struct ts_assessment *a);
/* Decides from the cache, or asks the scorer. True: it is decided (as it may have been before), and
 * `done` does not come. False: `done` comes on `home`, later, with the decision made; by `deadline`
 * (absolute) or, TS_NEVER, whenever. */
bool ts_assess(struct ts_assessment *a, struct ts_loop *home, ts_time deadline,
               void (*done)(struct ts_assessment *, enum ts_job_end end));
/* Undecided again: a span that left undecided in the last run. */
void ts_assess_again(struct ts_assessment *a);
void ts_assessment_release(struct ts_assessment *a);

#endif
