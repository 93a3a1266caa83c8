/* grpc_server.c - a unary server for some methods, and UNIMPLEMENTED for all others.
 * A fixed number of accept slots is kept posted; each is posted again the moment it is taken, so the limit on
 * calls is ours to keep, with an answer, and not a silent wait inside gRPC core. */
#include "base/buf.h"
#include "net/endpoint.h"
#include "net/grpc_quota.h"
#include "net/grpc_server_internal.h"
#include "net/listeners.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_SLOTS = 64, UNKNOWN_SLOTS = 4 };
/* For TLS and the first HTTP/2 frames; core's 2 minutes are long for one that takes a place and says nothing. */
#define HANDSHAKE (20 * TS_S)

/* ---- accepting ---- */

static void post_slot(struct ts_grpc_server *server, size_t method, bool spare);

static void on_accepted(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, accepted);
    struct ts_grpc_server *server = call->server;
    if (!ok) { /* the server is shutting down: the slot was never filled */
        ts_grpc_call_discard(call);
        return;
    }
    post_slot(server, call->method, call->spare);
    ts_grpc_call_read(call);
}

static void on_unknown(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, accepted);
    if (!ok) {
        ts_grpc_call_discard(call);
        return;
    }
    post_slot(call->server, TS_GRPC_UNKNOWN, call->spare);
    struct ts_err err = {0};
    struct ts_buf served = TS_BUF_INIT;
    const struct ts_grpc_server_options *o = &call->server->options;
    ts_view method = ts_grpc_slice_view(&call->details.method);
    for (size_t i = 0; i < o->method_count; i++)
        ts_buf_printf(&served, "%s%s", i ? ", " : "", o->methods[i].name);
    ts_fail(&err, TS_UNIMPLEMENTED, "'" TS_FMT "' is not served here; only %s is",
            TS_ARG(ts_view_cut(method, 0, 120)), ts_buf_cstr(&served));
    ts_buf_release(&served);
    ts_grpc_call_answer(call, TS_NOTHING, &err);
}

static void post_slot(struct ts_grpc_server *server, size_t method, bool spare)
{
    pthread_mutex_lock(&server->lock);
    bool stopping = server->stopping;
    if (!stopping)
        atomic_fetch_add(&server->pending, 1);
    pthread_mutex_unlock(&server->lock);
    if (stopping)
        return;
    struct ts_grpc_call *call = ts_grpc_call_new(server, method, spare);
    grpc_completion_queue *queue =
        spare ? ts_grpc_spare_queue(server->grpc) : ts_grpc_queue(server->grpc);
    grpc_call_error bad;
    if (method != TS_GRPC_UNKNOWN) {
        ts_grpc_arm(&call->accepted, on_accepted);
        bad = grpc_server_request_registered_call(server->server, server->methods[method],
                                                  &call->call, &call->deadline, &call->metadata,
                                                  NULL, queue, queue, &call->accepted);
    } else {
        ts_grpc_arm(&call->accepted, on_unknown);
        bad = grpc_server_request_call(server->server, &call->call, &call->details, &call->metadata,
                                       queue, queue, &call->accepted);
    }
    if (bad != GRPC_CALL_OK)
        ts_grpc_call_discard(call);
}

/* ---- life ---- */

/* gRPC core binds what it can of a name's addresses and is content with one. A port that somebody
 * else holds on any of them is an error for us: the sender may end up there. */
static bool port_is_free(const char *endpoint, struct ts_err *err)
{
    struct addrinfo *list = NULL;
    if (ts_view_is(ts_endpoint_of(ts_view_str(endpoint)).scheme, "unix"))
        return true;
    if (!ts_endpoint_resolve(endpoint, &list, err))
        return false;
    bool in_use = false;
    for (struct addrinfo *a = list; a && !in_use; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int one = 1;
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        in_use = bind(fd, a->ai_addr, a->ai_addrlen) != 0 && errno == EADDRINUSE;
        close(fd);
    }
    freeaddrinfo(list);
    if (in_use)
        return ts_fail(err, TS_UNAVAILABLE,
                       "port of '%s' is in use; stop what listens there or set another endpoint",
                       endpoint);
    return true;
}

static grpc_server_credentials *credentials(struct ts_grpc_server *server, struct ts_err *err)
{
    if (!server->options.tls.enabled)
        return grpc_insecure_server_credentials_create();
    server->tls = ts_grpc_server_tls_new(&server->options.tls, err);
    return server->tls ? ts_grpc_server_credentials(server->tls) : NULL;
}

static bool listen_on(struct ts_grpc_server *server, struct ts_err *err)
{
    const struct ts_grpc_server_options *o = &server->options;
    if (!port_is_free(o->endpoint, err))
        return false;
    grpc_server_credentials *creds = credentials(server, err);
    if (!creds)
        return false;
    if (o->listeners)
        ts_listeners_begin(o->listeners);
    int port = grpc_server_add_http2_port(server->server, o->endpoint, creds);
    ts_listeners_end();
    grpc_server_credentials_release(creds);
    if (port == 0)
        return ts_fail(err, TS_UNAVAILABLE,
                       "cannot listen on '%s'; is the address this machine's, are the "
                       "certificates valid?",
                       o->endpoint);
    return true;
}

static grpc_server *create(struct ts_grpc_server *server)
{
    const struct ts_grpc_server_options *o = &server->options;
    struct ts_grpc_args args = {.count = 0};
    server->quota = ts_grpc_quota_new(o->max_memory, o->max_request);
    ts_grpc_arg_pointer(&args, GRPC_ARG_RESOURCE_QUOTA, ts_grpc_quota_core(server->quota),
                        grpc_resource_quota_arg_vtable());
    ts_grpc_arg_int(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)o->max_request);
    ts_grpc_arg_int(&args, GRPC_ARG_ALLOW_REUSEPORT, 0);
    /* we inflate ourselves, with a limit on what comes out */
    ts_grpc_arg_int(&args, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    ts_grpc_arg_keepalive(&args, &o->keepalive);
    ts_grpc_arg_int(&args, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE / TS_MS);
    if (o->max_concurrent_streams > 0)
        ts_grpc_arg_int(&args, GRPC_ARG_MAX_CONCURRENT_STREAMS, o->max_concurrent_streams);
    grpc_channel_args channel_args = {args.count, args.items};
    return grpc_server_create(&channel_args, NULL);
}

/* Core takes a slot of the main queue when there is one. They are all taken only when its threads do not come
 * to look: then the spare queue's do. */
static void post_slots(struct ts_grpc_server *server, bool spare)
{
    for (size_t m = 0; m < server->options.method_count; m++)
        for (int i = 0; i < ACCEPT_SLOTS; i++)
            post_slot(server, m, spare);
    for (int i = 0; i < UNKNOWN_SLOTS; i++)
        post_slot(server, TS_GRPC_UNKNOWN, spare);
}

struct ts_grpc_server *ts_grpc_server_new(struct ts_grpc *grpc,
                                          const struct ts_grpc_server_options *options,
                                          struct ts_err *err)
{
    struct ts_grpc_server *server = ts_alloc(sizeof *server);
    server->grpc = grpc;
    server->options = *options;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    TAILQ_INIT(&server->reading);
    server->server = create(server);
    grpc_server_register_completion_queue(server->server, ts_grpc_queue(grpc), NULL);
    grpc_server_register_completion_queue(server->server, ts_grpc_spare_queue(grpc), NULL);
    server->methods = ts_alloc((options->method_count + 1) * sizeof(void *));
    for (size_t i = 0; i < options->method_count; i++)
        server->methods[i] = grpc_server_register_method(server->server, options->methods[i].name,
                                                         NULL, GRPC_SRM_PAYLOAD_NONE, 0);
    bool ok = listen_on(server, err);
    if (!ok) {
        ts_grpc_server_free(server);
        return NULL;
    }
    grpc_server_start(server->server);
    post_slots(server, false);
    post_slots(server, true);
    return server;
}

void ts_grpc_server_expire(struct ts_grpc_server *server, ts_time now)
{
    ts_time timeout = server->options.read_timeout;
    struct ts_grpc_call *call;
    pthread_mutex_lock(&server->lock);
    TAILQ_FOREACH(call, &server->reading, link)
    {
        if (timeout == 0 || now - call->since < timeout)
            break;
        if (!call->expired)
            grpc_call_cancel_with_status(call->call, GRPC_STATUS_DEADLINE_EXCEEDED,
                                         "the request did not come within read_timeout", NULL);
        call->expired = true;
    }
    pthread_mutex_unlock(&server->lock);
}

static void on_stopped(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_server *server = TS_CONTAINER_OF(event, struct ts_grpc_server, on_stopped);
    (void)ok;
    pthread_mutex_lock(&server->lock);
    server->stopped = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static bool wait_until(struct ts_grpc_server *server, ts_time deadline)
{
    ts_time wall = ts_wall_now() + (deadline - ts_now());
    struct timespec until = {wall / TS_S, wall % TS_S};
    while (!server->stopped || atomic_load(&server->pending) > 0)
        if (pthread_cond_timedwait(&server->changed, &server->lock, &until) == ETIMEDOUT)
            return false;
    return true;
}

void ts_grpc_server_stop(struct ts_grpc_server *server, ts_time deadline)
{
    pthread_mutex_lock(&server->lock);
    bool first = !server->stopping;
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    if (first) {
        ts_grpc_arm(&server->on_stopped, on_stopped);
        grpc_server_shutdown_and_notify(server->server, ts_grpc_queue(server->grpc),
                                        &server->on_stopped);
    }
    pthread_mutex_lock(&server->lock);
    bool in_time = wait_until(server, deadline);
    pthread_mutex_unlock(&server->lock);
    if (in_time)
        return;
    grpc_server_cancel_all_calls(server->server);
    pthread_mutex_lock(&server->lock);
    while (!server->stopped || atomic_load(&server->pending) > 0)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void ts_grpc_server_free(struct ts_grpc_server *server)
{
    if (!server)
        return;
    ts_grpc_server_stop(server, ts_now());
    grpc_server_destroy(server->server);
    ts_grpc_server_tls_free(server->tls);
    ts_grpc_quota_unref(server->quota);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server->methods);
    free(server);
}
