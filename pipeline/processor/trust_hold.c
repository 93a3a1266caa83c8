/* trust_hold.c - they leave with their scores, or as late when the hold is over. */
#include "pipeline/processor/trust_hold.h"

#include "pipeline/processor/trust_due.h"
#include "pipeline/processor/trust_recall.h"
#include "pipeline/processor/trust_score.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- counting ---- */

static void count_decision(struct ts_instance *self, const struct ts_decision *d)
{
    if (d->kind == TS_SCORED) {
        ts_count(self->scored, 1);
        return;
    }
    char labels[160];
    snprintf(labels, sizeof labels, "decision=\"%s\",reason=\"" TS_FMT "\"",
             ts_decision_name(d->kind), TS_ARG(ts_view_cut(d->reason, 0, 64)));
    ts_count(ts_metrics_counter(self->host->metrics, "trustspan_decisions", labels,
                                "Decisions on LLM spans; they add up to trustspan_llm_spans."),
             1);
}

/* ---- leaving ---- */

static void stop_holding(struct trust_held *h)
{
    ts_timer_stop(h->batch->home, &h->timer);
    if (!h->back)
        return;
    *h->back = h->next;
    if (h->next)
        h->next->back = h->back;
    h->back = NULL;
}

/* All spans leave, the undecided ones as late for this reason; not before the store has their decisions. */
static void leave(struct trust_held *h, ts_view why_late)
{
    stop_holding(h);
    h->state = TRUST_KEPT;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        struct ts_decision *d = &s->assessment.decision;
        if (s->known)
            continue;
        s->late = s->assessment.scoring;
        if (s->late)
            ts_decide(d, TS_LATE, why_late);
        d->made = ts_wall_now();
    }
    trust_settle(h);
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        s->open = s->late && !s->known;
        h->open += s->open;
        count_decision(h->self, &s->left);
    }
    if (!trust_keep(h, trust_depart))
        trust_depart(h);
}

static void on_answered(struct trust_span *s, enum ts_job_end end)
{
    struct trust_held *h = s->held;
    if (s->open)
        trust_answered_late(s, end);
    else if (h->state != TRUST_HELD)
        trust_end_if_through(h); /* it left with the decision of a copy */
    else if (h->scoring == 0)
        leave(h, TS_NOTHING);
}

/* ---- holding ---- */

struct trust_list *trust_list_of(struct ts_instance *self, const struct ts_loop *loop)
{
    struct trust_list *list = self->lists;
    while (list->loop != loop)
        list++;
    return list;
}

static void on_hold_over(struct ts_timer *timer)
{
    leave(TS_CONTAINER_OF(timer, struct trust_held, timer), TS_LIT("hold"));
}

static bool waits_for_remote(const struct trust_held *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].assessment.scoring && h->spans[i].assessment.policy->scorer->scorer->remote)
            return true;
    return false;
}

/* What came together leaves together: when the last is decided, or when the longest hold is over. */
static ts_time longest_hold(const struct trust_held *h)
{
    ts_time longest = 0;
    for (size_t i = 0; i < h->count; i++) {
        ts_time hold = trust_hold_of(h->self, h->spans[i].assessment.policy);
        if (h->spans[i].assessment.scoring && hold > longest)
            longest = hold;
    }
    return longest;
}

void trust_hold(struct trust_held *h)
{
    struct trust_list *list = trust_list_of(h->self, h->batch->home);
    ts_count(h->self->llm_spans, (int64_t)h->count);
    trust_read(h);
    trust_recall(h);
    trust_score(h, h->self->config->give_up, on_answered);
    ts_time hold = longest_hold(h);
    if (hold == 0) {
        leave(h, TS_LIT("hold"));
        return;
    }
    if (list->stopping && waits_for_remote(h)) {
        leave(h, TS_LIT("shutdown"));
        return;
    }
    h->next = list->first;
    h->back = &list->first;
    if (h->next)
        h->next->back = &h->next;
    list->first = h;
    ts_timer_start(h->batch->home, &h->timer, ts_now() + hold, on_hold_over);
}

void trust_flush(struct ts_instance *self, struct ts_loop *loop)
{
    struct trust_list *list = trust_list_of(self, loop);
    list->stopping = true;
    for (struct trust_held *h = list->first; h;) {
        struct trust_held *next = h->next;
        if (waits_for_remote(h)) /* others have their answer in a moment */
            leave(h, TS_LIT("shutdown"));
        h = next;
    }
    trust_leave_due(list);
}

struct trust_held *trust_held_new(struct ts_instance *self, struct ts_batch *b,
                                  struct ts_payload *payload, size_t items,
                                  const struct trust_notes *notes, struct trust_notes *own,
                                  struct ts_completion *completion)
{
    const struct trust_spans *spans = &notes->scored;
    struct trust_held *h = ts_alloc(sizeof *h + spans->count * sizeof h->spans[0]);
    h->self = self;
    h->batch = b;
    h->payload = ts_payload_ref(payload);
    h->items = items;
    h->own = own;
    h->at = spans->list;
    h->count = spans->count;
    h->completion = completion;
    ts_batch_ref(b);         /* for the notes and the headers */
    ts_batch_pending_add(b); /* until they leave */
    return h;
}
