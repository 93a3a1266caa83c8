/* pipeline_home.h - an engine_home with two pipelines, of fake processors and a fake exporter each:
 *     traces          A, B, exporter "one"
 *     traces/second   C, exporter "two"
 * The receiver "single" brings to the first, "both" to both; so does what has no known source. */
#ifndef PIPELINE_HOME_H
#define PIPELINE_HOME_H

#include "engine_home.h"
#include "pipeline/engine/intake.h"

enum { PIPELINE_HOME_MOST = 16 };

/* The instance: passes on what it gets, at once or when the test lets go. */
struct fake_processor {
    const char *name;
    const struct ts_consumer *next;
    struct ts_buf *journal; /* shared: "A3 " for a part of three items */
    struct ts_items adds;   /* known of the items from here on; none: what came */
    bool holds;
    struct {
        struct ts_batch *batch;
        struct ts_part part;
        struct ts_completion *completion;
    } held[PIPELINE_HOME_MOST];
    struct ts_batch *resumed[PIPELINE_HOME_MOST]; /* pending until the test is done with them */
    size_t held_count, resumed_count;
    struct ts_items got; /* of the last part; counted only */
    const struct ts_decision *first_decision;
    bool had_notes;     /* the last part had, of … */
    size_t noted_items; /* … so many items */
};

struct fake_notes {
    struct ts_notes base;
    size_t items;
};

static inline void fake_free_notes(struct ts_notes *notes)
{
    free(notes);
}

static inline void fake_inspect(const struct ts_instance *instance, struct ts_notes **notes,
                                const struct ts_span_at *at)
{
    struct fake_notes *n = (void *)*notes;
    (void)instance;
    if (!n) {
        n = ts_alloc(sizeof *n);
        n->base.free = fake_free_notes;
        *notes = &n->base;
    }
    assert_int_equal(at->index, n->items);
    n->items++;
}

static inline void fake_consume(struct ts_instance *instance, struct ts_batch *batch,
                                struct ts_part *part, const struct ts_items *items,
                                struct ts_completion *completion, struct ts_notes *const *notes)
{
    struct fake_processor *p = (void *)instance;
    ts_buf_printf(p->journal, "%s%zu ", p->name, part->items);
    p->got = *items;
    p->first_decision = items->count > 0 ? items->list[0].decision : NULL;
    p->had_notes = notes != NULL;
    p->noted_items = notes && *notes ? ((struct fake_notes *)(void *)*notes)->items : 0;
    if (!p->holds) {
        ts_pass_on(p->next, batch, part, p->adds.count > 0 ? &p->adds : items, completion);
        return;
    }
    assert_true(p->held_count < PIPELINE_HOME_MOST);
    p->held[p->held_count].batch = batch;
    p->held[p->held_count].part = *part;
    p->held[p->held_count++].completion = completion;
    *part = (struct ts_part){0};
    ts_batch_pending_add(batch);
}

/* Passes on the part that it has held longest. */
static inline void fake_let_go(struct fake_processor *p)
{
    const struct ts_items unknown = {NULL, 0};
    assert_true(p->held_count > 0);
    struct ts_batch *batch = p->held[0].batch;
    struct ts_part part = p->held[0].part;
    struct ts_completion *completion = p->held[0].completion;
    memmove(&p->held[0], &p->held[1], --p->held_count * sizeof p->held[0]);
    ts_pass_on(p->next, batch, &part, &unknown, completion);
    ts_batch_pending_done(batch, TS_DELIVERED);
}

static inline void fake_resume(struct ts_instance *instance, struct ts_batch *batch)
{
    struct fake_processor *p = (void *)instance;
    assert_true(p->resumed_count < PIPELINE_HOME_MOST);
    p->resumed[p->resumed_count++] = batch;
    ts_batch_pending_add(batch);
}

static const struct ts_processor fake_passing __attribute__((unused)) = {.consume = fake_consume};
static const struct ts_processor fake_inspecting
    __attribute__((unused)) = {.inspect = fake_inspect, .consume = fake_consume};
static const struct ts_processor fake_resuming
    __attribute__((unused)) = {.consume = fake_consume, .resume = fake_resume};

/* ---- the home ---- */

struct pipeline_home {
    struct engine_home at;
    struct fake_exporter fakes[2];
    struct ts_exporter_node exporters[2];
    struct ts_exporter_node *lists[2];
    struct fake_processor a, b, c;
    struct ts_processor_node nodes[3];
    struct ts_pipeline pipelines[2];
    struct ts_pipeline *routed[2];
    struct ts_route list[3];
    struct ts_routes routes;
    struct ts_loader loader;
    struct ts_intake single, both;
    struct ts_buf journal;
};

static inline void pipeline_home_exporter(struct pipeline_home *h, size_t i, const char *id)
{
    fake_init(&h->fakes[i], h->at.loop);
    h->exporters[i] = (struct ts_exporter_node){.id = id,
                                                .exporter = &fake_exporter,
                                                .instance = fake_instance(&h->fakes[i]),
                                                .loop = h->at.loop};
    ts_exporter_node_init(&h->exporters[i], h->at.engine.metrics);
    h->lists[i] = &h->exporters[i];
    h->pipelines[i].fanout = (struct ts_fanout){.nodes = &h->lists[i], .count = 1};
    h->pipelines[i].signal = ts_signals[0];
}

/* `kinds` of A, B and C; NULL: they only pass on. */
static inline void pipeline_home_init(struct pipeline_home *h, bool stored,
                                      const struct ts_processor *const *kinds)
{
    static const struct ts_processor *const passing[] = {&fake_passing, &fake_passing,
                                                         &fake_passing};
    static const char *const names[] = {"A", "B", "C"};
    static const char *const keys[] = {"traces A", "traces B", "traces/second C"};
    struct fake_processor *const all[] = {&h->a, &h->b, &h->c};
    kinds = kinds ? kinds : passing;
    *h = (struct pipeline_home){.journal = TS_BUF_INIT};
    home_init(&h->at, stored);
    pipeline_home_exporter(h, 0, "one");
    pipeline_home_exporter(h, 1, "two");
    for (size_t i = 0; i < 3; i++) {
        all[i]->name = names[i];
        all[i]->journal = &h->journal;
        all[i]->next = &h->nodes[i].next;
        h->nodes[i].processor = kinds[i];
        h->nodes[i].instance = (struct ts_instance *)(void *)all[i];
        h->nodes[i].key = keys[i];
    }
    h->pipelines[0].id = "traces";
    h->pipelines[0].nodes = &h->nodes[0];
    h->pipelines[0].node_count = 2;
    h->pipelines[1].id = "traces/second";
    h->pipelines[1].nodes = &h->nodes[2];
    h->pipelines[1].node_count = 1;
    for (size_t i = 0; i < 2; i++) {
        ts_pipeline_link(&h->pipelines[i]);
        h->routed[i] = &h->pipelines[i];
    }
    h->list[0] = (struct ts_route){"single", ts_signals[0], h->routed, 1};
    h->list[1] = (struct ts_route){"both", ts_signals[0], h->routed, 2};
    h->list[2] = (struct ts_route){NULL, ts_signals[0], h->routed, 2};
    h->routes = (struct ts_routes){h->list, 3, h->pipelines, 2};
    ts_loader_init(&h->loader, &h->at.engine, &h->routes);
    h->single = (struct ts_intake){&h->at.engine, &h->loader, &h->routes, "single"};
    h->both = (struct ts_intake){&h->at.engine, &h->loader, &h->routes, "both"};
}

static inline void pipeline_home_release(struct pipeline_home *h)
{
    for (size_t i = 0; i < 2; i++)
        ts_exporter_node_release(&h->exporters[i]);
    ts_loader_release(&h->loader);
    home_release(&h->at);
    ts_buf_release(&h->journal);
}

static inline void home_leave(struct pipeline_home *h, bool failing, bool all)
{
    for (size_t i = 0; i < 2; i++)
        ts_exporter_node_leave(&h->exporters[i], failing, all);
    home_settle(&h->at);
}

/* Both exporters take all that they get. */
static inline void home_take_all(struct pipeline_home *h)
{
    home_settle(&h->at);
    for (size_t i = 0; i < 2; i++)
        fake_take_all(&h->fakes[i]);
    home_settle(&h->at);
}

/* ---- requests ---- */

struct home_answer {
    int answers;
    struct ts_err err;
};

static inline void home_on_answer(void *arg, const struct ts_err *err)
{
    struct home_answer *a = arg;
    a->answers++;
    a->err = err ? *err : (struct ts_err){0};
}

static inline void home_submit(const struct ts_intake *intake, struct ts_payload *payload,
                               enum ts_acknowledge when, struct home_answer *answer)
{
    *answer = (struct home_answer){0};
    const struct ts_request request = {.signal = ts_signals[0],
                                       .payload = payload,
                                       .headers = fake_tenant("tenant"),
                                       .strict_ids = true,
                                       .when = when,
                                       .counters = ts_intake_count(intake, ts_signals[0], "grpc"),
                                       .acknowledge = home_on_answer,
                                       .arg = answer};
    ts_intake_submit(intake, &request);
}

#endif
