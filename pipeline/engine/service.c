/* service.c - start and stop order (otlp-and-collector.md 2.13, R-31). */
#include "pipeline/engine/service.h"

#include "base/log.h"
#include "net/api_client.h"
#include "net/grpc.h"
#include "net/http_server.h"
#include "pipeline/engine/intake.h"
#include "pipeline/extension.h"
#include "pipeline/scorer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPONENT "service"

/* One created instance. */
struct made {
    const struct ts_planned *planned;
    struct ts_host host;
    struct ts_intake intake; /* receivers */
    struct ts_instance *instance;
};

struct ts_service {
    const struct ts_plan *plan;
    struct ts_engine engine;
    struct ts_loader loader;
    struct ts_grpc *grpc;
    struct ts_http_server *page;
    struct made *made; /* in the order of creation: scorers, exporters, processors, receivers */
    size_t made_count;
    struct ts_scorer_instance *scorers;
    size_t scorer_count;
    struct ts_exporter_node *exporters;
    size_t exporter_count;
    struct ts_routes routes;
};

/* ---- metrics page ---- */

static int metrics_page(void *arg, const char *path, struct ts_buf *out, const char **content_type)
{
    struct ts_service *s = arg;
    if (strcmp(path, "/metrics") != 0) {
        ts_buf_add_str(out, "metrics are at /metrics\n");
        return 404;
    }
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    ts_metrics_print(s->engine.metrics, out);
    return 200;
}

static int64_t read_batches(void *arg)
{
    return atomic_load(&((struct ts_engine *)arg)->batches);
}

static int64_t read_memory(void *arg)
{
    return ts_memory_used(&((struct ts_engine *)arg)->memory);
}

static struct ts_store_stats stats(void *arg)
{
    struct ts_store_stats stats = {0};
    struct ts_engine *e = arg;
    if (e->store)
        ts_store_stats(e->store, &stats);
    return stats;
}

static int64_t read_spool(void *arg)
{
    return (int64_t)stats(arg).records[TS_TABLE_SPOOL];
}

static int64_t read_late(void *arg)
{
    return (int64_t)stats(arg).records[TS_TABLE_LATE];
}

static int64_t read_bytes(void *arg)
{
    return (int64_t)stats(arg).bytes;
}

static int64_t read_corrupt(void *arg)
{
    return (int64_t)stats(arg).corrupt;
}

static void add_gauges(struct ts_engine *e)
{
    static const struct {
        const char *name, *help;
        int64_t (*read)(void *);
    } rows[] = {
        {"trustspan_batches", "Requests in memory that are being worked on.", read_batches},
        {"trustspan_memory_bytes", "Bytes of requests in memory.", read_memory},
        {"trustspan_spool_requests", "Requests in the store, not yet delivered.", read_spool},
        {"trustspan_spool_late", "Records on the late list.", read_late},
        {"trustspan_spool_bytes", "Size of all stored records.", read_bytes},
        {"trustspan_spool_corrupt", "Damaged records passed over.", read_corrupt},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        ts_metrics_gauge(e->metrics, rows[i].name, "", rows[i].help, rows[i].read, e);
}

/* ---- parts of the start ---- */

static bool open_store(struct ts_service *s, struct ts_err *err)
{
    if (s->plan->service.storage == TS_STORAGE_NONE)
        return true;
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != TS_EXTENSION)
            continue;
        const struct ts_extension *x = (const struct ts_extension *)(const void *)p->component;
        struct ts_store_options options;
        if (!x->storage)
            continue;
        x->storage(p->config, &options);
        s->engine.store = ts_store_open(&options, err);
        if (!s->engine.store)
            return ts_fail_in(err, "%s", p->path);
        return true;
    }
    return true;
}

/* ---- creating ---- */

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

/* ---- starting ---- */

static bool start_kind(struct ts_service *s, enum ts_component_kind kind, struct ts_err *err)
{
    for (size_t i = 0; i < s->made_count; i++) {
        struct made *m = &s->made[i];
        const struct ts_component *c = m->planned->component;
        if (c->kind == kind && c->start && !c->start(m->instance, err))
            return ts_fail_in(err, "%s", m->planned->path);
    }
    return true;
}

static bool start_page(struct ts_service *s, struct ts_err *err)
{
    const char *endpoint = s->plan->service.telemetry.metrics.endpoint;
    if (!endpoint || !*endpoint)
        return true;
    s->page = ts_http_server_new(endpoint, metrics_page, s, err);
    return s->page || ts_fail_in(err, "service::telemetry::metrics::endpoint");
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

static bool start(struct ts_service *s, struct ts_err *err)
{
    s->grpc = ts_grpc_new((int)s->plan->service.grpc_threads, err);
    if (!s->grpc || !ts_engine_start_loops(&s->engine, (size_t)s->plan->service.loops, err) ||
        !open_store(s, err))
        return false;
    if (!create_scorers(s, err) || !create_exporters(s, err) || !create_pipelines(s, err))
        return false;
    make_routes(s);
    ts_loader_init(&s->loader, &s->engine, &s->routes);
    if (!create_receivers(s, err) || !start_page(s, err) || !start_kind(s, TS_SCORER, err) ||
        !start_kind(s, TS_EXPORTER, err) || !start_kind(s, TS_PROCESSOR, err))
        return false;
    ts_loader_recover(&s->loader);
    return start_kind(s, TS_RECEIVER, err);
}

struct ts_service *ts_service_start(const struct ts_plan *plan, struct ts_err *err)
{
    struct ts_service *s = ts_alloc(sizeof *s);
    size_t most = count_instances(plan) + 1;
    s->plan = plan;
    ts_engine_init(&s->engine, plan->service.memory_limit);
    s->made = ts_alloc(most * sizeof *s->made);
    s->scorers = ts_alloc(most * sizeof *s->scorers);
    s->exporters = ts_alloc(most * sizeof *s->exporters);
    add_gauges(&s->engine);
    if (start(s, err))
        return s;
    ts_service_stop(s);
    return NULL;
}

/* ---- stopping ---- */

static void stop_kind(struct ts_service *s, enum ts_component_kind kind, ts_time deadline)
{
    for (size_t i = s->made_count; i-- > 0;) {
        const struct ts_component *c = s->made[i].planned->component;
        if (c->kind == kind && c->stop)
            c->stop(s->made[i].instance, deadline);
    }
}

struct flushing {
    struct ts_task task;
    struct ts_service *service;
    struct ts_loop *loop;
};

/* Along each chain, so that what one lets go of is let go of by the next. */
static void flush_loop(struct ts_task *task)
{
    struct flushing *f = TS_CONTAINER_OF(task, struct flushing, task);
    const struct ts_routes *r = &f->service->routes;
    for (size_t i = 0; i < r->pipeline_count; i++)
        for (size_t k = 0; k < r->pipelines[i].node_count; k++) {
            const struct ts_processor_node *n = &r->pipelines[i].nodes[k];
            if (n->processor->flush && n->instance)
                n->processor->flush(n->instance, f->loop);
        }
    ts_barrier_leave(&f->service->engine.barrier, TS_STAGE_STORING);
    free(f);
}

static void flush(struct ts_service *s)
{
    struct ts_engine *e = &s->engine;
    for (size_t i = 0; i < e->loop_count; i++) {
        struct flushing *f = ts_alloc(sizeof *f);
        *f = (struct flushing){{.run = flush_loop}, s, e->loops[i]};
        ts_barrier_enter(&e->barrier, TS_STAGE_STORING); /* not to be overtaken by the wait */
        ts_loop_post(e->loops[i], &f->task);
    }
}

static void leave(struct ts_service *s, bool failing, bool all)
{
    for (size_t i = 0; i < s->exporter_count; i++)
        ts_exporter_node_leave(&s->exporters[i], failing, all);
}

/* Waits for what is on its way. What a store keeps is not worth waiting for when its backend fails. */
static void drain(struct ts_service *s, ts_time deadline)
{
    struct ts_barrier *b = &s->engine.barrier;
    const ts_time ending = TS_S; /* for what was cancelled to say so */
    leave(s, s->engine.store != NULL, false);
    bool through = ts_barrier_wait(b, false, deadline);
    if (!through) {
        ts_log(TS_WARN, COMPONENT, "the time to stop is over",
               "batches=%" PRId64 " evaluations=%" PRId64, ts_barrier_count(b, TS_STAGE_BATCHES),
               ts_barrier_count(b, TS_STAGE_EVALUATIONS));
        leave(s, true, true);
    }
    stop_kind(s, TS_SCORER, deadline); /* late scores are cancelled, and no more evaluations come */
    stop_kind(s, TS_EXPORTER, deadline);
    ts_barrier_wait(b, true, ts_now() + ending);
}

/* What the next start finds, or nobody will. */
static void say_what_is_left(struct ts_service *s)
{
    struct ts_store_stats left = stats(&s->engine);
    int64_t lost = atomic_load(&s->engine.lost);
    int64_t scores = atomic_load(&s->engine.lost_scores);
    if (left.records[TS_TABLE_SPOOL] + left.records[TS_TABLE_LATE] > 0)
        ts_log(TS_INFO, COMPONENT, "left in the store for the next start",
               "requests=%" PRIu64 " late=%" PRIu64, left.records[TS_TABLE_SPOOL],
               left.records[TS_TABLE_LATE]);
    if (scores > 0)
        ts_log(TS_WARN, COMPONENT, "late scores do not come any more, and there is no storage",
               "lost=%" PRId64, scores);
    if (lost > 0)
        ts_log(TS_ERROR, COMPONENT, "the backend did not take all in time, and there is no storage",
               "lost=%" PRId64, lost);
}

static void free_all(struct ts_service *s)
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

void ts_service_stop(struct ts_service *s)
{
    if (!s)
        return;
    const ts_time grace = 5 * TS_S; /* for open calls */
    ts_time deadline = ts_now() + s->plan->service.shutdown_timeout;
    stop_kind(s, TS_RECEIVER, ts_now() + grace);
    ts_loader_stop(&s->loader);
    flush(s);
    drain(s, deadline);
    stop_kind(s, TS_PROCESSOR, deadline);
    ts_http_server_free(s->page);
    for (size_t i = 0; i < s->engine.loop_count; i++)
        ts_loop_stop(s->engine.loops[i]);
    say_what_is_left(s);
    free_all(s);
    ts_grpc_free(s->grpc);
    ts_loader_release(&s->loader);
    ts_engine_release(&s->engine);
    free(s);
}
