/* pipeline.c - along the chain. */
#include "pipeline/engine/pipeline.h"

/* ---- the chain ---- */

static bool is_whole(const struct ts_batch *b, const struct ts_part *part)
{
    ts_view all = ts_payload_view(b->payload);
    return part->count == 1 && part->slices[0].ptr == all.ptr && part->slices[0].len == all.len;
}

/* What this node noted of the batch, if the part is what it looked at. */
static struct ts_notes *const *notes_of(const struct ts_processor_node *node,
                                        const struct ts_batch *b, const struct ts_part *part)
{
    if (!node->inspects || !b->route || !is_whole(b, part))
        return NULL;
    size_t i = 0;
    while (b->route->pipelines[i] != node->pipeline)
        i++;
    return &b->notes[i];
}

static void consume(void *self, struct ts_batch *b, struct ts_part *part,
                    const struct ts_items *items, struct ts_completion *completion)
{
    const struct ts_processor_node *node = self;
    node->processor->consume(node->instance, b, part, items, completion, notes_of(node, b, part));
}

void ts_pipeline_link(struct ts_pipeline *p)
{
    bool inspected = false;
    for (size_t i = 0; i < p->node_count; i++) {
        struct ts_processor_node *node = &p->nodes[i];
        node->pipeline = p;
        node->next = i + 1 < p->node_count ? (struct ts_consumer){&p->nodes[i + 1], consume}
                                           : (struct ts_consumer){&p->fanout, ts_fanout_consume};
        node->inspects = !inspected && node->processor->inspect;
        inspected = inspected || node->inspects;
    }
}

void ts_pipeline_evaluate(struct ts_pipeline *p, struct ts_batch *b,
                          struct ts_evaluation *evaluation)
{
    ts_fanout_evaluate(&p->fanout, b, evaluation);
}

bool ts_pipeline_wants_evaluations(const struct ts_pipeline *p)
{
    return ts_fanout_wants_evaluations(&p->fanout);
}

/* ---- batches ---- */

struct ts_batch *ts_route_batch(const struct ts_route *route, struct ts_engine *engine,
                                struct ts_payload *payload, struct ts_headers *headers)
{
    struct ts_batch *b = ts_batch_new(engine, route->signal, payload, headers, route->count);
    b->route = route;
    return b;
}

static const struct ts_processor_node *inspector(const struct ts_pipeline *p)
{
    for (size_t i = 0; i < p->node_count; i++)
        if (p->nodes[i].inspects)
            return &p->nodes[i];
    return NULL;
}

struct look {
    const struct ts_processor_node *node;
    struct ts_notes **notes;
};

static void show_one(void *arg, const struct ts_span_at *at)
{
    const struct look *look = arg;
    look->node->processor->inspect(look->node->instance, look->notes, at);
}

static void show_all(void *arg, const struct ts_span_at *at)
{
    struct ts_batch *b = arg;
    for (size_t i = 0; i < b->route->count; i++) {
        struct look look = {inspector(b->route->pipelines[i]), &b->notes[i]};
        if (look.node)
            show_one(&look, at);
    }
}

bool ts_route_scan(struct ts_batch *b, bool strict_ids, struct ts_err *err)
{
    const struct ts_route *r = b->route;
    ts_view request = ts_payload_view(b->payload);
    if (r->count > 1)
        return r->signal->scan(request, strict_ids, show_all, b, &b->items, err);
    struct look look = {inspector(r->pipelines[0]), b->notes};
    return r->signal->scan(request, strict_ids, look.node ? show_one : NULL, &look, &b->items, err);
}

static void run(struct ts_task *task)
{
    struct ts_batch *b = TS_CONTAINER_OF(task, struct ts_batch, task);
    const struct ts_items unknown = {NULL, 0};
    for (size_t i = 0; i < b->route->count; i++) {
        struct ts_pipeline *p = b->route->pipelines[i];
        struct ts_part all;
        ts_part_whole(b->payload, b->items, &all);
        if (p->node_count > 0)
            consume(&p->nodes[0], b, &all, &unknown, NULL);
        else
            ts_fanout_consume(&p->fanout, b, &all, &unknown, NULL);
    }
    ts_batch_pending_done(b, TS_DELIVERED); /* what is still to come has added itself */
}

void ts_route_dispatch(struct ts_batch *b)
{
    ts_batch_begin(b, ts_engine_loop(b->engine));
    b->task.run = run;
    ts_loop_post(b->home, &b->task);
}

/* ---- routes ---- */

const struct ts_route *ts_routes_find(const struct ts_routes *routes,
                                      const struct ts_signal *signal, ts_view source)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct ts_route *r = &routes->list[i];
        if (r->signal == signal && (!r->source || ts_view_is(source, r->source)))
            return r;
    }
    return NULL;
}

struct ts_processor_node *ts_routes_owner(const struct ts_routes *routes, ts_view key)
{
    struct ts_processor_node *first = NULL;
    for (size_t i = 0; i < routes->pipeline_count; i++) {
        const struct ts_pipeline *p = &routes->pipelines[i];
        for (size_t k = 0; k < p->node_count; k++) {
            if (!p->nodes[k].processor->resume)
                continue;
            if (ts_view_is(key, p->nodes[k].key))
                return &p->nodes[k];
            first = first ? first : &p->nodes[k];
        }
    }
    return first;
}

static void resume(struct ts_task *task)
{
    struct ts_batch *b = TS_CONTAINER_OF(task, struct ts_batch, task);
    b->owner->processor->resume(b->owner->instance, b);
    ts_batch_pending_done(b, TS_DELIVERED);
}

void ts_routes_resume(struct ts_batch *late, struct ts_processor_node *owner)
{
    late->owner = owner;
    ts_batch_begin(late, ts_engine_loop(late->engine));
    late->task.run = resume;
    ts_loop_post(late->home, &late->task);
}
