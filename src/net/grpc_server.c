/* grpc_server.c - a unary server for some methods, and UNIMPLEMENTED for all others.
 * Calls of a method arrive with their message already read. A fixed number of accept slots is
 * kept posted; each is posted again the moment it is taken, so the limit on calls is ours to keep,
 * with an answer, and not a silent wait inside gRPC core. */
#include "net/grpc_internal.h"

#include "base/buf.h"
#include "net/connections.h"
#include "net/endpoint.h"
#include "net/listeners.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grpc/byte_buffer.h>
#include <grpc/support/alloc.h>

enum { ACCEPT_SLOTS = 64, UNKNOWN_SLOTS = 4 };
/* For TLS and the first HTTP/2 frames; core's 2 minutes are long for one that takes a place and says nothing. */
#define HANDSHAKE (20 * TS_S)
#define UNKNOWN   SIZE_MAX

struct ts_grpc_server {
    struct ts_grpc *grpc;
    grpc_server *server;
    void **methods; /* as registered, in the order of the options */
    struct ts_grpc_server_options options;
    struct ts_grpc_server_tls *tls; /* NULL: plaintext */
    grpc_resource_quota *quota;
    atomic_int calls;   /* accepted, not yet ended */
    atomic_int pending; /* tags in the queue that we must see before the server may go */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* guards `stopped`, waits for pending == 0 */
    bool stopping, stopped;
    struct ts_grpc_event on_stopped;
};

/* One accepted call, or a slot that waits for one. */
struct ts_grpc_call {
    struct ts_grpc_event accepted, ended;
    struct ts_grpc_server *server;
    size_t method; /* UNKNOWN: none that is served */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* unknown methods only */
    grpc_byte_buffer *message;
    struct ts_grpc_header *headers;
    int cancelled;
    bool spare; /* its events are the spare queue's */
    bool counted, taken_back;
    grpc_metadata trailing;
    grpc_slice status_text;
    grpc_slice status_bin;
    grpc_byte_buffer *response;
};

static void post_slot(struct ts_grpc_server *server, size_t method, bool spare);

static void forget_tag(struct ts_grpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    if (atomic_fetch_sub(&server->pending, 1) == 1)
        pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void free_call(struct ts_grpc_call *call)
{
    struct ts_grpc_server *server = call->server;
    if (call->counted)
        atomic_fetch_sub(&server->calls, 1);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    grpc_slice_unref(call->status_text);
    grpc_slice_unref(call->status_bin);
    if (call->message)
        grpc_byte_buffer_destroy(call->message);
    if (call->response)
        grpc_byte_buffer_destroy(call->response);
    if (call->call)
        grpc_call_unref(call->call);
    free(call->headers);
    free(call);
    forget_tag(server);
}

/* The client takes it back, which its connection may do only so often. False: the connection has ended. */
static bool take_back(struct ts_grpc_call *call)
{
    struct ts_connections *connections = call->server->options.connections;
    if (!connections || call->taken_back)
        return true;
    call->taken_back = true;
    char *peer = grpc_call_get_peer(call->call);
    bool goes_on = ts_connections_took_back(connections, peer, ts_now());
    gpr_free(peer);
    return goes_on;
}

/* ---- answering ---- */

static void on_ended(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, ended);
    (void)ok; /* whether the peer still cared makes no difference to what was answered */
    if (call->cancelled)
        take_back(call);
    free_call(call);
}

static size_t add_status(struct ts_grpc_call *call, grpc_op *op, const struct ts_err *err)
{
    op->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    op->data.send_status_from_server.status = err ? (grpc_status_code)err->code : GRPC_STATUS_OK;
    if (!err)
        return 1;
    call->status_text = grpc_slice_from_copied_string(err->what);
    op->data.send_status_from_server.status_details = &call->status_text;
    struct ts_buf bin = TS_BUF_INIT;
    ts_grpc_status_encode(err, &bin);
    call->status_bin = grpc_slice_from_copied_buffer((const char *)bin.ptr, bin.len);
    ts_buf_release(&bin);
    call->trailing.key = grpc_slice_from_static_string("grpc-status-details-bin");
    call->trailing.value = call->status_bin;
    op->data.send_status_from_server.trailing_metadata = &call->trailing;
    op->data.send_status_from_server.trailing_metadata_count = 1;
    return 1;
}

void ts_grpc_call_answer(struct ts_grpc_call *call, ts_view response, const struct ts_err *err)
{
    grpc_op ops[4] = {{0}};
    size_t n = 0;
    ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (!err) {
        grpc_slice slice = grpc_slice_from_copied_buffer((const char *)response.ptr, response.len);
        call->response = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->response;
    }
    n += add_status(call, &ops[n], err);
    ops[n].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[n++].data.recv_close_on_server.cancelled = &call->cancelled;
    grpc_call *core = call->call; /* once armed, `call` is the worker's */
    ts_grpc_arm(&call->ended, on_ended);
    if (grpc_call_start_batch(core, ops, n, &call->ended, NULL) != GRPC_CALL_OK)
        free_call(call);
}

/* ---- accepting ---- */

static void refuse(struct ts_grpc_call *call, const struct ts_err *err)
{
    const struct ts_grpc_server_options *o = &call->server->options;
    if (o->refused)
        o->refused(o->arg, err);
    ts_grpc_call_answer(call, TS_NOTHING, err);
}

static void hand_over(struct ts_grpc_call *call)
{
    struct ts_grpc_server *server = call->server;
    const struct ts_grpc_server_options *o = &server->options;
    struct ts_err err = {0};
    call->counted = !call->taken_back;
    if (call->counted && atomic_fetch_add(&server->calls, 1) >= o->max_calls) {
        err.retry_after = TS_S;
        ts_fail(&err, TS_UNAVAILABLE, "%d calls are in flight already; try again", o->max_calls);
        refuse(call, &err);
        return;
    }
    grpc_byte_buffer *message = call->message;
    call->message = NULL;
    struct ts_payload *payload = ts_grpc_payload(message, o->max_request, &err);
    if (!payload) {
        refuse(call, &err);
        return;
    }
    o->methods[call->method].handle(o->methods[call->method].arg, call, payload);
}

static void on_accepted(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, accepted);
    if (!ok) { /* the server is shutting down: the slot was never filled */
        call->call = NULL;
        free_call(call);
        return;
    }
    post_slot(call->server, call->method, call->spare);
    /* No message, not even an empty one: core has the call's end already. */
    if (!call->message && !take_back(call))
        free_call(call);
    else
        hand_over(call);
}

static void on_unknown(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, accepted);
    if (!ok) {
        call->call = NULL;
        free_call(call);
        return;
    }
    post_slot(call->server, UNKNOWN, call->spare);
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
    struct ts_grpc_call *call = ts_alloc(sizeof *call);
    call->server = server;
    call->method = method;
    call->status_text = grpc_empty_slice();
    call->status_bin = grpc_empty_slice();
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    call->spare = spare;
    grpc_completion_queue *queue =
        spare ? ts_grpc_spare_queue(server->grpc) : ts_grpc_queue(server->grpc);
    grpc_call_error bad;
    if (method != UNKNOWN) {
        ts_grpc_arm(&call->accepted, on_accepted);
        bad = grpc_server_request_registered_call(server->server, server->methods[method],
                                                  &call->call, &call->deadline, &call->metadata,
                                                  &call->message, queue, queue, &call->accepted);
    } else {
        ts_grpc_arm(&call->accepted, on_unknown);
        bad = grpc_server_request_call(server->server, &call->call, &call->details, &call->metadata,
                                       queue, queue, &call->accepted);
    }
    if (bad != GRPC_CALL_OK) {
        call->call = NULL;
        free_call(call);
    }
}

const struct ts_grpc_header *ts_grpc_call_headers(const struct ts_grpc_call *call, size_t *count)
{
    struct ts_grpc_call *c = (struct ts_grpc_call *)call; /* the views are made on first use */
    *count = c->metadata.count;
    if (!c->headers) {
        c->headers = ts_alloc((c->metadata.count + 1) * sizeof *c->headers);
        for (size_t i = 0; i < c->metadata.count; i++) {
            c->headers[i].key = ts_grpc_slice_view(&c->metadata.metadata[i].key);
            c->headers[i].value = ts_grpc_slice_view(&c->metadata.metadata[i].value);
        }
    }
    return c->headers;
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
    server->quota = grpc_resource_quota_create("receiver");
    grpc_resource_quota_resize(server->quota, o->max_memory);
    ts_grpc_arg_pointer(&args, GRPC_ARG_RESOURCE_QUOTA, server->quota,
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
        post_slot(server, UNKNOWN, spare);
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
    server->server = create(server);
    grpc_server_register_completion_queue(server->server, ts_grpc_queue(grpc), NULL);
    grpc_server_register_completion_queue(server->server, ts_grpc_spare_queue(grpc), NULL);
    server->methods = ts_alloc((options->method_count + 1) * sizeof(void *));
    for (size_t i = 0; i < options->method_count; i++)
        server->methods[i] =
            grpc_server_register_method(server->server, options->methods[i].name, NULL,
                                        GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
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
    grpc_resource_quota_unref(server->quota);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server->methods);
    free(server);
}
