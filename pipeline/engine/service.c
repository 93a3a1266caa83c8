/* service.c - start and stop order (otlp-and-collector.md 2.13, R-31). */
#include "pipeline/engine/service.h"

#include "base/log.h"
#include "pipeline/engine/service_internal.h"
#include "pipeline/extension.h"
#include "store/faults.h"

#include <inttypes.h>
#include <stdlib.h>

#define COMPONENT "service"

/* ---- start ---- */

static bool open_store(struct ts_service *s, struct ts_err *err)
{
    if (s->plan->service.storage == TS_STORAGE_NONE)
        return true;
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != TS_EXTENSION)
            continue;
        const struct ts_extension *x = (const struct ts_extension *)(const void *)p->component;
        struct ts_storage storage;
        if (!x->storage)
            continue;
        x->storage(p->config, &storage);
        if (storage.encryption_key) {
            s->engine.seal = ts_seal_new(storage.encryption_key, err);
            if (!s->engine.seal)
                return ts_fail_in(err, "%s::encryption_key", p->path);
        }
        ts_faults_watch_pages(storage.store.directory);
        s->engine.store = ts_store_open(&storage.store, err);
        if (!s->engine.store)
            return ts_fail_in(err, "%s", p->path);
        return true;
    }
    return true;
}

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

static bool start_page(struct ts_service *s, struct ts_err *err)
{
    const char *endpoint = s->plan->service.telemetry.metrics.endpoint;
    if (!endpoint || !*endpoint)
        return true;
    s->page = ts_http_server_new(endpoint, metrics_page, s, err);
    return s->page || ts_fail_in(err, "service::telemetry::metrics::endpoint");
}

static bool start(struct ts_service *s, struct ts_err *err)
{
    s->grpc = ts_grpc_new((int)s->plan->service.grpc_threads, err);
    if (!s->grpc || !ts_engine_start_loops(&s->engine, (size_t)s->plan->service.loops, err) ||
        !open_store(s, err))
        return false;
    if (!ts_service_create(s, err) || !start_page(s, err) || !start_kind(s, TS_SCORER, err) ||
        !start_kind(s, TS_EXPORTER, err) || !start_kind(s, TS_PROCESSOR, err))
        return false;
    ts_loader_recover(&s->loader);
    return start_kind(s, TS_RECEIVER, err);
}

struct ts_service *ts_service_start(const struct ts_plan *plan, struct ts_err *err)
{
    struct ts_service *s = ts_alloc(sizeof *s);
    s->plan = plan;
    ts_engine_init(&s->engine, plan->service.memory_limit);
    ts_engine_add_gauges(&s->engine);
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
    struct ts_store_stats left = ts_engine_stored(&s->engine);
    int64_t lost = atomic_load(&s->engine.lost);
    int64_t scores = atomic_load(&s->engine.lost_scores);
    if (left.records[TS_TABLE_SPOOL] + left.records[TS_TABLE_LATE] +
            left.records[TS_TABLE_DECIDED] >
        0)
        ts_log(TS_INFO, COMPONENT, "left in the store for the next start",
               "requests=%" PRIu64 " late=%" PRIu64 " decided=%" PRIu64,
               left.records[TS_TABLE_SPOOL], left.records[TS_TABLE_LATE],
               left.records[TS_TABLE_DECIDED]);
    if (scores > 0)
        ts_log(TS_WARN, COMPONENT, "late scores do not come any more, and there is no storage",
               "lost=%" PRId64, scores);
    if (lost > 0)
        ts_log(TS_ERROR, COMPONENT, "the backend did not take all in time, and there is no storage",
               "lost=%" PRId64, lost);
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
    if (s->engine.store)
        ts_store_finish(s->engine.store);
    say_what_is_left(s);
    ts_service_free_created(s);
    ts_grpc_free(s->grpc);
    ts_loader_release(&s->loader);
    ts_engine_release(&s->engine);
    free(s);
}
