/* trust.c - scan result in, decisions out.
 * The spans of a batch that are no LLM spans leave at once. Its LLM spans are held until the last of
 * them is decided, or for `hold`; what is undecided then leaves as late, goes on the late list, and
 * its score follows as an evaluation. One decision for every LLM span, counted once.
 * A batch and all that hangs on it live on one loop; nothing here needs a lock. */
#include "pipeline/processor.h"

#include "base/log.h"
#include "llm/extract.h"
#include "llm/trace.h"
#include "pipeline/engine/engine.h"
#include "pipeline/engine/score_cache.h"
#include "pipeline/processor/trust_config.h"
#include "pipeline/processor/verdict.h"
#include "store/store.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Batches that a loop holds, so that a shutdown can let them go. */
struct shelf {
    struct ts_loop *loop;
    struct held *first;
};

struct ts_instance {
    const struct ts_trust_config *config;
    const struct ts_host *host;
    const struct ts_scorer *scorer;
    struct ts_instance *judge;
    unsigned write;
    struct ts_cache *cache; /* NULL: none */
    struct ts_traces *traces;
    struct shelf *shelves;
    size_t shelf_count;
    struct ts_metrics *metrics;
    struct ts_counter *llm_spans, *scored, *late_scored, *late_failed;
    _Atomic int64_t waiting; /* bytes of requests whose spans wait for a scorer's answer */
};

struct span {
    struct ts_score_job job; /* first: the cast back from the job is safe */
    struct held *held;
    struct ts_llm llm;
    struct ts_arena *arena;
    struct ts_cache_key key; /* with a cache: of what is asked */
    ts_time asked;
    struct ts_verdict verdict;
    bool asking; /* the scorer has the job */
    bool late;   /* left without its score */
    char reason[32];
};

/* The LLM spans of one batch. */
struct held {
    struct ts_instance *self;
    struct ts_batch *batch;
    struct ts_batch *late_batch; /* after it left with undecided spans */
    struct held *next, **back;
    struct ts_timer timer;
    size_t count, asking;
    int64_t waiting; /* what it adds to the instance's; 0: nothing */
    bool left;       /* the spans were handed to the exporters */
    bool sent;       /* … and all have answered */
    bool delivered;  /* … and none refused them */
    bool late_kept;  /* the store has answered about the late list */
    struct span spans[];
};

/* ---- counting ---- */

static void count_decision(struct ts_instance *self, const struct ts_verdict *v)
{
    if (v->decision == TS_SCORED) {
        ts_count(self->scored, 1);
        return;
    }
    char labels[160];
    snprintf(labels, sizeof labels, "decision=\"%s\",reason=\"" TS_FMT "\"",
             ts_decision_name(v->decision), TS_ARG(ts_view_cut(v->reason, 0, 64)));
    ts_count(ts_metrics_counter(self->metrics, "trustspan_decisions", labels,
                                "Decisions on LLM spans; they add up to trustspan_llm_spans."),
             1);
}

static void decide(struct span *s, enum ts_decision decision, ts_view reason)
{
    s->verdict.decision = decision;
    s->verdict.reason = reason;
}

/* ---- the end of a batch ---- */

static void free_held(struct held *h)
{
    for (size_t i = 0; i < h->count; i++)
        ts_arena_free(h->spans[i].arena);
    struct ts_batch *batch = h->batch;
    struct ts_batch *late = h->late_batch;
    free(h);
    if (late)
        ts_batch_delivered(late);
    ts_batch_unref(batch);
}

static void maybe_end(struct held *h)
{
    if (h->sent && h->asking == 0 && (!h->late_batch || h->late_kept))
        free_held(h);
}

static void take_evaluation(void *arg, struct ts_evaluation *evaluation)
{
    ts_engine_evaluate(arg, evaluation);
}

static void evaluate(struct span *s)
{
    struct held *h = s->held;
    struct ts_batch *b = s->late && h->late_batch ? h->late_batch : h->batch;
    if (!ts_engine_wants_evaluations(b->engine))
        return;
    ts_verdict_evaluations(&s->verdict, &s->llm, b->headers, s->late, take_evaluation, b);
}

/* ---- leaving ---- */

static void on_late_kept(void *arg, bool durable)
{
    struct held *h = arg;
    (void)durable; /* when the store is full, the scores follow all the same while we live */
    h->late_kept = true;
    maybe_end(h);
}

static void on_sent(void *arg, bool delivered)
{
    struct held *h = arg;
    h->sent = true;
    h->delivered = delivered;
    for (size_t i = 0; delivered && i < h->count; i++)
        if (!h->spans[i].asking)
            evaluate(&h->spans[i]);
    maybe_end(h);
}

/* The spans of `h` as edits; with `late_only`, just those, as they came. */
static size_t make_edits(struct held *h, bool late_only, struct ts_edit *edits, struct ts_buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct span *s = &h->spans[i];
        const struct ts_span_at *at = &h->batch->llm[i];
        if (late_only && !s->late)
            continue;
        size_t from = text->len;
        if (!late_only)
            ts_verdict_encode(&s->verdict, h->self->write, at->span, text);
        edits[n++] = (struct ts_edit){.field = at->field,
                                      .append = ts_view_of(NULL, text->len - from),
                                      .replace = late_only ? TS_NOTHING : TS_OWN_PREFIX};
    }
    const uint8_t *ptr = text->ptr; /* it stands still only now */
    for (size_t i = 0; ptr && i < n; i++) {
        edits[i].append.ptr = ptr;
        ptr += edits[i].append.len;
    }
    return n;
}

static void cut_part(struct held *h, bool late_only, struct ts_part *part)
{
    struct ts_buf text = TS_BUF_INIT;
    struct ts_edit *edits = ts_alloc(h->count * sizeof *edits);
    size_t n = make_edits(h, late_only, edits, &text);
    ts_splice(h->batch->payload, h->batch->spans, edits, n, false, part);
    free(edits);
    ts_buf_release(&text);
}

static void unshelve(struct held *h)
{
    ts_timer_stop(h->batch->home, &h->timer);
    if (h->back) {
        *h->back = h->next;
        if (h->next)
            h->next->back = h->back;
        h->back = NULL;
    }
}

static void leave(struct held *h, ts_view why_late)
{
    struct ts_instance *self = h->self;
    struct ts_part part;
    unshelve(h);
    h->left = true;
    for (size_t i = 0; i < h->count; i++) {
        struct span *s = &h->spans[i];
        s->late = s->asking;
        if (s->late)
            decide(s, TS_LATE, why_late);
        s->verdict.now = ts_wall_now();
        count_decision(self, &s->verdict);
    }
    if (h->asking > 0) {
        cut_part(h, true, &part);
        h->late_batch = ts_engine_keep_late(h->batch, &part, ts_wall_now() + self->config->give_up,
                                            on_late_kept, h);
    }
    cut_part(h, false, &part);
    struct ts_batch *batch = h->batch;
    ts_engine_send(batch, &part, on_sent, h);
    ts_batch_delivered(batch); /* what is still due hangs on the send, the late list, the scores */
}

static void on_hold_over(struct ts_timer *timer)
{
    leave(TS_OUTER(timer, struct held, timer), TS_LIT("hold"));
}

/* ---- answers ---- */

static ts_view failure(struct span *s, enum ts_job_end end)
{
    const char *name = end == TS_JOB_EXPIRED     ? "deadline"
                       : end == TS_JOB_CANCELLED ? "cancelled"
                                                 : ts_code_name(s->job.job.err.code);
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof s->reason; n++)
        s->reason[n] = (char)tolower((unsigned char)name[n]);
    return ts_view_of(s->reason, n);
}

/* The last answer gives the room back. */
static void stop_waiting(struct held *h)
{
    if (h->asking > 0)
        return;
    atomic_fetch_sub(&h->self->waiting, h->waiting);
    h->waiting = 0;
}

static void take_score(struct span *s, enum ts_decision decision)
{
    const struct ts_trust_config *c = s->held->self->config;
    s->verdict.score = &s->job.result;
    s->verdict.label = ts_verdict_label(s->job.result.score, c->thresholds.untrustworthy,
                                        c->thresholds.trustworthy);
    decide(s, decision, TS_NOTHING);
}

static void read_answer(struct span *s, enum ts_job_end end)
{
    struct ts_instance *self = s->held->self;
    const struct ts_score *score = &s->job.result;
    s->asking = false;
    s->held->asking--;
    stop_waiting(s->held);
    s->verdict.latency = ts_now() - s->asked;
    if (end != TS_JOB_DONE) {
        if (end == TS_JOB_FAILED)
            TS_LOG_LIMITED(TS_WARN, self->host->id, "a score could not be had",
                           "scorer=%s code=%s reason=\"%s\"", self->scorer->base.type,
                           ts_code_name(s->job.job.err.code), s->job.job.err.what);
        decide(s, TS_FAILED, failure(s, end));
    } else if (!score->has_score) {
        decide(s, TS_SKIPPED, score->skipped);
    } else if (!(score->score >= 0 && score->score <= 1)) {
        decide(s, TS_FAILED, TS_LIT("out_of_range"));
    } else {
        take_score(s, TS_SCORED);
        if (self->cache)
            ts_score_remember(self->cache, &s->key, score);
    }
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct span *s = (struct span *)(void *)job;
    struct held *h = s->held;
    read_answer(s, end);
    if (s->late) {
        ts_count(s->verdict.decision == TS_SCORED ? h->self->late_scored : h->self->late_failed, 1);
        if (h->sent && h->delivered)
            evaluate(s);
        maybe_end(h);
    } else if (!h->left && h->asking == 0) {
        leave(h, TS_NOTHING);
    }
}

/* ---- taking in ---- */

static void ask(struct span *s, ts_time deadline)
{
    struct held *h = s->held;
    s->asking = true;
    h->asking++;
    s->asked = ts_now();
    s->job.job.home = h->batch->home;
    s->job.job.deadline = deadline;
    s->job.job.done = on_scored;
    s->job.llm = &s->llm;
    s->job.arena = s->arena;
    s->job.result.cost_usd = -1;
    h->self->scorer->score(h->self->judge, &s->job);
}

/* Was it scored before? Then nobody is asked. */
static bool recall(struct span *s)
{
    struct ts_instance *self = s->held->self;
    if (!self->cache)
        return false;
    s->key = ts_score_key(self->scorer, self->judge, &s->llm);
    if (s->late || !ts_score_recall(self->cache, &s->key, s->arena, &s->job.result))
        return false;
    take_score(s, TS_CACHED);
    return true;
}

/* Spans that are no LLM spans, but say something of those of their trace. */
static void note_around(struct ts_instance *self, const struct ts_batch *b)
{
    for (size_t i = 0; i < b->around_count; i++) {
        const struct ts_span_at *at = &b->around[i];
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
        ts_traces_note(self->traces, &llm);
        ts_arena_free(arena);
    }
}

/* What the span's trace adds to its record, and whether that leaves anything to score. */
static void read_trace(struct span *s)
{
    bool odd_id = s->llm.trace_id.len != 16 || s->llm.span_id.len != 8;
    ts_traces_resolve(s->held->self->traces, s->arena, &s->llm);
    if (odd_id) /* nothing could be attached to it */
        decide(s, TS_SKIPPED, TS_LIT("invalid_id"));
    else if (s->llm.skip != TS_SKIP_NONE)
        decide(s, TS_SKIPPED, ts_view_str(ts_skip_name(s->llm.skip)));
}

static struct held *read_spans(struct ts_instance *self, struct ts_batch *b)
{
    note_around(self, b);
    struct held *h = ts_alloc(sizeof *h + b->llm_count * sizeof h->spans[0]);
    h->self = self;
    h->batch = b;
    h->count = b->llm_count;
    ts_batch_ref(b);
    ts_view resource = TS_NOTHING;
    ts_view scope = TS_NOTHING;
    const uint8_t *scope_spans = NULL; /* spans of one scope stand together: look once */
    for (size_t i = 0; i < h->count; i++) {
        struct span *s = &h->spans[i];
        const struct ts_span_at *at = &b->llm[i];
        if (at->scope_spans.ptr != scope_spans) {
            scope_spans = at->scope_spans.ptr;
            resource = ts_span_resource(at);
            scope = ts_span_scope(at);
        }
        s->held = h;
        s->arena = ts_arena_new();
        ts_llm_extract(s->arena, resource, scope, at->span, &s->llm);
        s->verdict.scorer = self->scorer->base.type;
        s->verdict.annotator_kind = self->scorer->annotator_kind;
        ts_traces_note(self->traces, &s->llm);
    }
    for (size_t i = 0; i < h->count; i++)
        read_trace(&h->spans[i]);
    return h;
}

/* Room for one more request in front of the scorer? One that answers at once needs none. Forwarding
 * must not stop because a scorer is slow, so what waits for it may not fill the memory. */
static bool has_room(struct held *h)
{
    struct ts_instance *self = h->self;
    if (!self->scorer->cancel)
        return true;
    int64_t bytes = (int64_t)ts_payload_view(h->batch->payload).len;
    int64_t before = atomic_fetch_add(&self->waiting, bytes);
    if (before > 0 && before + bytes > (int64_t)self->config->max_waiting) {
        atomic_fetch_sub(&self->waiting, bytes);
        return false;
    }
    h->waiting = bytes;
    return true;
}

static void ask_all(struct held *h, ts_time deadline)
{
    if (!has_room(h)) {
        TS_LOG_LIMITED(TS_WARN, h->self->host->id,
                       "the scorer cannot keep up; spans leave unscored", "scorer=%s spans=%zu",
                       h->self->scorer->base.type, h->count);
        for (size_t i = 0; i < h->count; i++)
            if (h->spans[i].verdict.decision == TS_UNDECIDED)
                decide(&h->spans[i], TS_SKIPPED, TS_LIT("overload"));
        return;
    }
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].verdict.decision == TS_UNDECIDED && !recall(&h->spans[i]))
            ask(&h->spans[i], deadline);
    stop_waiting(h);
}

static void shelve(struct held *h)
{
    struct shelf *shelf = h->self->shelves;
    while (shelf->loop != h->batch->home)
        shelf++;
    h->next = shelf->first;
    h->back = &shelf->first;
    if (h->next)
        h->next->back = &h->next;
    shelf->first = h;
}

/* After a restart: the spans have left, only the scores are due. */
static void consume_late(struct ts_instance *self, struct ts_batch *b)
{
    struct held *h = read_spans(self, b);
    ts_time left = b->give_up - ts_wall_now();
    h->left = h->sent = h->delivered = h->late_kept = true;
    h->late_batch = b;
    ts_batch_owe(b);
    for (size_t i = 0; i < h->count; i++)
        h->spans[i].late = true;
    if (left > 0)
        ask_all(h, ts_now() + left);
    if (h->asking == 0) /* too late, or no room in front of the scorer */
        ts_count(self->late_failed, (int64_t)h->count);
    maybe_end(h);
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
        note_around(self, b);
        ts_part_whole(b->payload, b->spans, &all);
        ts_engine_send(b, &all, NULL, NULL);
        return;
    }
    send_rest(b);
    struct held *h = read_spans(self, b);
    ts_count(self->llm_spans, (int64_t)h->count);
    ts_batch_owe(b);
    ts_time now = ts_now();
    ask_all(h, now + self->config->hold + self->config->give_up);
    if (h->asking == 0 || self->config->hold == 0) {
        leave(h, TS_LIT("hold"));
        return;
    }
    shelve(h);
    ts_timer_start(b->home, &h->timer, now + self->config->hold, on_hold_over);
}

static void flush(struct ts_instance *self, struct ts_loop *loop)
{
    struct shelf *shelf = self->shelves;
    while (shelf->loop != loop)
        shelf++;
    while (shelf->first)
        leave(shelf->first, TS_LIT("shutdown"));
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
    .flush = flush,
};
