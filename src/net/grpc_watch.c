/* grpc_watch.c - a thread that asks every few seconds whether the port is still answered. */
#include "net/grpc_watch.h"

#include "base/buf.h"
#include "base/log.h"
#include "net/connections.h"
#include "net/listeners.h"
#include "telemetry/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define EVERY (3 * TS_S)
#define GRACE (5 * TS_S) /* for open calls of a server that is replaced */

enum { TRIES = 5 }; /* to open again, EVERY apart: who holds the port may be about to go */

struct ts_grpc_watch {
    struct ts_grpc *grpc;
    struct ts_grpc_server_options options;
    struct ts_grpc_watch_options watch;
    struct ts_connections *connections;
    struct ts_listeners *listeners;
    struct ts_grpc_server *server; /* the thread's, until it has ended */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* guards `stopping` */
    bool stopping, running;
    pthread_t thread;
};

static bool sleep_until_stopped(struct ts_grpc_watch *w)
{
    ts_time at = ts_now() + EVERY;
    struct timespec until = {at / TS_S, at % TS_S};
    pthread_mutex_lock(&w->lock);
    while (!w->stopping && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
        continue;
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return stopping;
}

/* False: it cannot be done. */
static bool open_again(struct ts_grpc_watch *w)
{
    ts_log(TS_ERROR, w->watch.name, "connections are not accepted any more, listening anew",
           "endpoint=%s", w->options.endpoint);
    ts_grpc_server_stop(w->server, ts_now() + GRACE);
    ts_grpc_server_free(w->server);
    w->server = NULL;
    for (int left = TRIES; left-- > 0;) {
        struct ts_err err = {0};
        w->server = ts_grpc_server_new(w->grpc, &w->options, &err);
        if (w->server) {
            ts_log(TS_INFO, w->watch.name, "listening again", "endpoint=%s", w->options.endpoint);
            return true;
        }
        ts_log(TS_ERROR, w->watch.name, "listening anew failed", "left=%d reason=\"%s\"", left,
               err.what);
        if (sleep_until_stopped(w))
            return true;
    }
    return false;
}

/* What has been refused and cut since it was said last. */
static void say_refused(struct ts_grpc_watch *w, int64_t *refused, int64_t *cut)
{
    struct ts_connections_state s = ts_connections_state(w->connections);
    int64_t now = ts_counted(w->watch.refused);
    if (now > *refused)
        ts_log(TS_WARN, w->watch.name,
               "connections refused, as many as there may be are open or file descriptors are out",
               "refused=%" PRId64 " open=%" PRId64 " max_connections=%" PRId64, now - *refused,
               s.open, s.max);
    if (s.cut > *cut)
        ts_log(TS_WARN, w->watch.name,
               "connections cut, their clients began calls and took them back too often",
               "cut=%" PRId64 " open=%" PRId64, s.cut - *cut, s.open);
    *refused = now;
    *cut = s.cut;
}

static void *work(void *arg)
{
    struct ts_grpc_watch *w = arg;
    int64_t refused = 0, cut = 0;
    pthread_setname_np(pthread_self(), "grpc watch");
    while (!sleep_until_stopped(w)) {
        say_refused(w, &refused, &cut);
        ts_grpc_server_expire(w->server, ts_now());
        if (!ts_listeners_check(w->listeners) && !open_again(w)) {
            w->watch.gave_up(w->watch.arg);
            break;
        }
    }
    return NULL;
}

struct ts_grpc_watch *ts_grpc_watch_new(struct ts_grpc *grpc,
                                        const struct ts_grpc_server_options *server,
                                        const struct ts_grpc_watch_options *options,
                                        struct ts_err *err)
{
    struct ts_connections *connections =
        ts_connections_new(options->max_connections, options->cut, err);
    if (!connections)
        return NULL;
    struct ts_grpc_watch *w = ts_alloc(sizeof *w);
    w->grpc = grpc;
    w->options = *server;
    w->watch = *options;
    w->connections = w->options.connections = connections;
    w->listeners = w->options.listeners = ts_listeners_new(connections, options->refused);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->server = ts_grpc_server_new(grpc, &w->options, err);
    if (w->server) {
        w->running = pthread_create(&w->thread, NULL, work, w) == 0;
        if (w->running)
            return w;
        ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start the thread that watches the port");
    }
    ts_grpc_watch_free(w);
    return NULL;
}

int64_t ts_grpc_watch_open(struct ts_grpc_watch *w)
{
    return w ? ts_connections_state(w->connections).open : 0;
}

void ts_grpc_watch_stop(struct ts_grpc_watch *w, ts_time deadline)
{
    if (w->running) {
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_cond_broadcast(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        w->running = false;
    }
    if (w->server)
        ts_grpc_server_stop(w->server, deadline);
}

void ts_grpc_watch_free(struct ts_grpc_watch *w)
{
    if (!w)
        return;
    ts_grpc_watch_stop(w, ts_now());
    ts_grpc_server_free(w->server);
    ts_listeners_free(w->listeners);
    ts_connections_free(w->connections);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
