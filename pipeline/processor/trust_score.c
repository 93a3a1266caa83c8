/* trust_score.c - through the assessor's steps, all spans of a part together. */
#include "pipeline/processor/trust_score.h"

#include "base/log.h"

/* ---- reading ---- */

void trust_note_context(struct ts_instance *self, const struct trust_notes *notes)
{
    for (size_t i = 0; i < notes->context.count; i++)
        ts_assess_note(self->assessor, &notes->context.list[i]);
}

void trust_read(struct trust_held *h)
{
    ts_view resource = TS_NOTHING;
    ts_view scope = TS_NOTHING;
    const uint8_t *scope_spans = NULL; /* spans of one scope stand together: look once */
    for (size_t i = 0; i < h->count; i++) {
        const struct ts_span_at *at = &h->at[i];
        if (at->scope_spans.ptr != scope_spans) {
            scope_spans = at->scope_spans.ptr;
            resource = ts_span_resource(at);
            scope = ts_span_scope(at);
        }
        h->spans[i].held = h;
        ts_assess_read(h->self->assessor, &h->spans[i].assessment, resource, scope, at->span);
    }
    for (size_t i = 0; i < h->count; i++)
        ts_assess_context(&h->spans[i].assessment);
}

/* ---- room ---- */

static bool is_open(const struct trust_span *s)
{
    return s->assessment.decision.kind == TS_UNDECIDED;
}

static bool waits(const struct trust_span *s)
{
    return is_open(s) && s->assessment.policy->scorer->scorer->remote;
}

static size_t count_waiting(const struct trust_held *h)
{
    size_t waiting = 0;
    for (size_t i = 0; i < h->count; i++)
        waiting += waits(&h->spans[i]);
    return waiting;
}

/* Forwarding must not stop because a scorer is slow, so what waits for it may not fill the memory. Where there
 * is no room, what would wait is decided. */
static void make_room(struct trust_held *h)
{
    size_t waiting = count_waiting(h);
    if (waiting == 0 || ts_memory_has_room(&h->self->waiting))
        return;
    TS_LOG_LIMITED(TS_WARN, h->self->host->id, "the scorer cannot keep up; spans leave unscored",
                   "spans=%zu", waiting);
    for (size_t i = 0; i < h->count; i++)
        if (waits(&h->spans[i]))
            ts_decide(&h->spans[i].assessment.decision, TS_SKIPPED, TS_LIT("overload"));
}

/* The last answer gives the room back. */
static void stop_waiting(struct trust_held *h)
{
    if (h->scoring > 0)
        return;
    ts_memory_sub(&h->self->waiting, h->waiting);
    h->waiting = 0;
}

/* ---- scoring ---- */

static void on_assessed(struct ts_assessment *a, enum ts_job_end end)
{
    struct trust_span *s = (struct trust_span *)(void *)a;
    struct trust_held *h = s->held;
    h->scoring--;
    stop_waiting(h);
    if (end == TS_JOB_FAILED)
        TS_LOG_LIMITED(TS_WARN, h->self->host->id, "a score could not be had",
                       "scorer=%s code=%s reason=\"" TS_FMT "\"", a->decision.scorer,
                       ts_code_name(a->job.job.err.code), TS_ARG(a->decision.detail));
    h->answered(s, end);
}

ts_time trust_hold_of(const struct ts_instance *self, const struct ts_scoring_policy *policy)
{
    return policy->rule && policy->rule->hold_given ? policy->rule->hold : self->config->hold;
}

void trust_ask(struct trust_held *h, ts_time give_up,
               void (*answered)(struct trust_span *, enum ts_job_end))
{
    h->answered = answered;
    if (h->waiting == 0 && count_waiting(h) > 0) {
        h->waiting = ts_payload_view(h->payload).len;
        ts_memory_add(&h->self->waiting, h->waiting);
    }
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        ts_time hold = s->late ? 0 : trust_hold_of(h->self, s->assessment.policy);
        if (!ts_assess(&s->assessment, h->batch->home, ts_now() + give_up + hold, on_assessed))
            h->scoring++;
    }
    stop_waiting(h);
}

void trust_score(struct trust_held *h, ts_time give_up,
                 void (*answered)(struct trust_span *, enum ts_job_end))
{
    make_room(h);
    trust_ask(h, give_up, answered);
}
