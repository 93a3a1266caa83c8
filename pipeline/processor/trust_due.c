/* trust_due.c - the end comes when the last score and the last delivery are in. */
#include "pipeline/processor/trust_due.h"

#include "pipeline/engine/pipeline.h"
#include "pipeline/processor/trust_leave.h"
#include "pipeline/processor/trust_recall.h"
#include "pipeline/processor/trust_score.h"

#include <stdlib.h>

/* ---- the end ---- */

static void free_held(struct trust_held *h)
{
    struct ts_batch *batch = h->batch;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (s->kept)
            ts_batch_pending_done(s->kept, s->again ? TS_LEFT : TS_DELIVERED);
        ts_assessment_release(&s->assessment);
    }
    if (h->own)
        h->own->base.free(&h->own->base);
    ts_payload_unref(h->payload);
    free(h);
    ts_batch_unref(batch);
}

void trust_end_if_through(struct trust_held *h)
{
    if (h->state == TRUST_GONE && h->scoring == 0 && h->open == 0 && h->storing == 0)
        free_held(h);
}

/* ---- evaluations ---- */

struct giving {
    struct ts_pipeline *pipeline;
    struct ts_batch *batch; /* pending until they are posted */
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
    struct giving g = {h->self->host->pipeline, s->kept ? s->kept : h->batch};
    if (!s->copied && ts_pipeline_wants_evaluations(g.pipeline))
        ts_decision_evaluations(&s->assessment.decision, &s->assessment.llm, g.batch->headers,
                                s->late, give_evaluation, &g);
}

/* ---- late scores ---- */

static bool is_delivered(const struct trust_held *h)
{
    return h->state == TRUST_GONE && h->fate == TS_DELIVERED;
}

/* A score that came late, or did not: told once its span is there. */
static void end_late(struct trust_span *s)
{
    struct trust_held *h = s->held;
    bool scored = ts_decision_has_score(&s->assessment.decision);
    s->open = false;
    h->open--;
    ts_count(scored ? h->self->late_scored : h->self->late_failed, 1);
    if (scored && ts_pipeline_wants_evaluations(h->self->host->pipeline))
        trust_keep_answer(s);
    if (is_delivered(h))
        evaluate(s);
}

/* The process stops first. */
static void leave_late(struct trust_span *s)
{
    struct trust_held *h = s->held;
    s->again = true;
    s->open = false;
    h->open--;
    ts_count(h->self->late_left, 1);
}

void trust_answered_late(struct trust_span *s, enum ts_job_end end)
{
    if (end == TS_JOB_CANCELLED) /* nobody else cancels */
        leave_late(s);
    else
        end_late(s);
    trust_end_if_through(s->held);
}

static void leave_open(struct trust_held *h)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].open)
            leave_late(&h->spans[i]);
    trust_end_if_through(h);
}

static void wait_for_room(struct trust_held *h, struct trust_list *list)
{
    h->next = NULL;
    *list->last_due = h;
    list->last_due = &h->next;
    ts_memory_await(&h->self->waiting, &list->room);
}

/* What is not with a scorer yet is asked for. */
static void ask(struct trust_held *h)
{
    ts_time left = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].open)
            left = h->spans[i].kept->give_up - ts_wall_now();
    if (left > 0)
        trust_ask(h, left, trust_answered_late);
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (s->open && !s->assessment.scoring) /* from the cache; or too late */
            end_late(s);
    }
    trust_end_if_through(h);
}

/* Scores are due that nobody was asked for in this run: they wait for their turn. */
static void take_up(struct trust_held *h)
{
    struct trust_list *list = trust_list_of(h->self, h->batch->home);
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (!s->known || !s->late || s->answer.len > 0)
            continue;
        s->open = true;
        h->open++;
    }
    if (h->open == 0)
        trust_end_if_through(h);
    else if (list->stopping)
        leave_open(h);
    else if (list->due || !ts_memory_has_room(&h->self->waiting))
        wait_for_room(h, list);
    else
        ask(h);
}

static struct trust_held *take_first(struct trust_list *list)
{
    struct trust_held *h = list->due;
    list->due = h->next;
    if (!list->due)
        list->last_due = &list->due;
    return h;
}

void trust_on_room(struct ts_task *task)
{
    struct trust_list *list = TS_CONTAINER_OF(task, struct trust_list, room.task);
    while (list->due && ts_memory_has_room(&list->due->self->waiting))
        ask(take_first(list));
    if (list->due)
        ts_memory_await(&list->due->self->waiting, &list->room);
}

void trust_leave_due(struct trust_list *list)
{
    while (list->due)
        leave_open(take_first(list));
}

/* ---- leaving ---- */

static void on_gone(struct ts_completion *completion, enum ts_fate fate)
{
    struct trust_held *h = TS_CONTAINER_OF(completion, struct trust_held, left);
    h->state = TRUST_GONE;
    h->fate = fate;
    for (size_t i = 0; fate == TS_DELIVERED && i < h->count; i++)
        if (!h->spans[i].assessment.scoring && !h->spans[i].open)
            evaluate(&h->spans[i]);
    ts_completion_done(h->completion, fate);
    trust_end_if_through(h);
}

/* Spans that left late in the last run: their scores are due in this one. */
static void take_up_known(struct trust_held *h)
{
    bool any = false;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (!s->known || !s->late)
            continue;
        any = true;
        if (s->answer.len > 0)
            trust_restore(s, s->answer);
        else
            ts_assess_again(&s->assessment);
    }
    if (any)
        take_up(h);
}

void trust_depart(struct trust_held *h)
{
    struct ts_batch *batch = h->batch;
    h->state = TRUST_LEFT;
    trust_pass_on(h, on_gone);
    take_up_known(h);
    ts_batch_pending_done(batch, TS_DELIVERED); /* what is still due has added itself */
}

/* ---- after a restart ---- */

/* Evaluations of scores that are kept with their decision. */
static void evaluate_kept(struct ts_instance *self, struct ts_batch *kept)
{
    struct giving g = {self->host->pipeline, kept};
    struct ts_arena *arena = ts_arena_new();
    struct ts_decided span;
    ts_view at = kept->decisions;
    while (ts_pipeline_wants_evaluations(g.pipeline) && ts_decided_next(&at, &span)) {
        struct ts_decision d;
        struct ts_score score;
        const struct ts_llm llm = {.trace_id = span.trace_id, .span_id = span.span_id};
        if (ts_decision_restore(span.decision, arena, &d, &score))
            ts_decision_evaluations(&d, &llm, kept->headers, span.late, give_evaluation, &g);
    }
    ts_arena_free(arena);
}

void trust_resume(struct ts_instance *self, struct ts_batch *kept)
{
    evaluate_kept(self, kept);
    for (struct ts_batch *k = kept->kept; k; k = k->kept_next)
        evaluate_kept(self, k);
    if (kept->items == 0)
        return;
    struct trust_notes *own =
        trust_notes_of(ts_payload_view(kept->payload), ts_assessor_kinds(self->assessor));
    struct trust_held *h = trust_held_new(self, kept, kept->payload, kept->items, own, own, NULL);
    h->state = TRUST_GONE;
    trust_note_context(self, own);
    trust_read(h);
    trust_recall_due(h, kept);
    ts_batch_pending_done(kept, TS_DELIVERED); /* what is due has added itself */
    take_up(h);
}
