/* assessor.c - the steps of one assessment, and what all of them share. */
#include "pipeline/assess/assessor.h"

#include "base/log.h"
#include "base/secrets.h"
#include "llm/extract.h"
#include "llm/trace.h"
#include "pipeline/assess/score_cache.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct ts_assessor {
    const struct ts_host *host;
    const struct ts_assess_config *config;
    struct ts_scoring_policy *policies; /* one for each rule, then the one without */
    unsigned kinds;                     /* scored, bits 1 << enum ts_kind */
    struct ts_redactor *redactor;       /* NULL: nothing is redacted */
    struct redaction {                  /* one for each of its patterns, for the counters */
        const struct ts_redactor *redactor;
        size_t pattern;
    } * redactions;
    struct ts_cache *cache; /* NULL: none */
    struct ts_traces *traces;
};

/* ---- reading ---- */

void ts_assess_note(struct ts_assessor *assessor, const struct ts_span_at *at)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    ts_traces_note(assessor->traces, &llm, true);
    ts_arena_free(arena);
}

static void skip(struct ts_assessment *a, const char *reason)
{
    ts_decide(&a->decision, TS_SKIPPED, ts_view_str(reason));
}

static void set_policy(struct ts_assessment *a, const struct ts_scoring_policy *policy)
{
    a->policy = policy;
    a->decision.scorer = policy->scorer->scorer->base.type;
    a->decision.annotator_kind = policy->scorer->scorer->annotator_kind;
}

/* The rule that fits, and whether it wants the record scored. */
static bool choose_policy(struct ts_assessment *a, ts_view resource, ts_view span)
{
    const struct ts_assessor *assessor = a->assessor;
    const struct ts_blocks *rules = &assessor->config->rules;
    const struct ts_rule *rule = ts_rules_match(rules, a->arena, &a->llm, resource, span);
    size_t i = rule ? (size_t)(rule - (const struct ts_rule *)rules->items) : rules->count;
    set_policy(a, &assessor->policies[i]);
    if (!rule && a->llm.kind != TS_KIND_LLM)
        skip(a, ts_skip_name(TS_SKIP_NOT_LLM));
    else if (rule && !rule->score)
        skip(a, "rule");
    else if (rule && !ts_rule_samples(rule, a->llm.trace_id))
        skip(a, "sampled_out");
    return a->decision.kind == TS_UNDECIDED;
}

void ts_assess_begin(struct ts_assessor *assessor, struct ts_assessment *a)
{
    a->assessor = assessor;
    a->arena = ts_arena_new();
    set_policy(a, &assessor->policies[assessor->config->rules.count]);
}

void ts_assess_read(struct ts_assessor *assessor, struct ts_assessment *a, ts_view resource,
                    ts_view scope, ts_view span)
{
    ts_assess_begin(assessor, a);
    ts_llm_extract_kinds(a->arena, resource, scope, span, assessor->kinds, &a->llm);
    bool wanted = choose_policy(a, resource, span);
    ts_traces_note(assessor->traces, &a->llm, wanted);
}

/* What the record itself says against it is a better reason than a rule's. What cannot be redacted for
 * sure is shown to nobody. */
void ts_assess_context(struct ts_assessment *a)
{
    struct ts_assessor *assessor = a->assessor;
    bool odd_id = a->llm.trace_id.len != 16 || a->llm.span_id.len != 8;
    ts_traces_resolve(assessor->traces, a->arena, &a->llm);
    if (odd_id) /* nothing could be attached to it */
        skip(a, "invalid_id");
    else if (a->llm.skip != TS_SKIP_NONE)
        skip(a, ts_skip_name(a->llm.skip));
    else if (assessor->redactor && a->decision.kind == TS_UNDECIDED &&
             !ts_redact_record(assessor->redactor, a->arena, &a->llm))
        skip(a, "redaction_failed");
}

/* ---- deciding ---- */

static void decide_score(struct ts_assessment *a, enum ts_decision_kind kind)
{
    const struct ts_scoring_policy *p = a->policy;
    a->decision.score = &a->job.result;
    a->decision.label = ts_decision_label(a->job.result.score, p->untrustworthy, p->trustworthy);
    ts_decide(&a->decision, kind, TS_NOTHING);
}

/* The gRPC name of the code, in lower case. */
static ts_view code_word(struct ts_assessment *a)
{
    const char *name = ts_code_name(a->job.job.err.code);
    size_t n = strlen(name);
    char *word = ts_arena_alloc(a->arena, n + 1);
    for (size_t i = 0; i < n; i++)
        word[i] = (char)tolower((unsigned char)name[i]);
    return ts_view_of(word, n);
}

static void decide_failure(struct ts_assessment *a, enum ts_job_end end)
{
    const struct ts_err *err = &a->job.job.err;
    if (end == TS_JOB_FAILED)
        a->decision.detail = ts_view_str(err->what); /* lives as long as the assessment */
    ts_decide(&a->decision, TS_FAILED,
              end == TS_JOB_EXPIRED     ? TS_LIT("deadline")
              : end == TS_JOB_CANCELLED ? TS_LIT("cancelled")
                                        : code_word(a));
}

/* Who judges may repeat what it was sent, and its texts go into spans, evaluations and the cache. */
static void redact_texts(struct ts_assessment *a)
{
    struct ts_score *s = &a->job.result;
    ts_view *const texts[] = {&s->explanation, &s->skipped, &s->model,
                              &s->version,     &s->fields,  &s->signals};
    for (size_t i = 0; i < TS_COUNT(texts) + s->eval_count; i++) {
        struct ts_eval *eval = i < TS_COUNT(texts) ? NULL : &s->evals[i - TS_COUNT(texts)];
        size_t len = 0;
        char *text = ts_secret_redact(eval ? ts_view_str(eval->name) : *texts[i], NULL, 0, &len);
        if (text && eval)
            eval->name = ts_arena_str(a->arena, text);
        else if (text)
            *texts[i] = ts_arena_copy(a->arena, ts_view_of(text, len));
        free(text);
    }
}

static bool uses_cache(const struct ts_assessment *a)
{
    return a->assessor->cache && a->policy->scorer->scorer->remote;
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct ts_assessment *a = TS_CONTAINER_OF(job, struct ts_assessment, job.job);
    const struct ts_score *score = &a->job.result;
    a->scoring = false;
    a->decision.latency = ts_now() - a->asked;
    redact_texts(a);
    if (end != TS_JOB_DONE) {
        decide_failure(a, end);
    } else if (!score->has_score) {
        ts_decide(&a->decision, TS_SKIPPED, score->skipped);
    } else if (!(score->score >= 0 && score->score <= 1)) {
        ts_decide(&a->decision, TS_FAILED, TS_LIT("out_of_range"));
    } else {
        decide_score(a, TS_SCORED);
        if (uses_cache(a))
            ts_score_remember(a->assessor->cache, a->key, score);
    }
    a->done(a, end);
}

/* Was it scored before? Then nobody is asked. */
static bool recall(struct ts_assessment *a)
{
    if (!uses_cache(a))
        return false;
    a->key = ts_arena_alloc(a->arena, sizeof *a->key);
    *a->key = ts_score_key(a->policy->scorer, &a->llm);
    if (!ts_score_recall(a->assessor->cache, a->key, a->arena, &a->job.result))
        return false;
    decide_score(a, TS_CACHED);
    return true;
}

bool ts_assess(struct ts_assessment *a, struct ts_loop *home, ts_time deadline,
               void (*done)(struct ts_assessment *, enum ts_job_end end))
{
    if (a->decision.kind != TS_UNDECIDED || recall(a))
        return true;
    a->scoring = true;
    a->done = done;
    a->asked = ts_now();
    a->job.job.home = home;
    a->job.job.deadline = deadline;
    a->job.job.done = on_scored;
    a->job.llm = &a->llm;
    a->job.arena = a->arena;
    a->job.result.cost_usd = -1;
    const struct ts_scorer_instance *s = a->policy->scorer;
    s->scorer->score(s->instance, &a->job);
    return false;
}

void ts_assess_again(struct ts_assessment *a)
{
    a->decision = (struct ts_decision){.kind = TS_UNDECIDED};
    set_policy(a, a->policy);
}

void ts_assessment_release(struct ts_assessment *a)
{
    ts_arena_free(a->arena);
    a->arena = NULL;
}

/* ---- what is counted ---- */

static struct ts_traces_stats traces_stats(void *arg)
{
    struct ts_traces_stats stats;
    ts_traces_stats(((struct ts_assessor *)arg)->traces, &stats);
    return stats;
}

static int64_t traces_bytes(void *arg)
{
    return (int64_t)traces_stats(arg).bytes;
}

static int64_t traces_forgotten(void *arg)
{
    return (int64_t)traces_stats(arg).forgotten;
}

static int64_t traces_cut(void *arg)
{
    return (int64_t)traces_stats(arg).cut;
}

static int64_t scores_lost(void *arg)
{
    const struct ts_assessor *assessor = arg;
    return assessor->cache ? (int64_t)ts_cache_lost(assessor->cache) : 0;
}

static int64_t redactions(void *arg)
{
    const struct redaction *x = arg;
    return (int64_t)ts_redactor_matches(x->redactor, x->pattern);
}

static void count_redactions(struct ts_assessor *assessor)
{
    size_t n = assessor->redactor ? ts_redactor_count(assessor->redactor) : 0;
    assessor->redactions = ts_alloc((n + 1) * sizeof *assessor->redactions);
    for (size_t i = 0; i < n; i++) {
        char labels[96];
        snprintf(labels, sizeof labels, "pattern=\"%s\"", ts_redactor_name(assessor->redactor, i));
        assessor->redactions[i] = (struct redaction){assessor->redactor, i};
        ts_metrics_gauge(assessor->host->metrics, "trustspan_redactions", labels,
                         "Matches that were replaced by the name of their pattern.", redactions,
                         &assessor->redactions[i]);
    }
}

static void add_gauges(struct ts_assessor *assessor)
{
    static const struct {
        const char *name, *help;
        int64_t (*read)(void *);
    } gauges[] = {
        {"trustspan_traces_bytes", "What is remembered of traces, in bytes.", traces_bytes},
        {"trustspan_traces_forgotten", "Traces forgotten for room before they were old.",
         traces_forgotten},
        {"trustspan_traces_cut", "Spans and documents not remembered: their trace had too many.",
         traces_cut},
        {"trustspan_cache_lost", "Scores not kept: the disk was slow, full, or not ours to write.",
         scores_lost},
    };
    for (size_t i = 0; i < TS_COUNT(gauges); i++)
        ts_metrics_gauge(assessor->host->metrics, gauges[i].name, "", gauges[i].help,
                         gauges[i].read, assessor);
    count_redactions(assessor);
}

/* ---- life ---- */

/* From a rule, or from none, to who scores and how. */
static bool make_policy(struct ts_assessor *assessor, const struct ts_rule *rule,
                        struct ts_scoring_policy *policy, struct ts_err *err)
{
    const struct ts_assess_config *c = assessor->config;
    const char *id = rule && rule->scorer ? rule->scorer : c->scorer;
    policy->rule = rule;
    ts_assess_thresholds(c, rule, &policy->untrustworthy, &policy->trustworthy);
    policy->scorer = ts_scorer_find(assessor->host, id);
    return policy->scorer ||
           ts_fail(err, TS_INVALID_ARGUMENT, "scorer '%s' is not defined under scorers", id);
}

static bool make_policies(struct ts_assessor *assessor, struct ts_err *err)
{
    const struct ts_blocks *rules = &assessor->config->rules;
    assessor->policies = ts_alloc((rules->count + 1) * sizeof *assessor->policies);
    for (size_t i = 0; i < rules->count; i++)
        if (!make_policy(assessor, (const struct ts_rule *)rules->items + i, &assessor->policies[i],
                         err))
            return false;
    return make_policy(assessor, NULL, &assessor->policies[rules->count], err);
}

/* Only what asks somebody needs a cache. One that cannot be opened is no reason to stand still: scores
 * are then paid for each time, and the log says so. */
static void open_cache(struct ts_assessor *assessor)
{
    const struct ts_assess_config *c = assessor->config;
    struct ts_err err = {0};
    bool remote = false;
    for (size_t i = 0; i <= c->rules.count; i++)
        remote = remote || assessor->policies[i].scorer->scorer->remote;
    if (!c->cache.enabled || !remote || (!c->cache.directory && !assessor->host->state_directory))
        return;
    struct ts_buf beside = TS_BUF_INIT;
    ts_buf_printf(&beside, "%s/scores", assessor->host->state_directory);
    struct ts_cache_options options = {.directory = c->cache.directory ? c->cache.directory
                                                                       : ts_buf_cstr(&beside),
                                       .max_bytes = c->cache.max_size,
                                       .max_age = c->cache.max_age};
    assessor->cache = ts_cache_open(&options, &err);
    if (!assessor->cache)
        ts_log(TS_WARN, assessor->host->id, "no score cache", "reason=\"%s\"", err.what);
    ts_buf_release(&beside);
}

struct ts_assessor *ts_assessor_new(const struct ts_host *host,
                                    const struct ts_assess_config *config, struct ts_err *err)
{
    struct ts_assessor *assessor = ts_alloc(sizeof *assessor);
    assessor->host = host;
    assessor->config = config;
    if (!make_policies(assessor, err)) {
        ts_assessor_free(assessor);
        return NULL;
    }
    open_cache(assessor);
    assessor->traces = ts_traces_new(config->traces.max_size, config->traces.max_age);
    assessor->redactor = ts_assess_redactor(config, NULL); /* it was checked */
    assessor->kinds = ts_rules_kinds(&config->rules);
    add_gauges(assessor);
    return assessor;
}

void ts_assessor_free(struct ts_assessor *assessor)
{
    if (!assessor)
        return;
    ts_cache_close(assessor->cache);
    ts_traces_free(assessor->traces);
    ts_redactor_free(assessor->redactor);
    free(assessor->redactions);
    free(assessor->policies);
    free(assessor);
}

unsigned ts_assessor_kinds(const struct ts_assessor *assessor)
{
    return assessor->kinds;
}

struct ts_redactor *ts_assessor_redactor(const struct ts_assessor *assessor)
{
    return assessor->redactor;
}
