/* trust_hold.c - how long LLM spans stay, and how they leave: with their scores, or as late when the hold
 * is over; the end of a batch when its last score and its last delivery are in. */
#include "pipeline/processor/trust_internal.h"

#include <stdio.h>
#include <stdlib.h>

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

/* ---- the end of a batch ---- */

static void free_held(struct trust_held *h)
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

void trust_maybe_end(struct trust_held *h)
{
    if (h->sent && h->asking == 0 && (!h->late_batch || h->late_kept))
        free_held(h);
}

static void take_evaluation(void *arg, struct ts_evaluation *evaluation)
{
    ts_engine_evaluate(arg, evaluation);
}

void trust_evaluate(struct trust_span *s)
{
    struct trust_held *h = s->held;
    struct ts_batch *b = s->late && h->late_batch ? h->late_batch : h->batch;
    if (!ts_engine_wants_evaluations(b->engine))
        return;
    ts_verdict_evaluations(&s->verdict, &s->llm, b->headers, s->late, take_evaluation, b);
}

/* ---- leaving ---- */

static void on_late_kept(void *arg, bool durable)
{
    struct trust_held *h = arg;
    (void)durable; /* when the store is full, the scores follow all the same while we live */
    h->late_kept = true;
    trust_maybe_end(h);
}

static void on_sent(void *arg, bool delivered)
{
    struct trust_held *h = arg;
    h->sent = true;
    h->delivered = delivered;
    for (size_t i = 0; delivered && i < h->count; i++)
        if (!h->spans[i].asking)
            trust_evaluate(&h->spans[i]);
    trust_maybe_end(h);
}

/* The spans of `h` as edits; with `late_only`, just those, as they came. */
static size_t make_edits(struct trust_held *h, bool late_only, struct ts_arena *arena,
                         struct ts_edit *edits, struct ts_buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        const struct ts_span_at *at = &h->batch->llm[i];
        if (late_only && !s->late)
            continue;
        size_t from = text->len;
        if (!late_only)
            ts_verdict_encode(&s->verdict, h->self->write, at->span, text);
        edits[n++] = (struct ts_edit){
            .field = at->field,
            .content = late_only ? TS_NOTHING : trust_redacted(h->self, arena, at->span),
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

static void cut_part(struct trust_held *h, bool late_only, struct ts_part *part)
{
    struct ts_buf text = TS_BUF_INIT;
    struct ts_arena *arena = ts_arena_new();
    struct ts_edit *edits = ts_alloc(h->count * sizeof *edits);
    size_t n = make_edits(h, late_only, arena, edits, &text);
    ts_splice(h->batch->payload, h->batch->spans, edits, n, false, part);
    free(edits);
    ts_arena_free(arena);
    ts_buf_release(&text);
}

static void unshelve(struct trust_held *h)
{
    ts_timer_stop(h->batch->home, &h->timer);
    if (h->back) {
        *h->back = h->next;
        if (h->next)
            h->next->back = h->back;
        h->back = NULL;
    }
}

void trust_leave(struct trust_held *h, ts_view why_late)
{
    struct ts_instance *self = h->self;
    struct ts_part part;
    unshelve(h);
    h->left = true;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        s->late = s->asking;
        if (s->late)
            trust_decide(s, TS_LATE, why_late);
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
    trust_leave(TS_CONTAINER_OF(timer, struct trust_held, timer), TS_LIT("hold"));
}

void trust_hold(struct trust_held *h, ts_time until)
{
    struct trust_shelf *shelf = h->self->shelves;
    while (shelf->loop != h->batch->home)
        shelf++;
    h->next = shelf->first;
    h->back = &shelf->first;
    if (h->next)
        h->next->back = &h->next;
    shelf->first = h;
    ts_timer_start(h->batch->home, &h->timer, until, on_hold_over);
}

void trust_flush(struct ts_instance *self, struct ts_loop *loop)
{
    struct trust_shelf *shelf = self->shelves;
    while (shelf->loop != loop)
        shelf++;
    while (shelf->first)
        trust_leave(shelf->first, TS_LIT("shutdown"));
}
