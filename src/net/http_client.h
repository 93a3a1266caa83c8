/* http_client.h - libcurl's multi interface on one loop.
 * One client per loop and peer: it keeps the connections. TLS verification is on unless said. */
#ifndef TS_NET_HTTP_CLIENT_H
#define TS_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "loop/job.h"
#include "net/limits.h"
#include "net/tls_files.h"

struct ts_http_client;

struct ts_http_options {
    const char *user_agent;     /* NULL: "trustspan/<version>" */
    const char *const *headers; /* of every request, NULL at the end; copied, wiped at the end */
    struct ts_http_tls {
        struct ts_tls_paths files; /* ca_file NULL: the system's roots */
        bool skip_verify;
    } tls;
    int max_connections;     /* to all hosts; 0: 64 */
    ts_time connect_timeout; /* 0: 5s */
};

/* One exchange. The owner fills `request`, which stays untouched until `done`, and calls
 * ts_http_job_release afterwards. */
struct ts_http_job {
    struct ts_job job; /* DONE: an HTTP answer came, whatever its status */
    struct {
        const char *method; /* "GET", "POST" … */
        const char *url;
        const char *const *headers; /* besides the client's; "Name: value", NULL at the end */
        ts_view body;               /* empty for GET */
        size_t max_response;        /* bytes; 0: 1 MiB. A longer answer fails the job */
    } request;
    int status;
    struct ts_limits limits; /* what the head says of the server's limits */
    char content_type[64];   /* lower case, parameters cut off */
    struct ts_buf body;
    struct ts_http_exchange *exchange; /* private */
};

/* The strings of `options` are copied. Files of tls that are not good count as not given: who makes a client asks
 * ts_tls_files_new first what is wrong with them. Thread: the loop's, or before it starts. */
struct ts_http_client *ts_http_client_new(struct ts_loop *loop,
                                          const struct ts_http_options *options);
/* Cancels what is in flight (`done` still runs, CANCELLED). NULL is fine. Thread: as above. */
void ts_http_client_free(struct ts_http_client *client);

/* `job.home` must be the client's loop. `job.deadline` bounds the whole exchange (EXPIRED).
 * FAILED: err.code UNAVAILABLE for anything a retry may cure (refused, reset, DNS), UNAUTHENTICATED
 * for a certificate that does not verify, RESOURCE_EXHAUSTED for an answer that is too long,
 * INVALID_ARGUMENT for a URL that is none. Redirects are not followed. Messages name host and
 * cause, never header values or bodies. Thread: the loop's. */
void ts_http_submit(struct ts_http_client *client, struct ts_http_job *job);
/* `done` follows with CANCELLED, unless the job had already ended. Thread: the loop's. */
void ts_http_cancel(struct ts_http_client *client, struct ts_http_job *job);
/* Frees the answer's body. */
void ts_http_job_release(struct ts_http_job *job);

#endif
