/* trust_hold.c - with their scores, or as late when the hold is over; the end when the last score and the
 * last delivery are in. */
#include "pipeline/processor/trust_hold.h"

#include "base/log.h"
#include "pipeline/engine/late.h"
#include "pipeline/engine/pipeline.h"
#include "pipeline/processor/trust_forward.h"
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

/* ---- the end ---- */

static bool is_due_again(const struct trust_held *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].again)
            return true;
    return false;
}

static void free_held(struct trust_held *h)
{
    struct ts_batch *batch = h->batch;
    struct ts_batch *late = h->late_batch;
    /* spans that are left come again themselves, and are scored then */
    enum ts_fate fate = is_due_again(h) && h->fate != TS_LEFT ? TS_LEFT : TS_DELIVERED;
    for (size_t i = 0; i < h->count; i++)
        ts_assessment_release(&h->spans[i].assessment);
    if (h->own)
        h->own->base.free(&h->own->base);
    ts_payload_unref(h->payload);
    free(h);
    if (late)
        ts_batch_pending_done(late, fate);
    ts_batch_unref(batch);
}

static void end_if_through(struct trust_held *h)
{
    if (h->state == TRUST_GONE && h->scoring == 0 && !h->storing)
        free_held(h);
}

struct giving {
    struct ts_pipeline *pipeline;
    struct ts_batch *batch;
};

static void give_evaluation(void *arg, struct ts_evaluation *evaluation)
{
    struct giving *g = arg;
    ts_pipeline_evaluate(g->pipeline, g->batch, evaluation);
}

/* Hands the span's score to the exporters that take evaluations. */
static void evaluate(struct trust_span *s)
{
    struct trust_held *h = s->held;
    struct giving g = {h->self->host->pipeline,
                       s->late && h->late_batch ? h->late_batch : h->batch};
    if (ts_pipeline_wants_evaluations(g.pipeline))
        ts_decision_evaluations(&s->assessment.decision, &s->assessment.llm, g.batch->headers,
                                s->late, give_evaluation, &g);
}

/* ---- leaving ---- */

static void on_kept(void *arg, bool durable)
{
    struct trust_held *h = arg;
    (void)durable; /* when the store is full, the scores follow all the same while we live */
    h->storing = false;
    end_if_through(h);
}

static void on_gone(struct ts_completion *completion, enum ts_fate fate)
{
    struct trust_held *h = TS_CONTAINER_OF(completion, struct trust_held, left);
    h->state = TRUST_GONE;
    h->fate = fate;
    for (size_t i = 0; fate == TS_DELIVERED && i < h->count; i++)
        if (!h->spans[i].assessment.scoring)
            evaluate(&h->spans[i]);
    ts_completion_done(h->completion, fate);
    end_if_through(h);
}

/* The spans as edits; with `late_only`, just those, as they came. */
static size_t make_edits(struct trust_held *h, bool late_only, struct ts_arena *arena,
                         struct ts_edit *edits, struct ts_buf *text)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (late_only && !s->late)
            continue;
        size_t from = text->len;
        edits[n] = (struct ts_edit){.field = h->at[i].field};
        if (!late_only) {
            ts_decision_encode(&s->assessment.decision, h->self->write, h->at[i].span, text);
            edits[n].content = trust_redacted(h->self, arena, h->at[i].span);
            edits[n].replace = TS_OWN_PREFIX;
        }
        edits[n++].append = ts_view_of(NULL, text->len - from);
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
    ts_splice(h->payload, h->items, edits, n, false, part);
    free(edits);
    ts_arena_free(arena);
    ts_buf_release(&text);
}

static void pass_on(struct trust_held *h)
{
    struct ts_part part;
    struct ts_item *list = ts_alloc(h->count * sizeof *list);
    for (size_t i = 0; i < h->count; i++)
        list[i] = (struct ts_item){i, &h->spans[i].assessment.decision};
    const struct ts_items items = {list, h->count};
    cut_part(h, false, &part);
    ts_completion_init(&h->left, on_gone);
    ts_pass_on(h->self->host->next, h->batch, &part, &items, &h->left);
    free(list);
}

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

/* All spans leave, the undecided ones as late for this reason. */
static void leave(struct trust_held *h, ts_view why_late)
{
    struct ts_instance *self = h->self;
    stop_holding(h);
    h->state = TRUST_LEFT;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        s->late = s->assessment.scoring;
        if (s->late)
            ts_decide(&s->assessment.decision, TS_LATE, why_late);
        s->assessment.decision.made = ts_wall_now();
        count_decision(self, &s->assessment.decision);
    }
    if (h->scoring > 0) {
        struct ts_part part;
        cut_part(h, true, &part);
        h->storing = true;
        h->late_batch = ts_late_persist(h->batch, &part, self->host->key,
                                        ts_wall_now() + self->config->give_up, on_kept, h);
    }
    struct ts_batch *batch = h->batch;
    pass_on(h);
    ts_batch_pending_done(batch, TS_DELIVERED); /* what is still due has added itself */
}

/* ---- answers ---- */

/* A score that came late, or did not: told once its span is there. */
static void end_late(struct trust_span *s)
{
    struct trust_held *h = s->held;
    enum ts_decision_kind kind = s->assessment.decision.kind;
    ts_count(kind == TS_SCORED || kind == TS_CACHED ? h->self->late_scored : h->self->late_failed,
             1);
    if (h->state == TRUST_GONE && h->fate == TS_DELIVERED)
        evaluate(s);
}

static void on_answered(struct trust_span *s, enum ts_job_end end)
{
    struct trust_held *h = s->held;
    if (!s->late) {
        if (h->state == TRUST_HELD && h->scoring == 0)
            leave(h, TS_NOTHING);
        return;
    }
    if (end == TS_JOB_CANCELLED) { /* nobody else cancels: the process stops */
        s->again = true;
        ts_count(h->self->late_left, 1);
    } else {
        end_late(s);
    }
    end_if_through(h);
}

/* ---- holding ---- */

static struct trust_list *list_of(struct ts_instance *self, const struct ts_loop *loop)
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
    struct trust_list *list = list_of(h->self, h->batch->home);
    ts_count(h->self->llm_spans, (int64_t)h->count);
    trust_read(h);
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
    struct trust_list *list = list_of(self, loop);
    list->stopping = true;
    for (struct trust_held *h = list->first; h;) {
        struct trust_held *next = h->next;
        if (waits_for_remote(h)) /* others have their answer in a moment */
            leave(h, TS_LIT("shutdown"));
        h = next;
    }
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

/* ---- after a restart ---- */

void trust_resume(struct ts_instance *self, struct ts_batch *late)
{
    struct trust_notes *own =
        trust_notes_of(ts_payload_view(late->payload), ts_assessor_kinds(self->assessor));
    struct trust_held *h = trust_held_new(self, late, late->payload, late->items, own, own, NULL);
    ts_time left = late->give_up - ts_wall_now();
    h->late_batch = late; /* pending until all is answered */
    h->state = TRUST_GONE;
    for (size_t i = 0; i < h->count; i++)
        h->spans[i].late = true;
    trust_note_context(self, own);
    trust_read(h);
    if (left > 0)
        trust_score(h, left, on_answered);
    for (size_t i = 0; i < h->count; i++)
        if (!h->spans[i].assessment.scoring) /* from the cache; or too late, or no room */
            end_late(&h->spans[i]);
    end_if_through(h);
}
