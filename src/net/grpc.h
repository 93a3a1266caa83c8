/* grpc.h - gRPC core's C API as a runtime, a unary server and a unary client.
 * One completion queue and by default one thread serve both sides (measured best on few cores); the
 * bytes of a message are handed through without a protobuf layer in between. */
#ifndef TS_NET_GRPC_H
#define TS_NET_GRPC_H

#include "base/payload.h"
#include "loop/job.h"

struct ts_grpc;
struct ts_grpc_server;
struct ts_grpc_call;
struct ts_grpc_channel;

/* ---- runtime ---- */

/* Starts `threads` (≥ 1) worker threads. */
struct ts_grpc *ts_grpc_new(int threads, struct ts_err *err);
/* Servers and channels must be gone. Waits for the threads. NULL is fine. */
void ts_grpc_free(struct ts_grpc *grpc);

/* PEM files; NULL where not used. */
struct ts_grpc_tls {
    bool enabled;
    bool skip_verify;    /* client only: refused by gRPC core's public API; see channel_new */
    const char *ca_file; /* client: roots; NULL: the system's */
    const char *cert_file, *key_file;
    const char *client_ca_file; /* server: client certificates are required and verified */
    const char *server_name;    /* client: expected name instead of the endpoint's host */
    ts_time reload_interval;    /* changed files are taken up within; 0: never */
};

/* Lengths in ns; 0 leaves gRPC core's own default. */
struct ts_grpc_keepalive {
    ts_time max_connection_idle, max_connection_age, max_connection_age_grace;
    ts_time time, timeout, min_time;
    bool permit_without_stream;
};

struct ts_grpc_header {
    ts_view key, value; /* keys in lower case, as on the wire */
};

/* ---- server ---- */

struct ts_grpc_method {
    const char *name; /* "/package.Service/Method" */
    /* A request came. The payload is the handler's to unref. Every call must get exactly one
     * ts_grpc_call_answer, from any thread, now or later. Thread: a gRPC worker. */
    void (*handle)(void *arg, struct ts_grpc_call *call, struct ts_payload *request);
    void *arg;
};

struct ts_listeners;
struct ts_connections;

struct ts_grpc_server_options {
    const char *endpoint;           /* "host:port", "unix:///path" */
    struct ts_listeners *listeners; /* its sockets are to be among these; NULL: nobody's */
    struct ts_connections
        *connections; /* and what they accept among these; NULL: no limits on them */
    const struct ts_grpc_method *methods; /* those that are served; borrowed while it lives */
    size_t method_count;
    struct ts_grpc_tls tls;
    struct ts_grpc_keepalive keepalive;
    size_t max_request; /* bytes, also after inflating */
    size_t
        max_memory; /* bytes of connections, of bodies under way, and of requests that live; but core has max_request always,
                         * and while one is copied together it is there twice */
    int max_calls;  /* answered UNAVAILABLE beyond */
    int max_concurrent_streams; /* per connection; 0: no limit */
    ts_time read_timeout;       /* for a request to come, once its call has begun; 0: no limit */
    /* Called for every request refused before `handle` saw it; NULL: nobody counts. */
    void (*refused)(void *arg, const struct ts_err *why);
    void *arg; /* of refused */
};

/* Binds and serves. Any other method is answered UNIMPLEMENTED. Errors: a port in use, an address
 * that does not resolve, unreadable certificates; each says what to do. */
struct ts_grpc_server *ts_grpc_server_new(struct ts_grpc *grpc,
                                          const struct ts_grpc_server_options *options,
                                          struct ts_err *err);
/* Stops accepting at once; open calls may end until `deadline` (ts_now clock), then are cancelled.
 * Returns when all calls have ended. Safe twice. */
void ts_grpc_server_stop(struct ts_grpc_server *server, ts_time deadline);
/* Ends the calls whose request has been awaited longer than read_timeout: DEADLINE_EXCEEDED. To be called every few
 * seconds. Thread: any. */
void ts_grpc_server_expire(struct ts_grpc_server *server, ts_time now);
void ts_grpc_server_free(struct ts_grpc_server *server); /* stopped first; NULL is fine */

/* The request's metadata, valid until the answer. */
const struct ts_grpc_header *ts_grpc_call_headers(const struct ts_grpc_call *call, size_t *count);
/* Ends the call: OK with `response` when err is NULL, else err's code and text; retry_after goes out
 * as RetryInfo, INVALID_ARGUMENT carries a BadRequest. Thread: any. */
void ts_grpc_call_answer(struct ts_grpc_call *call, ts_view response, const struct ts_err *err);

/* ---- client ---- */

struct ts_grpc_channel_options {
    const char *endpoint; /* host:port, http://…, https://…, dns:///…, unix:///… (1.8) */
    struct ts_grpc_tls tls;
    struct ts_grpc_keepalive keepalive;
    const char *authority; /* NULL: the endpoint's */
};

/* Connects on first use; a target that is down is no error here. A scheme in the endpoint wins over
 * tls.enabled. The strings of the options stay the caller's while it lives. Errors: certificates that are not
 * good, tls.skip_verify. */
struct ts_grpc_channel *ts_grpc_channel_new(struct ts_grpc *grpc,
                                            const struct ts_grpc_channel_options *options,
                                            struct ts_err *err);
void ts_grpc_channel_free(struct ts_grpc_channel *channel); /* NULL is fine */

/* One unary call. The owner fills the first part, which stays untouched until `done`. */
struct ts_grpc_unary {
    struct ts_job job; /* deadline bounds the call; DONE: the server said OK. FAILED: err has
                                * its code, its text (limited, control characters taken out) and the
                                * delay of its RetryInfo */
    const char *method;
    const ts_view *slices; /* the message; valid while `owner` is held */
    size_t slice_count;
    struct ts_payload *owner; /* borrowed; gRPC takes references of its own */
    bool gzipped;             /* the message is a gzip stream already */
    const struct ts_grpc_header *headers;
    size_t header_count;
    bool has_retry_info;         /* the peer sent RetryInfo, even with delay 0 */
    struct ts_payload *response; /* with DONE */
    void *call;                  /* private */
};
/* After `done` the owner calls ts_grpc_unary_release. Changed certificates are taken up here. Thread: one at a
 * time for a channel. */
void ts_grpc_unary_start(struct ts_grpc_channel *channel, struct ts_grpc_unary *unary);
/* Gives up a call that was started: `done` follows with CANCELLED as its code, unless the answer was there
 * first. Thread: any, before `done`. */
void ts_grpc_unary_cancel(struct ts_grpc_unary *unary);
void ts_grpc_unary_release(struct ts_grpc_unary *unary);

/* May this be a metadata key (lower case, legal characters, not reserved by gRPC)? */
bool ts_grpc_key_ok(ts_view key);

#endif
