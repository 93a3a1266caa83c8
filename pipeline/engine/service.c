/* service.c - start and stop order (otlp-and-collector.md 2.13, R-31). */
#include "pipeline/engine/service.h"

#include "base/log.h"
#include "llm/llm.h"
#include "net/grpc.h"
#include "net/http_server.h"
#include "pipeline/engine/engine_internal.h"
#include "pipeline/extension.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMPONENT "service"

/* One created instance. */
struct made {
    const struct ts_planned *planned;
    struct ts_host host;
    struct ts_instance *instance;
    bool started;
};

struct ts_service {
    const struct ts_plan *plan;
    struct ts_engine engine;
    struct ts_grpc *grpc;
    struct ts_http_server *page;
    struct made *made; /* in the order of creation: scorers, exporters, processors, receivers */
    size_t made_count;
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
    return atomic_load(&((struct ts_engine *)arg)->in_memory);
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

static bool start_loops(struct ts_service *s, struct ts_err *err)
{
    struct ts_engine *e = &s->engine;
    size_t count = (size_t)s->plan->service.loops;
    e->loops = ts_alloc(count * sizeof(struct ts_loop *));
    for (; e->loop_count < count; e->loop_count++) {
        char name[32];
        snprintf(name, sizeof name, "loop%zu", e->loop_count);
        e->loops[e->loop_count] = ts_loop_new(name);
    }
    for (size_t i = 0; i < count; i++)
        if (!ts_loop_start(e->loops[i], err))
            return false;
    return true;
}

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

/* Creates all used components of one kind. Thread: main, while their loop runs: create() may not
 * touch the loop, only remember it. */
static bool create_kind(struct ts_service *s, enum ts_component_kind kind, struct ts_err *err)
{
    for (const struct ts_planned *p = s->plan->components; p; p = p->next) {
        if (p->component->kind != kind || !p->used)
            continue;
        struct made *m = &s->made[s->made_count];
        const char *id = (const char *)ts_arena_printf(s->plan->arena, "%s/%s",
                                                       ts_component_kind_name(kind), p->id)
                             .ptr;
        m->planned = p;
        m->host = (struct ts_host){id, s->engine.loops[s->made_count % s->engine.loop_count],
                                   s->grpc, s->engine.store, &s->engine};
        m->instance = p->component->create(&m->host, p->config, err);
        if (!m->instance)
            return ts_fail_in(err, "%s", p->path);
        s->made_count++;
    }
    return true;
}

static void connect_made(struct ts_service *s)
{
    struct ts_engine *e = &s->engine;
    e->judges = ts_alloc(s->made_count * sizeof *e->judges);
    e->outlets = ts_alloc(s->made_count * sizeof *e->outlets);
    for (size_t i = 0; i < s->made_count; i++) {
        struct made *m = &s->made[i];
        const void *component = m->planned->component;
        if (m->planned->component->kind == TS_SCORER) {
            e->judges[e->judge_count++] =
                (struct ts_judge){ts_strdup(m->planned->id), component, m->instance};
            continue;
        }
        const struct ts_exporter *x = component;
        struct ts_outlet *o = &e->outlets[e->outlet_count++];
        *o = (struct ts_outlet){.exporter = x, .instance = m->instance};
        if (x->send)
            o->spans =
                ts_sending_queue_new(x, m->instance, m->planned->id, m->host.loop, e->metrics);
        if (x->post)
            o->evaluations =
                ts_evaluation_queue_new(x, m->instance, m->planned->id, m->host.loop, e->metrics);
        e->wants_evaluations = e->wants_evaluations || x->post;
    }
}

static bool start_kind(struct ts_service *s, enum ts_component_kind kind, struct ts_err *err)
{
    for (size_t i = 0; i < s->made_count; i++) {
        struct made *m = &s->made[i];
        const struct ts_component *c = m->planned->component;
        if (c->kind != kind)
            continue;
        if (c->start && !c->start(m->instance, err))
            return ts_fail_in(err, "%s", m->planned->path);
        m->started = true;
    }
    return true;
}

static void find_processor(struct ts_service *s)
{
    for (size_t i = 0; i < s->made_count; i++)
        if (s->made[i].planned->component->kind == TS_PROCESSOR) {
            s->engine.processor = (const void *)s->made[i].planned->component;
            s->engine.processor_instance = s->made[i].instance;
        }
}

/* What the last run left behind is read from disk like a backlog. */
static void recover(struct ts_service *s)
{
    struct ts_engine *e = &s->engine;
    struct ts_store_stats found = stats(e);
    if (!e->store)
        return;
    e->late_until = ts_store_last_id(e->store);
    e->backlog = found.records[TS_TABLE_SPOOL] > 0;
    e->late_backlog = found.records[TS_TABLE_LATE] > 0;
    if (e->backlog || e->late_backlog)
        ts_log(TS_INFO, COMPONENT, "taking up what the last run left",
               "requests=%" PRIu64 " late=%" PRIu64, found.records[TS_TABLE_SPOOL],
               found.records[TS_TABLE_LATE]);
    ts_engine_load(e);
}

static bool start_page(struct ts_service *s, struct ts_err *err)
{
    const char *endpoint = s->plan->service.telemetry.metrics.endpoint;
    if (!endpoint || !*endpoint)
        return true;
    s->page = ts_http_server_new(endpoint, metrics_page, s, err);
    return s->page || ts_fail_in(err, "service::telemetry::metrics::endpoint");
}

static size_t count_components(const struct ts_plan *plan)
{
    size_t n = 0;
    for (const struct ts_planned *p = plan->components; p; p = p->next)
        n++;
    return n;
}

static bool start(struct ts_service *s, struct ts_err *err)
{
    s->grpc = ts_grpc_new((int)s->plan->service.grpc_threads, err);
    if (!s->grpc || !start_loops(s, err) || !open_store(s, err))
        return false;
    if (!create_kind(s, TS_SCORER, err) || !create_kind(s, TS_EXPORTER, err))
        return false;
    connect_made(s);
    if (!create_kind(s, TS_PROCESSOR, err) || !create_kind(s, TS_RECEIVER, err))
        return false;
    find_processor(s);
    if (!start_page(s, err) || !start_kind(s, TS_SCORER, err) || !start_kind(s, TS_EXPORTER, err) ||
        !start_kind(s, TS_PROCESSOR, err))
        return false;
    recover(s);
    return start_kind(s, TS_RECEIVER, err);
}

struct ts_service *ts_service_start(const struct ts_plan *plan, struct ts_err *err)
{
    struct ts_service *s = ts_alloc(sizeof *s);
    s->plan = plan;
    s->engine.metrics = ts_metrics_new();
    s->engine.scored_kinds = 1U << TS_KIND_LLM;
    s->engine.memory_limit = plan->service.memory_limit;
    pthread_mutex_init(&s->engine.lock, NULL);
    s->made = ts_alloc((count_components(plan) + 1) * sizeof *s->made);
    add_gauges(&s->engine);
    if (start(s, err))
        return s;
    ts_service_stop(s);
    return NULL;
}

/* ---- stopping ---- */

static void stop_kind(struct ts_service *s, enum ts_component_kind kind, ts_time deadline)
{
    for (size_t i = 0; i < s->made_count; i++) {
        const struct ts_component *c = s->made[i].planned->component;
        if (c->kind == kind && c->stop && s->made[i].instance)
            c->stop(s->made[i].instance, deadline);
    }
}

struct flushing {
    struct ts_task task;
    struct ts_service *service;
    struct ts_loop *loop;
};

static void flush_loop(struct ts_task *task)
{
    struct flushing *f = TS_CONTAINER_OF(task, struct flushing, task);
    struct ts_engine *e = &f->service->engine;
    if (e->processor && e->processor->flush)
        e->processor->flush(e->processor_instance, f->loop);
    free(f);
}

static void flush(struct ts_service *s)
{
    for (size_t i = 0; i < s->engine.loop_count; i++) {
        struct flushing *f = ts_alloc(sizeof *f);
        *f = (struct flushing){{.run = flush_loop}, s, s->engine.loops[i]};
        ts_loop_post(s->engine.loops[i], &f->task);
    }
    for (size_t i = 0; i < s->engine.outlet_count; i++)
        if (s->engine.outlets[i].evaluations)
            ts_evaluation_queue_flush(s->engine.outlets[i].evaluations);
}

/* Waits for what is on its way. Batches that only wait for late scores do not count: with a store
 * their scores come after the next start. */
static void drain(struct ts_service *s, ts_time deadline)
{
    struct ts_engine *e = &s->engine;
    while (ts_now() < deadline) {
        bool busy = false;
        for (size_t i = 0; i < e->outlet_count; i++)
            busy =
                busy || (e->outlets[i].spans && ts_sending_queue_busy(e->outlets[i].spans)) ||
                (e->outlets[i].evaluations && ts_evaluation_queue_busy(e->outlets[i].evaluations));
        if (!busy)
            return;
        usleep(10000);
    }
    ts_log(TS_WARN, COMPONENT, "the time to stop is over; what is left stays in the store",
           "batches=%d", atomic_load(&e->batches));
}

static void free_made(struct ts_service *s)
{
    struct ts_engine *e = &s->engine;
    for (size_t i = 0; i < e->outlet_count; i++) {
        ts_sending_queue_free(e->outlets[i].spans);
        ts_evaluation_queue_free(e->outlets[i].evaluations);
    }
    for (size_t i = s->made_count; i-- > 0;)
        s->made[i].planned->component->free(s->made[i].instance);
    for (size_t i = 0; i < e->judge_count; i++)
        free(e->judges[i].id);
    free(e->judges);
    free(e->outlets);
    free(s->made);
}

void ts_service_stop(struct ts_service *s)
{
    if (!s)
        return;
    struct ts_engine *e = &s->engine;
    const ts_time grace = 5 * TS_S; /* for open calls */
    ts_time deadline = ts_now() + s->plan->service.shutdown_timeout;
    stop_kind(s, TS_RECEIVER, ts_now() + grace);
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_mutex_unlock(&e->lock);
    flush(s);
    usleep(20000); /* the loops hand on what they let go */
    drain(s, deadline);
    stop_kind(s, TS_PROCESSOR, deadline);
    stop_kind(s, TS_SCORER, deadline);
    stop_kind(s, TS_EXPORTER, deadline);
    ts_http_server_free(s->page);
    for (size_t i = 0; i < e->loop_count; i++)
        ts_loop_stop(e->loops[i]);
    ts_store_close(e->store);
    free_made(s);
    ts_grpc_free(s->grpc);
    for (size_t i = 0; i < e->loop_count; i++)
        ts_loop_free(e->loops[i]);
    free(e->loops);
    pthread_mutex_destroy(&e->lock);
    ts_metrics_free(e->metrics);
    free(s);
}
