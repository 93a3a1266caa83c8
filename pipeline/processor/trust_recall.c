/* trust_recall.c - decisions come back from what was kept of the batch, or from the copies of lately. */
#include "pipeline/processor/trust_recall.h"

#include "pipeline/engine/kept.h"
#include "pipeline/engine/pipeline.h"
#include "pipeline/processor/trust_leave.h"

#include <stdlib.h>

/* ---- what was kept of the batch ---- */

static bool is_own(const struct trust_held *h, const struct ts_batch *kept)
{
    return kept->owner && kept->owner->instance == h->self;
}

/* Looks on from `*at`, once around: spans and decisions have the same order, as a rule. */
static bool find_in(const struct ts_batch *kept, const struct ts_span_key *key, ts_view *at,
                    struct ts_decided *out)
{
    for (int round = 0; round < 2; round++) {
        while (ts_decided_next(at, out))
            if (ts_view_eq(out->key, ts_view_of(key->bytes, sizeof key->bytes)))
                return true;
        *at = kept->decisions;
    }
    return false;
}

bool trust_restore(struct trust_span *s, ts_view decision)
{
    struct ts_assessment *a = &s->assessment;
    struct ts_score *score = ts_arena_alloc(a->arena, sizeof *score);
    struct ts_decision known;
    if (!ts_decision_restore(decision, a->arena, &known, score))
        return false;
    a->decision = known;
    return true;
}

static void hang_on(struct trust_span *s, struct ts_batch *kept)
{
    ts_batch_pending_add(kept);
    s->kept = kept;
}

/* The score that followed, if it did. */
static void recall_answer(struct trust_span *s, struct ts_batch *kept)
{
    struct ts_decided found;
    for (struct ts_batch *k = kept->kept; k; k = k->kept_next) {
        ts_view at = k->decisions;
        if (!find_in(k, &s->key, &at, &found))
            continue;
        s->answer = found.decision;
        hang_on(s, k);
        return;
    }
    hang_on(s, kept);
}

static void recall_kept(struct trust_held *h, struct ts_batch *kept)
{
    struct ts_decided found;
    ts_view at = kept->decisions;
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (s->known || !find_in(kept, &s->key, &at, &found) || !trust_restore(s, found.decision))
            continue;
        bool late = s->assessment.decision.kind == TS_LATE;
        s->known = true;
        s->late = late && kept->table == TS_TABLE_LATE;
        s->copied = late && !s->late;
        recall_answer(s, kept);
    }
}

/* ---- of lately ---- */

/* The span's own decision, for the others. */
static ts_view stored(const struct trust_span *s, struct ts_buf *sequence)
{
    struct ts_decided own;
    ts_decision_store(&s->key, &s->assessment.llm, &s->assessment.decision, false, sequence);
    ts_view all = ts_buf_view(sequence);
    return ts_decided_next(&all, &own) ? own.decision : TS_NOTHING;
}

static void take_over(struct trust_span *s, ts_view copy)
{
    s->copied = s->known = copy.len > 0 && trust_restore(s, copy);
}

static ts_view meet(struct trust_span *s)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_view copy =
        trust_recent_meet(s->held->self->recent, &s->key, stored(s, &text), s->assessment.arena);
    ts_buf_release(&text);
    return copy;
}

static void name_spans(struct trust_held *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->spans[i].key = ts_span_key_of(h->at[i].span);
}

void trust_recall(struct trust_held *h)
{
    name_spans(h);
    for (struct ts_batch *k = h->batch->kept; k; k = k->kept_next)
        if (is_own(h, k))
            recall_kept(h, k);
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (s->known)
            meet(s); /* copies come behind it */
        else
            take_over(s, trust_recent_find(h->self->recent, &s->key, s->assessment.arena));
    }
}

void trust_recall_due(struct trust_held *h, struct ts_batch *kept)
{
    name_spans(h);
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        s->known = s->late = true;
        recall_answer(s, kept);
    }
}

void trust_settle(struct trust_held *h)
{
    for (size_t i = 0; i < h->count; i++) {
        struct trust_span *s = &h->spans[i];
        if (!s->known)
            take_over(s, meet(s));
        s->late = s->late && !s->copied;
        s->left = s->assessment.decision;
    }
}

/* ---- keeping ---- */

static void on_kept(void *arg, bool durable)
{
    struct trust_held *h = arg;
    (void)durable; /* when the store is full, the spans leave all the same */
    h->storing = false;
    h->kept(h);
}

bool trust_keep(struct trust_held *h, void (*done)(struct trust_held *))
{
    struct ts_buf decisions = TS_BUF_INIT;
    struct ts_part part;
    bool due = false;
    for (size_t i = 0; i < h->count; i++) {
        const struct trust_span *s = &h->spans[i];
        due = due || (s->late && !s->kept);
        if (!s->kept)
            ts_decision_store(&s->key, &s->assessment.llm, &s->left, false, &decisions);
    }
    bool worth = due || (h->batch->id && decisions.len > 0);
    if (worth) {
        const struct ts_keep keep = {.key = h->self->host->key,
                                     .decisions = ts_buf_view(&decisions),
                                     .give_up = due ? ts_wall_now() + h->self->config->give_up : 0,
                                     .kept = on_kept,
                                     .arg = h};
        h->kept = done;
        h->storing = true;
        if (due)
            trust_cut_due(h, &part);
        struct ts_batch *kept = ts_batch_keep(h->batch, due ? &part : NULL, &keep);
        for (size_t i = 0; i < h->count; i++)
            if (!h->spans[i].kept)
                hang_on(&h->spans[i], kept);
    }
    ts_buf_release(&decisions);
    return worth;
}

/* ---- answers ---- */

/* Until the answer is in the store the late record stays: what of the two is found has the score. */
struct answer {
    struct ts_batch *late;
};

static void on_answer_kept(void *arg, bool durable)
{
    struct answer *a = arg;
    (void)durable;
    ts_batch_pending_done(a->late, TS_DELIVERED);
    free(a);
}

void trust_keep_answer(struct trust_span *s)
{
    struct ts_buf decision = TS_BUF_INIT;
    struct ts_batch *late = s->kept;
    if (!late || !late->id)
        return;
    struct answer *a = ts_alloc(sizeof *a);
    a->late = late; /* pending for the span so far, from now on for this */
    ts_decision_store(&s->key, &s->assessment.llm, &s->assessment.decision, true, &decision);
    const struct ts_keep keep = {.key = s->held->self->host->key,
                                 .decisions = ts_buf_view(&decision),
                                 .kept = on_answer_kept,
                                 .arg = a};
    hang_on(s, ts_batch_keep(late, NULL, &keep));
    ts_buf_release(&decision);
}
