/* grpc_call.c - a call: its message is read, it is handed over, answered, ended. */
#include "net/connections.h"
#include "net/grpc_server_internal.h"

#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/support/alloc.h>

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

struct ts_grpc_call *ts_grpc_call_new(struct ts_grpc_server *server, size_t method, bool spare)
{
    struct ts_grpc_call *call = ts_alloc(sizeof *call);
    call->server = server;
    call->method = method;
    call->spare = spare;
    call->status_text = grpc_empty_slice();
    call->status_bin = grpc_empty_slice();
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    return call;
}

void ts_grpc_call_discard(struct ts_grpc_call *slot)
{
    slot->call = NULL;
    free_call(slot);
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

/* ---- reading ---- */

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
    struct ts_payload *payload = ts_grpc_payload(message, o->max_request, server->quota, &err);
    if (!payload) {
        refuse(call, &err);
        return;
    }
    o->methods[call->method].handle(o->methods[call->method].arg, call, payload);
}

static void give_up(struct ts_grpc_call *call)
{
    const struct ts_grpc_server_options *o = &call->server->options;
    struct ts_err err = {0};
    ts_fail(&err, TS_DEADLINE_EXCEEDED, "the request did not come");
    if (o->refused)
        o->refused(o->arg, &err);
    free_call(call); /* core has answered it */
}

static void on_read(struct ts_grpc_event *event, bool ok)
{
    struct ts_grpc_call *call = TS_CONTAINER_OF(event, struct ts_grpc_call, read);
    struct ts_grpc_server *server = call->server;
    (void)ok;
    pthread_mutex_lock(&server->lock);
    TAILQ_REMOVE(&server->reading, call, link);
    pthread_mutex_unlock(&server->lock);
    /* No message, not even an empty one: core has the call's end already. */
    if (call->expired && !call->message)
        give_up(call);
    else if (call->message || take_back(call))
        hand_over(call);
    else
        free_call(call);
}

void ts_grpc_call_read(struct ts_grpc_call *call)
{
    struct ts_grpc_server *server = call->server;
    const grpc_op read = {.op = GRPC_OP_RECV_MESSAGE,
                          .data.recv_message.recv_message = &call->message};
    grpc_call *core = call->call; /* once armed, `call` is the worker's */
    call->since = ts_now();
    pthread_mutex_lock(&server->lock);
    TAILQ_INSERT_TAIL(&server->reading, call, link);
    pthread_mutex_unlock(&server->lock);
    ts_grpc_arm(&call->read, on_read);
    if (grpc_call_start_batch(core, &read, 1, &call->read, NULL) != GRPC_CALL_OK)
        on_read(&call->read, false);
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
