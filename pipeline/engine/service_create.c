/* service_create.c - instances from a plan, and how they are connected. */
#include "net/api_client.h"
#include "pipeline/engine/service_internal.h"

#include <stdlib.h>

static struct ts_instance *create_one(struct ts_service *s, const struct ts_planned *p,
                                      struct made *m, struct ts_err *err)
{
    struct ts_engine *e = &s->engine;
    m->planned = p;
    m->host.id = (const char *)ts_arena_printf(s->plan->arena, "%s/%s",
                                               ts_component_kind_name(p->component->kind), p->id)
                     .ptr;
    m->host.loop = e->loops[s->made_count % e->loop_count];
    m->host.metrics = e->metrics;
    m->host.grpc = s->grpc;
    m->host.state_directory = e->store ? ts_store_directory(e->store) : NULL;
    m->host.patience = TS_API_PATIENT;
    m->host.loops = e->loops;
    m->host.loop_count = e->loop_count;
    m->host.scorers = s->scorers;
    m->host.scorer_count = s->scorer_count;
    m->instance = p->component->create(&m->host, p->config, err);
    if (!m->instance) {
        ts_fail_in(err, "%s", p->path);
        return NULL;
    }
    s->made_count++;
    return m->instance;
}

static bool create_scorers(struct ts_service *s, struct ts_err *err)
{
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != TS_SCORER || !p->used)
            continue;
        struct ts_instance *instance = create_one(s, p, &s->made[s->made_count], err);
        if (!instance)
            return false;
        s->scorers[s->scorer_count++] =
            (struct ts_scorer_instance){p->id, (const void *)p->component, instance};
    }
    return true;
}

static bool create_exporters(struct ts_service *s, struct ts_err *err)
{
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != TS_EXPORTER || !p->used)
            continue;
        struct made *m = &s->made[s->made_count];
        if (!create_one(s, p, m, err))
            return false;
        struct ts_exporter_node *n = &s->exporters[s->exporter_count++];
        *n = (struct ts_exporter_node){
            p->id, (const void *)p->component, m->instance, m->host.loop, NULL, NULL};
        ts_exporter_node_init(n, s->engine.metrics);
    }
    return true;
}

static struct ts_exporter_node *exporter_of(struct ts_service *s, const struct ts_planned *p)
{
    struct ts_exporter_node *n = s->exporters;
    while (strcmp(n->id, p->id) != 0)
        n++;
    return n;
}

static void link_pipeline(struct ts_service *s, const struct ts_planned_pipeline *planned,
                          struct ts_pipeline *p)
{
    struct ts_arena *arena = s->plan->arena;
    p->id = planned->id;
    p->signal = planned->signal;
    p->node_count = planned->processors.count;
    p->nodes = ts_alloc((p->node_count + 1) * sizeof *p->nodes);
    for (size_t i = 0; i < p->node_count; i++) {
        p->nodes[i].processor = (const void *)planned->processors.list[i]->component;
        p->nodes[i].key =
            (const char *)ts_arena_printf(arena, "%s %s", p->id, planned->processors.list[i]->id)
                .ptr;
    }
    while (ts_signals[p->fanout.signal] != p->signal)
        p->fanout.signal++;
    p->fanout.count = planned->exporters.count;
    p->fanout.nodes = ts_alloc((p->fanout.count + 1) * sizeof(struct ts_exporter_node *));
    for (size_t i = 0; i < p->fanout.count; i++)
        p->fanout.nodes[i] = exporter_of(s, planned->exporters.list[i]);
    ts_pipeline_link(p);
}

static bool create_processors(struct ts_service *s, const struct ts_planned_pipeline *planned,
                              struct ts_pipeline *p, struct ts_err *err)
{
    for (size_t i = 0; i < p->node_count; i++) {
        struct made *m = &s->made[s->made_count];
        m->host.pipeline = p;
        m->host.next = &p->nodes[i].next;
        m->host.key = p->nodes[i].key;
        p->nodes[i].instance = create_one(s, planned->processors.list[i], m, err);
        if (!p->nodes[i].instance)
            return false;
    }
    return true;
}

static bool create_pipelines(struct ts_service *s, struct ts_err *err)
{
    struct ts_routes *r = &s->routes;
    for (const struct ts_planned_pipeline *p = s->plan->pipelines; p; p = p->next)
        r->pipeline_count++;
    r->pipelines = ts_alloc((r->pipeline_count + 1) * sizeof *r->pipelines);
    struct ts_pipeline *made = r->pipelines;
    for (const struct ts_planned_pipeline *p = s->plan->pipelines; p; p = p->next, made++) {
        link_pipeline(s, p, made);
        if (!create_processors(s, p, made, err))
            return false;
    }
    return true;
}

/* ---- routes ---- */

static bool brings(const struct ts_planned_pipeline *p, const char *source)
{
    for (size_t i = 0; i < p->receivers.count; i++)
        if (strcmp(p->receivers.list[i]->id, source) == 0)
            return true;
    return false;
}

/* `source` NULL: every pipeline of the signal. A route that leads nowhere is none. */
static void add_route(struct ts_service *s, const struct ts_signal *signal, const char *source)
{
    struct ts_routes *r = &s->routes;
    struct ts_route *route = &r->list[r->count];
    *route = (struct ts_route){.source = source, .signal = signal};
    route->pipelines = ts_alloc((r->pipeline_count + 1) * sizeof(struct ts_pipeline *));
    struct ts_pipeline *made = r->pipelines;
    for (const struct ts_planned_pipeline *p = s->plan->pipelines; p; p = p->next, made++)
        if (p->signal == signal && (!source || brings(p, source)))
            route->pipelines[route->count++] = made;
    if (route->count > 0)
        r->count++;
    else
        free(route->pipelines);
}

static void make_routes(struct ts_service *s)
{
    size_t receivers = 0;
    size_t signals = 0;
    for (const struct ts_planned *p = s->plan->components; p; p = p->next)
        receivers += p->component->kind == TS_RECEIVER && p->used;
    while (ts_signals[signals])
        signals++;
    s->routes.list = ts_alloc((receivers + 1) * signals * sizeof *s->routes.list);
    for (size_t i = 0; i < signals; i++)
        for (const struct ts_planned *p = s->plan->components; p; p = p->next)
            if (p->component->kind == TS_RECEIVER && p->used)
                add_route(s, ts_signals[i], p->id);
    for (size_t i = 0; i < signals; i++) /* behind the others: what nobody else takes */
        add_route(s, ts_signals[i], NULL);
}

static bool create_receivers(struct ts_service *s, struct ts_err *err)
{
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != TS_RECEIVER || !p->used)
            continue;
        struct made *m = &s->made[s->made_count];
        m->intake = (struct ts_intake){&s->engine, &s->loader, &s->routes, p->id};
        m->host.intake = &m->intake;
        if (!create_one(s, p, m, err))
            return false;
    }
    return true;
}

/* Of all instances: a processor has one in each pipeline. */
static size_t count_instances(const struct ts_plan *plan)
{
    size_t n = 0;
    for (const struct ts_planned *p = plan->components; p; p = p->next)
        n++;
    for (const struct ts_planned_pipeline *p = plan->pipelines; p; p = p->next)
        n += p->processors.count;
    return n;
}

bool ts_service_create(struct ts_service *s, struct ts_err *err)
{
    size_t most = count_instances(s->plan) + 1;
    s->made = ts_alloc(most * sizeof *s->made);
    s->scorers = ts_alloc(most * sizeof *s->scorers);
    s->exporters = ts_alloc(most * sizeof *s->exporters);
    if (!create_scorers(s, err) || !create_exporters(s, err) || !create_pipelines(s, err))
        return false;
    make_routes(s);
    ts_loader_init(&s->loader, &s->engine, &s->routes);
    return create_receivers(s, err);
}

void ts_service_free_created(struct ts_service *s)
{
    for (size_t i = s->made_count; i-- > 0;)
        s->made[i].planned->component->free(s->made[i].instance);
    for (size_t i = 0; i < s->exporter_count; i++)
        ts_exporter_node_release(&s->exporters[i]);
    for (size_t i = 0; i < s->routes.pipeline_count; i++) {
        free(s->routes.pipelines[i].nodes);
        free(s->routes.pipelines[i].fanout.nodes);
    }
    for (size_t i = 0; i < s->routes.count; i++)
        free(s->routes.list[i].pipelines);
    free(s->routes.pipelines);
    free(s->routes.list);
    free(s->exporters);
    free(s->scorers);
    free(s->made);
}
