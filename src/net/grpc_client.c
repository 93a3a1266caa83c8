/* grpc_client.c - unary calls whose message is a list of slices that nobody copies. */
#include "net/grpc_internal.h"

#include "base/buf.h"
#include "base/secrets.h"
#include "net/endpoint.h"
#include "net/tls_files.h"

#include <stdio.h>
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>

enum { MAX_RESPONSE = 4 << 20 }; /* */

struct ts_grpc_channel {
    struct ts_grpc *grpc;
    grpc_channel *channel;
    struct ts_grpc_channel_options options;
    struct ts_tls_files *files; /* NULL: plaintext */
    char *address;
};

struct call {
    struct ts_grpc_event event;
    struct ts_grpc_unary *unary;
    grpc_call *call;
    grpc_byte_buffer *request, *response;
    grpc_metadata_array initial, trailing;
    grpc_metadata *metadata;
    size_t metadata_count;
    grpc_status_code status;
    grpc_slice details;
};

/* ---- the message ---- */

static void unref_owner(void *owner)
{
    ts_payload_unref(owner);
}

static grpc_byte_buffer *message(const struct ts_grpc_unary *u)
{
    enum { INLINED = 23 }; /* gRPC core keeps so many bytes inside the slice itself */
    grpc_slice *slices = ts_alloc((u->slice_count + 1) * sizeof *slices);
    for (size_t i = 0; i < u->slice_count; i++) {
        ts_view v = u->slices[i];
        if (v.len <= INLINED)
            slices[i] = grpc_slice_from_copied_buffer((const char *)v.ptr, v.len);
        else
            slices[i] = grpc_slice_new_with_user_data((void *)v.ptr, v.len, unref_owner,
                                                      ts_payload_ref(u->owner));
    }
    grpc_byte_buffer *buffer =
        u->gzipped
            ? grpc_raw_compressed_byte_buffer_create(slices, u->slice_count, GRPC_COMPRESS_GZIP)
            : grpc_raw_byte_buffer_create(slices, u->slice_count);
    for (size_t i = 0; i < u->slice_count; i++)
        grpc_slice_unref(slices[i]);
    free(slices);
    return buffer;
}

static void fill_metadata(struct call *c, const struct ts_grpc_unary *u)
{
    c->metadata = ts_alloc((u->header_count + 1) * sizeof *c->metadata);
    size_t n = 0;
    for (; n < u->header_count; n++) {
        ts_view k = u->headers[n].key;
        ts_view v = u->headers[n].value;
        c->metadata[n].key = grpc_slice_from_copied_buffer((const char *)k.ptr, k.len);
        c->metadata[n].value = grpc_slice_from_copied_buffer((const char *)v.ptr, v.len);
    }
    if (u->gzipped) { /* tells core that the bytes are compressed already (feasibility, 4) */
        c->metadata[n].key = grpc_slice_from_static_string("grpc-internal-encoding-request");
        c->metadata[n++].value = grpc_slice_from_static_string("gzip");
    }
    c->metadata_count = n;
}

/* ---- the end ---- */

/* What the server says, which may be what it was sent. */
static void read_text(struct call *c)
{
    enum { READ = 4096, KEPT = 250 };
    struct ts_grpc_unary *u = c->unary;
    ts_view text = ts_view_cut(ts_grpc_slice_view(&c->details), 0, READ);
    ts_view *sent = ts_alloc((u->header_count + 1) * sizeof *sent);
    for (size_t i = 0; i < u->header_count; i++)
        sent[i] = u->headers[i].value;
    size_t len = 0;
    char *redacted = ts_secret_redact(text, sent, u->header_count, &len);
    if (redacted)
        text = ts_view_of(redacted, len);
    ts_fail(&u->job.err, (enum ts_code)c->status, TS_FMT, TS_ARG(ts_view_cut(text, 0, KEPT)));
    free(redacted);
    free(sent);
}

static void read_failure(struct call *c)
{
    struct ts_grpc_unary *u = c->unary;
    read_text(c);
    for (size_t i = 0; i < c->trailing.count; i++) {
        const grpc_metadata *m = &c->trailing.metadata[i];
        ts_time delay = 0;
        if (ts_view_is(ts_grpc_slice_view(&m->key), "grpc-status-details-bin") &&
            ts_grpc_status_retry(ts_grpc_slice_view(&m->value), &delay)) {
            u->has_retry_info = true;
            u->job.err.retry_after = delay;
        }
    }
}

static void free_call(struct call *c)
{
    for (size_t i = 0; i < c->metadata_count; i++) {
        grpc_slice_unref(c->metadata[i].key);
        grpc_slice_unref(c->metadata[i].value);
    }
    grpc_metadata_array_destroy(&c->initial);
    grpc_metadata_array_destroy(&c->trailing);
    grpc_slice_unref(c->details);
    grpc_byte_buffer_destroy(c->request);
    if (c->response)
        grpc_byte_buffer_destroy(c->response);
    grpc_call_unref(c->call);
    free(c->metadata);
    free(c);
}

static void on_done(struct ts_grpc_event *event, bool ok)
{
    struct call *c = TS_CONTAINER_OF(event, struct call, event);
    struct ts_grpc_unary *u = c->unary;
    (void)ok; /* the status says it */
    if (c->status == GRPC_STATUS_OK) {
        grpc_byte_buffer *response = c->response;
        c->response = NULL;
        u->response = ts_grpc_payload(response, MAX_RESPONSE, NULL, &u->job.err);
    } else {
        read_failure(c);
    }
    bool done = u->response != NULL;
    free_call(c);
    ts_job_finish(&u->job, done ? TS_JOB_DONE : TS_JOB_FAILED);
}

static void renew(struct ts_grpc_channel *channel);

void ts_grpc_unary_start(struct ts_grpc_channel *channel, struct ts_grpc_unary *u)
{
    renew(channel);
    struct call *c = ts_alloc(sizeof *c);
    c->unary = u;
    c->details = grpc_empty_slice();
    grpc_metadata_array_init(&c->initial);
    grpc_metadata_array_init(&c->trailing);
    c->request = message(u);
    fill_metadata(c, u);
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (u->job.deadline > 0 && u->job.deadline != TS_NEVER)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                gpr_time_from_nanos(u->job.deadline - ts_now(), GPR_TIMESPAN));
    c->call = grpc_channel_create_call(
        channel->channel, NULL, GRPC_PROPAGATE_DEFAULTS, ts_grpc_queue(channel->grpc),
        grpc_slice_from_static_string(u->method), NULL, deadline, NULL);
    grpc_op ops[6] = {{0}};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = c->metadata_count;
    ops[0].data.send_initial_metadata.metadata = c->metadata;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = c->request;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &c->initial;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &c->response;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &c->trailing;
    ops[5].data.recv_status_on_client.status = &c->status;
    ops[5].data.recv_status_on_client.status_details = &c->details;
    grpc_call *call = c->call; /* once armed, `c` is the worker's */
    grpc_call_ref(call);       /* the owner's, to cancel it */
    u->call = call;
    ts_grpc_arm(&c->event, on_done);
    grpc_call_error bad = grpc_call_start_batch(call, ops, TS_COUNT(ops), &c->event, NULL);
    if (bad == GRPC_CALL_OK)
        return;
    ts_fail(&u->job.err, TS_INTERNAL, "gRPC refused the call with error %d", (int)bad);
    free_call(c);
    ts_job_finish(&u->job, TS_JOB_FAILED);
}

void ts_grpc_unary_cancel(struct ts_grpc_unary *u)
{
    if (u->call)
        grpc_call_cancel(u->call, NULL);
}

void ts_grpc_unary_release(struct ts_grpc_unary *u)
{
    if (u->call)
        grpc_call_unref(u->call);
    ts_payload_unref(u->response);
    u->call = NULL;
    u->response = NULL;
}

/* ---- the channel ---- */

/* The endpoint in gRPC's own form; a scheme decides on TLS (1.8). */
static ts_view target(const char *endpoint, bool *tls)
{
    ts_view v = ts_view_str(endpoint);
    struct ts_endpoint e = ts_endpoint_of(v);
    if (ts_endpoint_is_url(v)) {
        *tls = ts_view_is(e.scheme, "https");
        return e.address;
    }
    while (v.len > 0 && v.ptr[v.len - 1] == '/' && !ts_view_is(e.scheme, "unix"))
        v.len--;
    return v;
}

static grpc_channel *connect_to(const struct ts_grpc_channel *channel)
{
    const struct ts_grpc_channel_options *o = &channel->options;
    struct ts_grpc_args args = {.count = 0};
    ts_grpc_arg_int(&args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MAX_RESPONSE);
    ts_grpc_arg_int(&args, GRPC_ARG_ENABLE_RETRIES, 0); /* the sending queue retries */
    ts_grpc_arg_int(&args, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    ts_grpc_arg_int(&args, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
    ts_grpc_arg_int(&args, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
    ts_grpc_arg_text(&args, GRPC_ARG_PRIMARY_USER_AGENT_STRING, "trustspan/" TS_VERSION);
    ts_grpc_arg_keepalive(&args, &o->keepalive);
    if (o->tls.server_name && channel->files)
        ts_grpc_arg_text(&args, GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, o->tls.server_name);
    if (o->authority)
        ts_grpc_arg_text(&args, GRPC_ARG_DEFAULT_AUTHORITY, o->authority);
    grpc_channel_args channel_args = {args.count, args.items};
    grpc_channel_credentials *creds = channel->files ? ts_grpc_client_credentials(channel->files)
                                                     : grpc_insecure_credentials_create();
    grpc_channel *core = grpc_channel_create(channel->address, creds, &channel_args);
    grpc_channel_credentials_release(creds);
    return core;
}

/* Calls under way keep the old one. */
static void renew(struct ts_grpc_channel *channel)
{
    if (!channel->files || !ts_tls_files_changed(channel->files))
        return;
    grpc_channel *old = channel->channel;
    channel->channel = connect_to(channel);
    grpc_channel_destroy(old);
}

struct ts_grpc_channel *ts_grpc_channel_new(struct ts_grpc *grpc,
                                            const struct ts_grpc_channel_options *o,
                                            struct ts_err *err)
{
    bool tls = o->tls.enabled;
    ts_view to = target(o->endpoint, &tls);
    if (tls && o->tls.skip_verify) {
        ts_fail(err, TS_INVALID_ARGUMENT,
                "tls.insecure_skip_verify is not possible with gRPC core; give the server's "
                "certificate as tls.ca_file");
        return NULL;
    }
    struct ts_tls_files *files = tls ? ts_grpc_client_files(&o->tls, err) : NULL;
    if (tls && !files)
        return NULL;
    struct ts_grpc_channel *channel = ts_alloc(sizeof *channel);
    channel->grpc = grpc;
    channel->options = *o;
    channel->files = files;
    channel->address = ts_view_dup(to);
    channel->channel = connect_to(channel);
    return channel;
}

void ts_grpc_channel_free(struct ts_grpc_channel *channel)
{
    if (!channel)
        return;
    grpc_channel_destroy(channel->channel);
    ts_tls_files_free(channel->files);
    free(channel->address);
    free(channel);
}
