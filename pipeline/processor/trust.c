/* trust.c - scan result in, decisions out.
 * The spans of a batch that are no LLM spans leave at once. Its LLM spans are held until the last of
 * them is decided, or for `hold`; what is undecided then leaves as late, goes on the late list, and
 * its score follows as an evaluation. One decision for every LLM span, counted once. */
#include "pipeline/processor/trust_internal.h"

#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* After a restart: the spans have left, only the scores are due. */
static void consume_late(struct ts_instance *self, struct ts_batch *b)
{
    struct trust_held *h = trust_read(self, b);
    ts_time left = b->give_up - ts_wall_now();
    h->left = h->sent = h->delivered = h->late_kept = true;
    h->late_batch = b;
    ts_batch_owe(b);
    for (size_t i = 0; i < h->count; i++)
        h->spans[i].late = true;
    if (left > 0)
        trust_ask(h, left);
    if (h->asking == 0) /* too late, or no room in front of the scorer */
        ts_count(self->late_failed, (int64_t)h->count);
    trust_maybe_end(h);
}

/* What came together leaves together: when the last is decided, or when the longest hold is over. */
static ts_time longest_hold(const struct trust_held *h)
{
    ts_time hold = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].asking && h->spans[i].way->hold > hold)
            hold = h->spans[i].way->hold;
    return hold;
}

static void consume(struct ts_instance *self, struct ts_batch *b)
{
    if (b->table == TS_TABLE_LATE) {
        consume_late(self, b);
        return;
    }
    trust_send_rest(self, b);
    if (b->llm_count == 0) {
        trust_note_around(self, b);
        return;
    }
    struct trust_held *h = trust_read(self, b);
    ts_count(self->llm_spans, (int64_t)h->count);
    ts_batch_owe(b);
    trust_ask(h, self->config->give_up);
    ts_time hold = longest_hold(h);
    if (hold == 0)
        trust_leave(h, TS_LIT("hold"));
    else
        trust_hold(h, ts_now() + hold);
}

/* ---- its end ---- */

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_cache_close(self->cache);
    ts_traces_free(self->traces);
    ts_redactor_free(self->redactor);
    free(self->redactions);
    free(self->ways);
    free(self->shelves);
    free(self);
}

/* A scorer that answers at once needs no cache. One that cannot be opened is no reason to stand
 * still: scores are then paid for each time, and the log says so. */
static void open_cache(struct ts_instance *self)
{
    const struct ts_trust_config *c = self->config;
    struct ts_err err = {0};
    char beside[PATH_MAX];
    const char *directory = c->cache.directory;
    bool slow = false;
    for (size_t i = 0; i <= c->rules.count; i++)
        slow = slow || self->ways[i].scorer->cancel;
    if (!c->cache.enabled || !slow || (!directory && !self->host->store))
        return;
    if (!directory) {
        snprintf(beside, sizeof beside, "%s/scores", ts_store_directory(self->host->store));
        directory = beside;
    }
    struct ts_cache_options options = {directory, c->cache.max_size, c->cache.max_age};
    self->cache = ts_cache_open(&options, &err);
    if (!self->cache)
        ts_log(TS_WARN, self->host->id, "no score cache", "reason=\"%s\"", err.what);
}

/* ---- what is counted ---- */

static struct ts_traces_stats traces_stats(void *arg)
{
    struct ts_traces_stats stats;
    ts_traces_stats(((struct ts_instance *)arg)->traces, &stats);
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
    const struct ts_instance *self = arg;
    return self->cache ? (int64_t)ts_cache_lost(self->cache) : 0;
}

static int64_t redactions(void *arg)
{
    const struct trust_redaction *x = arg;
    return (int64_t)ts_redactor_matches(x->redactor, x->pattern);
}

static void add_redactions(struct ts_instance *self)
{
    size_t n = self->redactor ? ts_redactor_count(self->redactor) : 0;
    self->redactions = ts_alloc((n + 1) * sizeof *self->redactions);
    for (size_t i = 0; i < n; i++) {
        char labels[96];
        snprintf(labels, sizeof labels, "pattern=\"%s\"", ts_redactor_name(self->redactor, i));
        self->redactions[i] = (struct trust_redaction){self->redactor, i};
        ts_metrics_gauge(self->metrics, "trustspan_redactions", labels,
                         "Matches that were replaced by the name of their pattern.", redactions,
                         &self->redactions[i]);
    }
}

static void add_metrics(struct ts_instance *self)
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
    struct ts_metrics *m = self->metrics = ts_engine_metrics(self->host->engine);
    for (size_t i = 0; i < TS_COUNT(gauges); i++)
        ts_metrics_gauge(m, gauges[i].name, "", gauges[i].help, gauges[i].read, self);
    add_redactions(self);
    self->llm_spans = ts_metrics_counter(m, "trustspan_llm_spans", "",
                                         "LLM spans that came to a decision or wait for one.");
    self->scored =
        ts_metrics_counter(m, "trustspan_decisions", "decision=\"scored\",reason=\"\"",
                           "Decisions on LLM spans; they add up to trustspan_llm_spans.");
    self->late_scored = ts_metrics_counter(m, "trustspan_late_scores", "result=\"scored\"",
                                           "What became of late spans.");
    self->late_failed = ts_metrics_counter(m, "trustspan_late_scores", "result=\"failed\"",
                                           "What became of late spans.");
}

/* ---- life ---- */

/* From a rule, or from none, to who scores and how. */
static bool make_way(struct ts_instance *self, const struct ts_rule *rule, struct trust_way *way,
                     struct ts_err *err)
{
    const struct ts_trust_config *c = self->config;
    const char *id = rule && rule->scorer ? rule->scorer : c->scorer;
    way->rule = rule;
    way->hold = rule && rule->hold_given ? rule->hold : c->hold;
    ts_trust_thresholds(c, rule, &way->untrustworthy, &way->trustworthy);
    way->scorer = ts_engine_scorer(self->host->engine, id, &way->judge);
    return way->scorer ||
           ts_fail(err, TS_INVALID_ARGUMENT, "scorer '%s' is not defined under scorers", id);
}

static bool make_ways(struct ts_instance *self, struct ts_err *err)
{
    const struct ts_blocks *rules = &self->config->rules;
    self->ways = ts_alloc((rules->count + 1) * sizeof *self->ways);
    for (size_t i = 0; i < rules->count; i++)
        if (!make_way(self, (const struct ts_rule *)rules->items + i, &self->ways[i], err))
            return false;
    return make_way(self, NULL, &self->ways[rules->count], err);
}

static void make_shelves(struct ts_instance *self)
{
    struct ts_loop *const *loops = ts_engine_loops(self->host->engine, &self->shelf_count);
    self->shelves = ts_alloc(self->shelf_count * sizeof *self->shelves);
    for (size_t i = 0; i < self->shelf_count; i++)
        self->shelves[i].loop = loops[i];
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    struct ts_instance *self = ts_alloc(sizeof *self);
    const struct ts_trust_config *c = self->config = config;
    self->host = host;
    if (!make_ways(self, err)) {
        free_instance(self);
        return NULL;
    }
    open_cache(self);
    self->traces = ts_traces_new(c->traces.max_size, c->traces.max_age);
    self->redactor = ts_trust_redactor(c, NULL); /* it was checked */
    self->write = ts_trust_write_bits(&c->write);
    self->kinds = ts_rules_kinds(&c->rules);
    ts_engine_score_kinds(host->engine, self->kinds);
    make_shelves(self);
    add_metrics(self);
    return self;
}

/* The processor's own scorer comes first: a rule that names a preset alone means it. */
static bool name_scorers(void *config,
                         bool (*visit)(void *arg, const char **id, const char *preset,
                                       const char *block),
                         void *arg)
{
    struct ts_trust_config *c = config;
    if (!visit(arg, &c->scorer, NULL, ""))
        return false;
    for (size_t i = 0; i < c->rules.count; i++) {
        struct ts_rule *rule = (struct ts_rule *)c->rules.items + i;
        char block[32];
        snprintf(block, sizeof block, "rules[%zu]", i);
        if (!rule->scorer && rule->preset)
            rule->scorer = c->scorer;
        if (rule->scorer && !visit(arg, &rule->scorer, rule->preset, block))
            return false;
    }
    return true;
}

const struct ts_processor ts_processor_trust = {
    .base = {.kind = TS_PROCESSOR,
             .type = "trust",
             .about = "scores the trustworthiness of every LLM response",
             .settings = ts_trust_table,
             .config_size = sizeof(struct ts_trust_config),
             .check = ts_trust_check,
             .create = create,
             .free = free_instance},
    .scorers = name_scorers,
    .consume = consume,
    .flush = trust_flush,
};
