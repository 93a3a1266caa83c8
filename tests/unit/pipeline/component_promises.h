/* component_promises.h - what every component promises of its life (component.h and the header of its
 * kind): whatever state it is in, a stop ends it, what it was given ends once, later and with nothing lost,
 * and then it is silent. */
#ifndef COMPONENT_PROMISES_H
#define COMPONENT_PROMISES_H

#include "component_world.h"

/* ---- things that must end once, later, and lose nothing ---- */

struct thing {
    struct world *world;
    struct ts_loop *loop;
    void (*submit)(struct thing *);
    bool submitting; /* only its loop looks at it */
    _Atomic int ends;
    atomic_bool inside, elsewhere, bad;
    struct ts_part part;
    struct ts_send send;
    struct ts_evaluation *evaluation;
    struct ts_post post;
    struct ts_arena *arena;
    struct ts_llm llm;
    struct ts_score_job job;
    struct ts_batch *batch;
};

static void ended(struct thing *t, bool good)
{
    if (t->submitting)
        atomic_store(&t->inside, true);
    if (!ts_loop_here(t->loop))
        atomic_store(&t->elsewhere, true);
    if (!good)
        atomic_store(&t->bad, true);
    atomic_fetch_add(&t->ends, 1);
}

static bool is_kept(enum ts_outcome outcome)
{
    return outcome == TS_SENT || outcome == TS_RETRY || outcome == TS_BLOCKED;
}

static void on_sent(struct ts_send *send, enum ts_outcome outcome)
{
    ended(TS_CONTAINER_OF(send, struct thing, send), is_kept(outcome));
}

static void submit_send(struct thing *t)
{
    const struct ts_exporter *x = (const void *)t->world->component;
    ts_part_whole(t->world->request, SPANS, &t->part);
    t->send = (struct ts_send){
        .signal = ts_signals[0], .part = &t->part, .owner = t->world->request, .done = on_sent};
    x->send(t->world->instance, &t->send);
}

static void on_posted(struct ts_post *post, enum ts_outcome outcome)
{
    ended(TS_CONTAINER_OF(post, struct thing, post), is_kept(outcome));
}

static void submit_post(struct thing *t)
{
    const struct ts_exporter *x = (const void *)t->world->component;
    t->evaluation = ts_evaluation_new(NULL);
    t->evaluation->trace_id = TS_LIT("0102030405060708090a0b0c0d0e0f10");
    t->evaluation->span_id = TS_LIT("0102030405060709");
    t->evaluation->annotator_kind = "CODE";
    t->post = (struct ts_post){.items = &t->evaluation, .count = 1, .done = on_posted};
    x->post(t->world->instance, &t->post);
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct ts_score_job *s = (struct ts_score_job *)(void *)job;
    ended(TS_CONTAINER_OF(s, struct thing, job), end == TS_JOB_DONE || end == TS_JOB_CANCELLED);
}

static void submit_score(struct thing *t)
{
    static struct ts_message question = {.role = TS_LIT("user"), .content = TS_LIT("Which?")};
    const struct ts_scorer *x = (const void *)t->world->component;
    t->arena = ts_arena_new();
    t->llm = (struct ts_llm){.kind = TS_KIND_LLM,
                             .messages = &question,
                             .message_count = 1,
                             .response = TS_LIT("Gallium.")};
    t->job = (struct ts_score_job){
        .job = {.home = t->loop, .done = on_scored}, .llm = &t->llm, .arena = t->arena};
    x->score(t->world->instance, &t->job);
}

static void on_batch_ended(void *arg, enum ts_fate fate)
{
    ended(arg, fate == TS_DELIVERED);
}

static void submit_batch(struct thing *t)
{
    const struct ts_processor *x = (const void *)t->world->component;
    const struct ts_items unknown = {NULL, 0};
    struct ts_part part;
    struct ts_batch *b =
        ts_batch_new(&t->world->engine, ts_signals[0], ts_payload_ref(t->world->request), NULL, 0);
    b->items = SPANS;
    b->ended = on_batch_ended;
    b->arg = t;
    t->batch = b;
    ts_batch_begin(b, t->loop);
    ts_part_whole(b->payload, SPANS, &part);
    x->consume(t->world->instance, b, &part, &unknown, NULL, NULL);
}

static void submit_on_loop(void *arg)
{
    struct thing *t = arg;
    t->submitting = true;
    t->submit(t);
    t->submitting = false;
    if (t->batch)
        ts_batch_pending_done(t->batch, TS_DELIVERED);
}

static size_t submit_some(struct world *w, struct thing *things, void (*submit)(struct thing *),
                          bool any_loop)
{
    for (size_t i = 0; i < THINGS; i++) {
        things[i] = (struct thing){.world = w, .submit = submit};
        things[i].loop = any_loop ? w->engine.loops[i % LOOPS] : w->host.loop;
        on_loop(things[i].loop, submit_on_loop, &things[i]);
    }
    return THINGS;
}

/* One of everything that the kind takes. Returns how many. */
static size_t submit_all(struct world *w, struct thing *things)
{
    const struct ts_exporter *x = (const void *)w->component;
    size_t n = 0;
    switch (w->component->kind) {
    case TS_EXPORTER:
        n += x->send ? submit_some(w, things, submit_send, false) : 0;
        n += x->post ? submit_some(w, things + n, submit_post, false) : 0;
        break;
    case TS_SCORER:
        n += submit_some(w, things, submit_score, true);
        break;
    case TS_PROCESSOR:
        n += submit_some(w, things, submit_batch, true);
        break;
    default: /* they are asked for nothing */
        break;
    }
    return n;
}

static bool has_ended(void *arg)
{
    return atomic_load(&((struct thing *)arg)->ends) > 0;
}

static void check_things(struct thing *things, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct thing *t = &things[i];
        if (atomic_load(&t->ends) > 1)
            broken("something ended twice");
        if (atomic_load(&t->inside))
            broken("something ended inside the call");
        if (atomic_load(&t->elsewhere))
            broken("something ended on another thread than its loop's");
        if (atomic_load(&t->bad))
            broken("the stop lost something");
    }
}

static void release_things(struct thing *things, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ts_part_release(&things[i].part);
        ts_evaluation_unref(things[i].evaluation);
        ts_arena_free(things[i].arena);
    }
}

/* ---- lives ---- */

struct flushing {
    struct world *world;
    struct ts_loop *loop;
};

static void flush_here(void *arg)
{
    struct flushing *f = arg;
    const struct ts_processor *p = (const void *)f->world->component;
    p->flush(f->world->instance, f->loop);
}

/* What the engine does before it stops the instance: see service.c. */
static void prepare_stop(struct world *w)
{
    const struct ts_processor *p = (const void *)w->component;
    if (w->component->kind != TS_PROCESSOR)
        return;
    for (size_t i = 0; p->flush && i < LOOPS; i++)
        on_loop(w->engine.loops[i], flush_here, &(struct flushing){w, w->engine.loops[i]});
    stop_holding(true);
}

static bool has_no_batch(void *arg)
{
    return atomic_load(&((struct world *)arg)->engine.batches) == 0;
}

static void expect_end(struct world *w, struct thing *things, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!wait_for(has_ended, &things[i], "something never ends"))
            return;
    wait_for(has_no_batch, w, "a batch is kept for ever");
    for (size_t i = 0; i < LOOPS; i++)
        expect_silence(&w->silence[i]);
}

static void live_and_stop(struct world *w)
{
    static struct thing early[2 * THINGS];
    static struct thing late[2 * THINGS];
    struct ts_err err = {0};
    if (w->component->start && !w->component->start(w->instance, &err)) {
        broken(err.what);
        return;
    }
    size_t early_count = submit_all(w, early);
    prepare_stop(w);
    stop(w);
    expect_end(w, early, early_count);
    stop(w);
    size_t late_count = submit_all(w, late);
    expect_end(w, late, late_count);
    check_things(early, early_count);
    check_things(late, late_count);
    size_t items = (early_count + late_count) * SPANS;
    if (w->component->kind == TS_PROCESSOR && (size_t)atomic_load(&w->passed_on) != items)
        broken("not every item was passed on once");
    stop(w);
    expect_end(w, NULL, 0);
    atomic_store(&over, true);
    for (size_t i = 0; i < LOOPS; i++)
        ts_loop_stop(w->engine.loops[i]);
    release_things(early, early_count);
    release_things(late, late_count);
}

/* Every promise about its life; false, with a finding, when one is broken. */
static bool keeps_promises(const struct ts_component *c)
{
    struct world w;
    finding[0] = '\0';
    c->free(NULL);
    open_world(&w, c);
    stop(&w);
    stop(&w);
    expect_end(&w, NULL, 0);
    close_world(&w);
    if (finding[0])
        return false;
    open_world(&w, c);
    if (w.instance)
        live_and_stop(&w);
    close_world(&w);
    return !finding[0];
}

#endif
