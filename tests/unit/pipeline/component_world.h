/* component_world.h - what an instance of a component needs to live in a test, with peers of the worst kind:
 * they listen and never answer, and nobody reads its output. And what silence is. */
#ifndef COMPONENT_WORLD_H
#define COMPONENT_WORLD_H

#include "testing.h"

#include "pipeline/engine/intake.h"
#include "pipeline/exporter.h"
#include "pipeline/receiver.h"
#include "pipeline/scorer.h"
#include "wire/otlp_json.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPS = 2, THINGS = 8, SPANS = 2 }; /* things: sends, posts, scores, batches in each state */

static const char REQUEST[] =
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
    "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\","
    "\"name\":\"work\"},"
    "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060709\","
    "\"name\":\"llm\",\"attributes\":["
    "{\"key\":\"openinference.span.kind\",\"value\":{\"stringValue\":\"LLM\"}},"
    "{\"key\":\"input.value\",\"value\":{\"stringValue\":\"Which metal?\"}},"
    "{\"key\":\"output.value\",\"value\":{\"stringValue\":\"Gallium.\"}}]}]}]}]}";

/* ---- what is found ---- */

static char finding[256]; /* the first broken promise of a case; empty: none */
static ts_time patience;  /* with what is to come */
static atomic_bool over;  /* for what would go on for ever */

static bool broken(const char *what)
{
    if (!finding[0])
        snprintf(finding, sizeof finding, "%s", what);
    return false;
}

static bool wait_for(bool (*true_of)(void *), void *arg, const char *else_what)
{
    ts_time until = ts_now() + patience;
    while (!true_of(arg))
        if (ts_now() > until)
            return broken(else_what);
        else
            usleep(1000);
    return true;
}

/* ---- on a loop ---- */

struct on_loop {
    struct ts_task task;
    void (*run)(void *);
    void *arg;
    atomic_bool done;
};

static void run_on_loop(struct ts_task *task)
{
    struct on_loop *o = TS_CONTAINER_OF(task, struct on_loop, task);
    o->run(o->arg);
    atomic_store(&o->done, true);
}

static bool is_done(void *arg)
{
    return atomic_load(&((struct on_loop *)arg)->done);
}

static void on_loop(struct ts_loop *loop, void (*run)(void *), void *arg)
{
    struct on_loop o = {.task = {.run = run_on_loop}, .run = run, .arg = arg};
    ts_loop_post(loop, &o.task);
    while (!is_done(&o))
        usleep(100);
}

/* ---- silence: no timer, no socket that is watched, no task that posts the next ---- */

struct silence {
    struct ts_loop *loop;
    uv_prepare_t turn;
    atomic_long turns;
    long before;
    size_t timers, handles;
};

static void count_turn(uv_prepare_t *turn)
{
    atomic_fetch_add(&((struct silence *)turn->data)->turns, 1);
}

static void count_turns(void *arg)
{
    struct silence *s = arg;
    uv_prepare_init(ts_loop_uv(s->loop), &s->turn);
    s->turn.data = s;
    uv_prepare_start(&s->turn, count_turn);
}

static void count_handle(uv_handle_t *handle, void *arg)
{
    struct silence *s = arg;
    bool ours = handle == (uv_handle_t *)&s->turn;
    bool of_every_loop = handle->type == UV_ASYNC || handle->type == UV_TIMER;
    s->handles += uv_is_active(handle) && !ours && !of_every_loop;
}

static void never(struct ts_timer *timer)
{
    (void)timer;
}

static void look(void *arg)
{
    struct silence *s = arg;
    struct ts_timer last = {0};
    ts_timer_start(s->loop, &last, INT64_MAX, never);
    s->timers = last.place - 1; /* all others are due before it */
    ts_timer_stop(s->loop, &last);
    s->handles = 0;
    uv_walk(ts_loop_uv(s->loop), count_handle, s);
}

static bool turns_no_more(void *arg)
{
    struct silence *s = arg;
    long now = atomic_load(&s->turns);
    bool still = now == s->before;
    s->before = now;
    usleep(20000); /* too short shows a noisy loop as a still one, never the other way round */
    return still && now == atomic_load(&s->turns);
}

static void expect_silence(struct silence *s)
{
    wait_for(turns_no_more, s, "it posts one task after the other after its stop");
    on_loop(s->loop, look, s);
    if (s->timers > 0)
        broken("a timer runs after its stop");
    if (s->handles > 0)
        broken("a socket is watched after its stop");
}

/* ---- a world for one instance ---- */

struct world {
    const struct ts_component *component;
    struct ts_arena *arena;
    struct ts_engine engine;
    struct silence silence[LOOPS]; /* of each loop */
    struct ts_grpc *grpc;
    int mute, port;     /* listens, and where */
    int output, unread; /* what standard output was; the end of the pipe that it is */
    struct ts_pipeline pipeline;
    struct ts_pipeline *pipelines[1];
    struct ts_route route;
    struct ts_routes routes;
    struct ts_loader loader;
    struct ts_intake intake;
    struct ts_consumer next;
    struct ts_scorer_instance scorer;
    struct ts_host host;
    struct ts_instance *instance;
    struct ts_payload *request;
    _Atomic int passed_on; /* items, by a processor */
};

static int listen_and_never_answer(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 64) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* Standard output becomes a pipe that is full. */
static void fill_output(struct world *w)
{
    int ends[2];
    static const char text[4096];
    fflush(stdout);
    w->output = dup(STDOUT_FILENO);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    while (write(ends[1], text, sizeof text) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    w->unread = ends[0];
}

static void give_output_back(const struct world *w)
{
    dup2(w->output, STDOUT_FILENO);
    close(w->output);
    close(w->unread);
}

/* ---- settings: the defaults, but for where peers are and how long they are waited for ---- */

static bool ends_with(const char *text, const char *tail)
{
    return ts_view_ends(ts_view_str(text), ts_view_of(tail, strlen(tail)));
}

static void write_settings(const struct world *w, const struct ts_setting *table,
                           struct ts_buf *out)
{
    for (const struct ts_setting *row = table; row->key; row++) {
        struct ts_buf block = TS_BUF_INIT;
        bool is_place = strcmp(row->key, "endpoint") == 0 || ends_with(row->key, "url");
        if (row->kind == TS_BLOCK)
            write_settings(w, row->sub, &block);
        if (block.len > 0)
            ts_buf_printf(out, "%s: {%s}, ", row->key, ts_buf_cstr(&block));
        else if (row->kind == TS_TEXT && is_place && w->component->kind == TS_RECEIVER)
            ts_buf_printf(out, "%s: '127.0.0.1:0', ", row->key);
        else if (row->kind == TS_TEXT && is_place)
            ts_buf_printf(out, "%s: 'http://127.0.0.1:%d', ", row->key, w->port);
        else if (row->kind == TS_SECRET)
            ts_buf_printf(out, "%s: secret, ", row->key);
        else if (row->kind == TS_DURATION && ends_with(row->key, "timeout"))
            ts_buf_printf(out, "%s: 10m, ", row->key); /* only a stop ends it */
        ts_buf_release(&block);
    }
}

static bool name_scorer(void *arg, const char **id, const char *preset, const char *block)
{
    const struct world *w = arg;
    (void)preset;
    (void)block;
    *id = w->scorer.id;
    return true;
}

static void *settings_of(struct world *w, struct ts_err *err)
{
    const struct ts_component *c = w->component;
    struct ts_buf text = TS_BUF_INIT;
    void *config = ts_arena_alloc(w->arena, c->config_size);
    ts_buf_add_str(&text, "{");
    write_settings(w, c->settings, &text);
    ts_buf_add_str(&text, "}");
    struct ts_node *node =
        ts_node_parse(w->arena, "f", ts_arena_copy(w->arena, ts_buf_view(&text)), err);
    bool ok = node && ts_settings_load(w->arena, c->settings, node, c->type, config, err) &&
              (!c->check || c->check(config, err));
    const struct ts_processor *p = (const void *)c;
    if (ok && c->kind == TS_PROCESSOR && p->scorers)
        p->scorers(config, name_scorer, w);
    ts_buf_release(&text);
    return ok ? config : NULL;
}

/* ---- a scorer that answers when it is stopped ---- */

static struct {
    pthread_mutex_t lock; /* guards the rest */
    struct ts_score_job *jobs[4 * THINGS];
    size_t count;
    bool stopped;
} held = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void hold_identity(const struct ts_instance *self, struct ts_buf *out)
{
    (void)self;
    ts_buf_add_str(out, "holds");
}

static void hold_score(struct ts_instance *self, struct ts_score_job *job)
{
    (void)self;
    pthread_mutex_lock(&held.lock);
    if (held.stopped)
        ts_job_finish(&job->job, TS_JOB_CANCELLED);
    else
        held.jobs[held.count++] = job;
    pthread_mutex_unlock(&held.lock);
}

static void stop_holding(bool stop)
{
    pthread_mutex_lock(&held.lock);
    held.stopped = stop;
    while (held.count > 0)
        ts_job_finish(&held.jobs[--held.count]->job, TS_JOB_CANCELLED);
    pthread_mutex_unlock(&held.lock);
}

static const struct ts_scorer holding_scorer = {
    .base = {.kind = TS_SCORER, .type = "holds", .about = "answers when it is stopped"},
    .annotator_kind = "CODE",
    .remote = true,
    .identity = hold_identity,
    .score = hold_score,
};

/* ---- what comes behind a processor ---- */

struct passed {
    struct ts_task task;
    struct ts_batch *batch;
    struct ts_completion *completion;
};

static void deliver(struct ts_task *task)
{
    struct passed *p = TS_CONTAINER_OF(task, struct passed, task);
    ts_completion_done(p->completion, TS_DELIVERED);
    ts_batch_pending_done(p->batch, TS_DELIVERED);
    free(p);
}

static void take(void *self, struct ts_batch *batch, struct ts_part *part,
                 const struct ts_items *items, struct ts_completion *completion)
{
    struct world *w = self;
    struct passed *p = ts_alloc(sizeof *p);
    (void)items;
    atomic_fetch_add(&w->passed_on, (int)part->items);
    ts_part_release(part);
    *p = (struct passed){{.run = deliver}, batch, completion};
    ts_batch_pending_add(batch);
    ts_loop_post(batch->home, &p->task);
}

/* ---- life of the world ---- */

static void open_world(struct world *w, const struct ts_component *c)
{
    struct ts_err err = {0};
    struct ts_buf body = TS_BUF_INIT;
    *w = (struct world){.component = c, .arena = ts_arena_new()};
    w->mute = listen_and_never_answer(&w->port);
    fill_output(w);
    ts_engine_init(&w->engine, 1 << 20);
    assert_true(ts_engine_start_loops(&w->engine, LOOPS, &err));
    for (size_t i = 0; i < LOOPS; i++) {
        w->silence[i].loop = w->engine.loops[i];
        on_loop(w->engine.loops[i], count_turns, &w->silence[i]);
    }
    w->grpc = ts_grpc_new(1, &err);
    assert_non_null(w->grpc);
    assert_true(ts_otlp_from_json(ts_view_of(REQUEST, sizeof REQUEST - 1), &body, &err));
    w->request = ts_payload_copy(ts_buf_view(&body));
    ts_buf_release(&body);
    w->pipeline = (struct ts_pipeline){.id = "traces", .signal = ts_signals[0]};
    w->pipelines[0] = &w->pipeline;
    w->route = (struct ts_route){"it", ts_signals[0], w->pipelines, 1};
    w->routes = (struct ts_routes){&w->route, 1, &w->pipeline, 1};
    ts_loader_init(&w->loader, &w->engine, &w->routes);
    w->intake = (struct ts_intake){&w->engine, &w->loader, &w->routes, "it"};
    w->next = (struct ts_consumer){w, take};
    w->scorer = (struct ts_scorer_instance){"holds", &holding_scorer, NULL};
    w->host = (struct ts_host){.id = "kind/it",
                               .loop = w->engine.loops[0],
                               .metrics = w->engine.metrics,
                               .grpc = w->grpc,
                               .loops = w->engine.loops,
                               .loop_count = LOOPS,
                               .scorers = &w->scorer,
                               .scorer_count = 1,
                               .intake = &w->intake,
                               .pipeline = &w->pipeline,
                               .next = &w->next,
                               .key = "traces it"};
    stop_holding(false);
    atomic_store(&over, false);
    void *config = settings_of(w, &err);
    w->instance = config ? c->create(&w->host, config, &err) : NULL;
    if (!w->instance)
        broken(err.what);
}

/* The loops stand still when it is freed. */
static void close_world(struct world *w)
{
    atomic_store(&over, true);
    ts_loader_stop(&w->loader);
    for (size_t i = 0; i < LOOPS; i++)
        ts_loop_stop(w->engine.loops[i]);
    w->component->free(w->instance);
    ts_grpc_free(w->grpc);
    ts_payload_unref(w->request);
    ts_loader_release(&w->loader);
    ts_engine_release(&w->engine);
    give_output_back(w);
    close(w->mute);
    ts_arena_free(w->arena);
}

static void stop(struct world *w)
{
    if (w->component->stop && w->instance)
        w->component->stop(w->instance, ts_now() + TS_S);
}

#endif
