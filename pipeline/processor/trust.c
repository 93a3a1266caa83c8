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
        trust_ask(h, ts_now() + left);
    if (h->asking == 0) /* too late, or no room in front of the scorer */
        ts_count(self->late_failed, (int64_t)h->count);
    trust_maybe_end(h);
}

static void send_rest(struct ts_batch *b)
{
    struct ts_part rest;
    struct ts_edit *edits = ts_alloc(b->llm_count * sizeof *edits);
    for (size_t i = 0; i < b->llm_count; i++)
        edits[i] = (struct ts_edit){.field = b->llm[i].field, .drop = true};
    ts_splice(b->payload, b->spans, edits, b->llm_count, true, &rest);
    free(edits);
    ts_engine_send(b, &rest, NULL, NULL);
}

static void consume(struct ts_instance *self, struct ts_batch *b)
{
    if (b->table == TS_TABLE_LATE) {
        consume_late(self, b);
        return;
    }
    if (b->llm_count == 0) {
        struct ts_part all;
        trust_note_around(self, b);
        ts_part_whole(b->payload, b->spans, &all);
        ts_engine_send(b, &all, NULL, NULL);
        return;
    }
    send_rest(b);
    struct trust_held *h = trust_read(self, b);
    ts_count(self->llm_spans, (int64_t)h->count);
    ts_batch_owe(b);
    ts_time now = ts_now();
    trust_ask(h, now + self->config->hold + self->config->give_up);
    if (h->asking == 0 || self->config->hold == 0) {
        trust_leave(h, TS_LIT("hold"));
        return;
    }
    trust_hold(h, now + self->config->hold);
}

/* ---- life ---- */

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_cache_close(self->cache);
    ts_traces_free(self->traces);
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
    if (!c->cache.enabled || !self->scorer->cancel || (!directory && !self->host->store))
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

static int64_t traces_bytes(void *arg)
{
    struct ts_traces_stats stats;
    ts_traces_stats(((struct ts_instance *)arg)->traces, &stats);
    return (int64_t)stats.bytes;
}

static int64_t traces_forgotten(void *arg)
{
    struct ts_traces_stats stats;
    ts_traces_stats(((struct ts_instance *)arg)->traces, &stats);
    return (int64_t)stats.forgotten;
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->scorer = ts_engine_scorer(host->engine, self->config->scorer, &self->judge);
    if (!self->scorer) {
        ts_fail(err, TS_INVALID_ARGUMENT, "scorer '%s' is not defined under scorers",
                self->config->scorer);
        free_instance(self);
        return NULL;
    }
    open_cache(self);
    self->traces = ts_traces_new(self->config->traces.max_size, self->config->traces.max_age);
    ts_metrics_gauge(ts_engine_metrics(host->engine), "trustspan_traces_bytes", "",
                     "What is remembered of traces, in bytes.", traces_bytes, self);
    ts_metrics_gauge(ts_engine_metrics(host->engine), "trustspan_traces_forgotten", "",
                     "Traces forgotten for room before they were old.", traces_forgotten, self);
    self->write = ts_trust_write_bits(&self->config->write);
    struct ts_loop *const *loops = ts_engine_loops(host->engine, &self->shelf_count);
    self->shelves = ts_alloc(self->shelf_count * sizeof *self->shelves);
    for (size_t i = 0; i < self->shelf_count; i++)
        self->shelves[i].loop = loops[i];
    self->metrics = ts_engine_metrics(host->engine);
    self->llm_spans = ts_metrics_counter(self->metrics, "trustspan_llm_spans", "",
                                         "LLM spans that came to a decision or wait for one.");
    self->scored =
        ts_metrics_counter(self->metrics, "trustspan_decisions", "decision=\"scored\",reason=\"\"",
                           "Decisions on LLM spans; they add up to trustspan_llm_spans.");
    self->late_scored = ts_metrics_counter(self->metrics, "trustspan_late_scores",
                                           "result=\"scored\"", "What became of late spans.");
    self->late_failed = ts_metrics_counter(self->metrics, "trustspan_late_scores",
                                           "result=\"failed\"", "What became of late spans.");
    return self;
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
    .consume = consume,
    .flush = trust_flush,
};
