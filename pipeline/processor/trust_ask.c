/* trust_ask.c - scores: from the cache, or asked for, within the room that a slow scorer is given. */
#include "pipeline/processor/trust_internal.h"

#include "base/log.h"

#include <ctype.h>

/* A scorer that answers at once needs neither a cache nor room to wait in. */
static bool is_slow(const struct trust_span *s)
{
    return s->way->scorer->cancel != NULL;
}

/* ---- answers ---- */

static ts_view failure(struct trust_span *s, enum ts_job_end end)
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
static void stop_waiting(struct trust_held *h)
{
    if (h->asking > 0)
        return;
    atomic_fetch_sub(&h->self->waiting, h->waiting);
    h->waiting = 0;
}

static void take_score(struct trust_span *s, enum ts_decision decision)
{
    s->verdict.score = &s->job.result;
    s->verdict.label =
        ts_verdict_label(s->job.result.score, s->way->untrustworthy, s->way->trustworthy);
    trust_decide(s, decision, TS_NOTHING);
}

static void read_answer(struct trust_span *s, enum ts_job_end end)
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
                           "scorer=%s code=%s reason=\"%s\"", s->way->scorer->base.type,
                           ts_code_name(s->job.job.err.code), s->job.job.err.what);
        trust_decide(s, TS_FAILED, failure(s, end));
    } else if (!score->has_score) {
        trust_decide(s, TS_SKIPPED, score->skipped);
    } else if (!(score->score >= 0 && score->score <= 1)) {
        trust_decide(s, TS_FAILED, TS_LIT("out_of_range"));
    } else {
        take_score(s, TS_SCORED);
        if (self->cache && is_slow(s))
            ts_score_remember(self->cache, &s->key, score);
    }
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct trust_span *s = (struct trust_span *)(void *)job;
    struct trust_held *h = s->held;
    read_answer(s, end);
    if (s->late) {
        ts_count(s->verdict.decision == TS_SCORED ? h->self->late_scored : h->self->late_failed, 1);
        if (h->sent && h->delivered)
            trust_evaluate(s);
        trust_maybe_end(h);
    } else if (!h->left && h->asking == 0) {
        trust_leave(h, TS_NOTHING);
    }
}

/* ---- asking ---- */

static void ask(struct trust_span *s, ts_time give_up)
{
    struct trust_held *h = s->held;
    s->asking = true;
    h->asking++;
    s->asked = ts_now();
    s->job.job.home = h->batch->home;
    s->job.job.deadline = s->asked + give_up + (s->late ? 0 : s->way->hold);
    s->job.job.done = on_scored;
    s->job.llm = &s->llm;
    s->job.arena = s->arena;
    s->job.result.cost_usd = -1;
    s->way->scorer->score(s->way->judge, &s->job);
}

/* Was it scored before? Then nobody is asked. */
static bool recall(struct trust_span *s)
{
    struct ts_instance *self = s->held->self;
    if (!self->cache || !is_slow(s))
        return false;
    s->key = ts_score_key(s->way->scorer, s->way->judge, &s->llm);
    if (s->late || !ts_score_recall(self->cache, &s->key, s->arena, &s->job.result))
        return false;
    take_score(s, TS_CACHED);
    return true;
}

/* Room for one more request in front of a slow scorer? Forwarding must not stop because a scorer is
 * slow, so what waits for it may not fill the memory. */
static bool has_room(struct trust_held *h)
{
    struct ts_instance *self = h->self;
    int64_t bytes = (int64_t)ts_payload_view(h->batch->payload).len;
    int64_t before = atomic_fetch_add(&self->waiting, bytes);
    if (before > 0 && before + bytes > (int64_t)self->config->max_waiting) {
        atomic_fetch_sub(&self->waiting, bytes);
        return false;
    }
    h->waiting = bytes;
    return true;
}

static bool is_open(const struct trust_span *s)
{
    return s->verdict.decision == TS_UNDECIDED;
}

/* Where there is no room, what would wait is decided. */
static void make_room(struct trust_held *h)
{
    size_t waiting = 0;
    for (size_t i = 0; i < h->count; i++)
        waiting += is_open(&h->spans[i]) && is_slow(&h->spans[i]);
    if (waiting == 0 || has_room(h))
        return;
    TS_LOG_LIMITED(TS_WARN, h->self->host->id, "the scorer cannot keep up; spans leave unscored",
                   "spans=%zu", waiting);
    for (size_t i = 0; i < h->count; i++)
        if (is_open(&h->spans[i]) && is_slow(&h->spans[i]))
            trust_decide(&h->spans[i], TS_SKIPPED, TS_LIT("overload"));
}

void trust_ask(struct trust_held *h, ts_time give_up)
{
    make_room(h);
    for (size_t i = 0; i < h->count; i++)
        if (is_open(&h->spans[i]) && !recall(&h->spans[i]))
            ask(&h->spans[i], give_up);
    stop_waiting(h);
}
