/* otlp_grpc.c - spans to anything that speaks OTLP over gRPC; Phoenix first of all. */
#include "pipeline/exporter.h"

#include "net/endpoint.h"
#include "net/grpc.h"
#include "pipeline/shared_settings.h"
#include "wire/gzip.h"
#include "wire/repair.h"

#include <semaphore.h>
#include <stdlib.h>

#define AUTHORIZATION TS_LIT("authorization")

enum { DROP, RETRY, AUTO };
enum { NONE, GZIP };

struct otlp_grpc_config {
    const char *endpoint;
    struct ts_tls_client_config tls;
    struct ts_pairs headers;
    int compression;
    ts_time timeout;
    const char *authority;
    int resource_exhausted;
    uint64_t max_request_size;
    struct ts_retry_settings retry_on_failure;
    struct {
        int64_t num_consumers;
    } sending_queue;
    struct {
        bool present_;
        ts_time time, timeout;
        bool permit_without_stream;
    } keepalive;
};

struct ts_instance {
    struct call *calls; /* under way */
    bool stopped;       /* no call begins any more */
    struct ts_task cancel_task;
    sem_t cancelled;
    const struct otlp_grpc_config *config;
    const struct ts_host *host;
    struct ts_grpc_channel *channel;
    struct ts_headers *headers; /* configured ones */
};

/* One call under way. */
struct call {
    struct ts_grpc_unary unary; /* first: the cast back from the job is safe */
    struct ts_instance *self;
    struct call *next, **back;
    struct ts_send *send;
    struct ts_headers *headers; /* the sender's, and ours that it has not */
    ts_view zipped;
    struct ts_payload *zipped_owner;
};

/* ---- the outcome (otlp-and-collector.md 1.6, R-20, R-21; phoenix.md 2.2) ---- */

static bool says(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

static enum ts_outcome exhausted(const struct call *c, const struct ts_err *err)
{
    if (says(err->what, "larger than max") || says(err->what, "message too large"))
        return TS_TOO_LARGE;
    if (c->unary.has_retry_info || c->self->config->resource_exhausted == RETRY)
        return TS_RETRY;
    /* Phoenix up to 20.3 says so of a full queue or disk, without RetryInfo */
    bool passes = says(err->what, "capacity") || says(err->what, "storage");
    return c->self->config->resource_exhausted == AUTO && passes ? TS_RETRY : TS_REFUSED;
}

static enum ts_outcome outcome_of(struct call *c, struct ts_err *err)
{
    bool ours = !ts_headers_has(c->send->headers, AUTHORIZATION);
    switch (err->code) {
    case TS_CANCELLED:
    case TS_DEADLINE_EXCEEDED:
    case TS_ABORTED:
    case TS_OUT_OF_RANGE:
    case TS_UNAVAILABLE:
    case TS_DATA_LOSS:
        return TS_RETRY;
    case TS_RESOURCE_EXHAUSTED:
        return exhausted(c, err);
    case TS_UNAUTHENTICATED:
    case TS_PERMISSION_DENIED:
        /* Our key can be mended while the spans wait; a sender's own key cannot. */
        ts_fail(err, err->code, "%s refuses the %s; check %s", c->self->config->endpoint,
                ours ? "key" : "key that the sender gave", ours ? "headers" : "the sender");
        return ours ? TS_BLOCKED : TS_REFUSED;
    case TS_UNIMPLEMENTED:
        ts_fail(err, err->code, "%s does not serve OTLP traces over gRPC; check the endpoint",
                c->self->config->endpoint);
        return TS_BLOCKED;
    default:
        return TS_REFUSED;
    }
}

/* ExportTraceServiceResponse.partial_success (1): a count in field 1 is spans refused for good. */
static uint64_t rejected(const struct ts_payload *response)
{
    struct ts_cursor c = ts_cursor_of(ts_payload_view(response));
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != 1)
            continue;
        struct ts_cursor inner = ts_cursor_of(f.bytes);
        while (!ts_cursor_done(&inner) && ts_cursor_next(&inner, &f))
            if (f.number == 1)
                return f.value;
    }
    return 0;
}

/* Invalid UTF-8 makes a backend's decoder throw the whole request away. */
static bool is_text_trouble(const struct call *c, enum ts_outcome outcome)
{
    enum ts_code code = c->send->err.code;
    return outcome == TS_REFUSED && c->send->scratch == NULL &&
           (code == TS_INTERNAL || code == TS_INVALID_ARGUMENT || code == TS_UNKNOWN);
}

static void start_call(struct ts_instance *self, struct ts_send *send, struct ts_payload *repaired);

static void free_call(struct call *c)
{
    *c->back = c->next;
    if (c->next)
        c->next->back = c->back;
    ts_payload_unref(c->zipped_owner);
    ts_grpc_unary_release(&c->unary);
    ts_headers_unref(c->headers);
    free(c);
}

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct call *c = (struct call *)(void *)job;
    struct ts_send *send = c->send;
    struct ts_instance *self = c->self;
    enum ts_outcome outcome = TS_SENT;
    send->err = job->err;
    if (end != TS_JOB_DONE) {
        outcome = outcome_of(c, &send->err);
    } else if (rejected(c->unary.response) > 0) {
        ts_fail(&send->err, TS_INVALID_ARGUMENT, "the backend rejected %llu of the spans",
                (unsigned long long)rejected(c->unary.response));
        outcome = TS_REFUSED;
    }
    bool trouble = is_text_trouble(c, outcome);
    free_call(c);
    struct ts_payload *repaired = trouble ? ts_part_repair_text(send->part) : NULL;
    if (repaired)
        start_call(self, send, repaired);
    else
        ts_send_done(send, outcome);
}

/* ---- the attempt ---- */

static void compress(struct call *c)
{
    struct ts_buf out = TS_BUF_INIT;
    ts_gzip_deflate(c->unary.slices, c->unary.slice_count, 1, &out);
    size_t len;
    uint8_t *bytes = ts_buf_take(&out, &len);
    c->zipped = ts_view_of(bytes, len);
    ts_payload_unref(c->zipped_owner);
    c->zipped_owner = ts_payload_new(c->zipped, free, bytes);
    c->unary.slices = &c->zipped;
    c->unary.slice_count = 1;
    c->unary.owner = c->zipped_owner;
    c->unary.gzipped = true;
}

/* `repaired`, when given, goes instead of the part; taken over. */
static void start_call(struct ts_instance *self, struct ts_send *send, struct ts_payload *repaired)
{
    struct call *c = ts_alloc(sizeof *c);
    c->self = self;
    c->send = send;
    c->next = self->calls;
    c->back = &self->calls;
    if (c->next)
        c->next->back = &c->next;
    self->calls = c;
    c->unary.job.home = self->host->loop;
    c->unary.job.done = on_done;
    c->unary.job.deadline = self->config->timeout ? ts_now() + self->config->timeout : TS_NEVER;
    c->unary.method = send->signal->grpc_method;
    c->unary.slices = send->part->slices;
    c->unary.slice_count = send->part->count;
    c->unary.owner = send->owner;
    send->scratch = NULL;
    if (repaired) {
        send->scratch = self; /* marks the attempt: repaired once */
        c->zipped = ts_payload_view(repaired);
        c->zipped_owner = repaired;
        c->unary.slices = &c->zipped;
        c->unary.slice_count = 1;
        c->unary.owner = repaired;
    }
    c->headers = ts_headers_merge(send->headers, self->headers);
    c->unary.headers = ts_headers_list(c->headers, &c->unary.header_count);
    if (self->config->compression == GZIP)
        compress(c);
    ts_grpc_unary_start(self->channel, &c->unary);
    if (self->stopped)
        ts_grpc_unary_cancel(&c->unary);
}

static void send_part(struct ts_instance *self, struct ts_send *s)
{
    start_call(self, s, NULL);
}

static void queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    out->retry = self->config->retry_on_failure;
    out->num_consumers = self->config->sending_queue.num_consumers;
    out->max_request_size = self->config->max_request_size;
}

/* ---- life ---- */

static bool check_headers(const struct ts_instance *self, struct ts_err *err)
{
    size_t count;
    const struct ts_grpc_header *headers = ts_headers_list(self->headers, &count);
    for (size_t i = 0; i < count; i++)
        if (!ts_grpc_key_ok(headers[i].key))
            return ts_fail(err, TS_INVALID_ARGUMENT, "headers: '%s' is no legal header name",
                           self->config->headers.items[i].key);
    return true;
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_grpc_channel_free(self->channel);
    sem_destroy(&self->cancelled);
    ts_headers_unref(self->headers);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    sem_init(&self->cancelled, 0, 0);
    const struct otlp_grpc_config *c = config;
    struct ts_grpc_channel_options options = {
        .endpoint = c->endpoint,
        .tls = ts_tls_client(&c->tls),
        .authority = c->authority,
        .keepalive = {.time = c->keepalive.present_ ? c->keepalive.time : 0,
                      .timeout = c->keepalive.timeout,
                      .permit_without_stream = c->keepalive.permit_without_stream},
    };
    self->headers = ts_headers_of_pairs(&c->headers);
    if (check_headers(self, err))
        self->channel = ts_grpc_channel_new(host->grpc, &options, err);
    if (self->channel)
        return self;
    free_instance(self);
    return NULL;
}

static void cancel_calls(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, cancel_task);
    self->stopped = true;
    for (struct call *c = self->calls; c; c = c->next)
        ts_grpc_unary_cancel(&c->unary);
    sem_post(&self->cancelled);
}

/* Calls under way end as cancelled, which to the queue is: later. */
static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline;
    self->cancel_task.run = cancel_calls;
    ts_loop_post(self->host->loop, &self->cancel_task);
    sem_wait(&self->cancelled);
}

static bool check(const void *config, struct ts_err *err)
{
    const struct otlp_grpc_config *c = config;
    if (!c->endpoint || !*c->endpoint)
        return ts_fail(err, TS_INVALID_ARGUMENT, "endpoint is missing; write endpoint: host:4317");
    struct ts_endpoint e = ts_endpoint_of(ts_view_str(c->endpoint));
    int64_t port;
    if (ts_view_is(e.scheme, "unix"))
        return true;
    if (!ts_view_to_int64(e.port, &port) || port < 1 || port > 65535)
        return ts_fail(err, TS_INVALID_ARGUMENT, "endpoint '%s' has no port; write '%s:4317'",
                       c->endpoint, c->endpoint);
    if (e.path.len > 0 && !ts_view_is(e.path, "/"))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "endpoint '%s' has a path, and gRPC has none; write '" TS_FMT "'",
                       c->endpoint, TS_ARG(e.address));
    return true;
}

#define AT(field)    offsetof(struct otlp_grpc_config, field)
#define ALIVE(field) AT(keepalive.field) - AT(keepalive)
static const struct ts_setting keepalive_table[] = {
    {.key = "time",
     .kind = TS_DURATION,
     .offset = ALIVE(time),
     .default_text = "10s",
     .min = "1s",
     .help = "ping an idle connection after"},
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = ALIVE(timeout),
     .default_text = "10s",
     .help = "close when the ping is not answered in"},
    {.key = "permit_without_stream",
     .kind = TS_BOOL,
     .offset = ALIVE(permit_without_stream),
     .default_text = "false",
     .help = "ping with no call open"},
    {0},
};
static const struct ts_setting queue_table[] = {
    {.key = "num_consumers",
     .kind = TS_INT,
     .offset = 0,
     .default_text = "10",
     .min = "1",
     .max = "1000",
     .help = "requests sent in parallel"},
    {0},
};
static const struct ts_setting settings[] = {
    {.key = "endpoint",
     .kind = TS_TEXT,
     .offset = AT(endpoint),
     .help = "host:port, http://host:port (plaintext), https://host:port (TLS), unix:///path"},
    {.key = "tls",
     .kind = TS_BLOCK,
     .offset = AT(tls),
     .sub = ts_tls_client_table,
     .help = "TLS is on unless insecure"},
    {.key = "headers",
     .kind = TS_SECRET_PAIRS,
     .offset = AT(headers),
     .help = "sent with every request that does not carry that key already"},
    {.key = "compression",
     .kind = TS_ENUM,
     .offset = AT(compression),
     .default_text = "none",
     .choices = "none|gzip",
     .help = "of requests"},
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = AT(timeout),
     .default_text = "10s",
     .help = "for one attempt; 0s: none"},
    {.key = "authority", .kind = TS_TEXT, .offset = AT(authority), .help = ":authority to send"},
    {.key = "resource_exhausted",
     .kind = TS_ENUM,
     .offset = AT(resource_exhausted),
     .default_text = "auto",
     .choices = "drop|retry|auto",
     .help = "what RESOURCE_EXHAUSTED without RetryInfo means; auto retries a full Phoenix"},
    {.key = "max_request_size",
     .kind = TS_SIZE,
     .offset = AT(max_request_size),
     .default_text = "4128768",
     .min = "64KiB",
     .max = "1GiB",
     .help = "larger requests are split by spans; Phoenix takes 4 MiB over gRPC"},
    {.key = "retry_on_failure",
     .kind = TS_BLOCK,
     .offset = AT(retry_on_failure),
     .sub = ts_retry_table,
     .help = "when and how long to try again"},
    {.key = "sending_queue",
     .kind = TS_BLOCK,
     .offset = AT(sending_queue),
     .sub = queue_table,
     .help = "in front of this exporter; what waits is in the store"},
    {.key = "keepalive",
     .kind = TS_BLOCK,
     .offset = AT(keepalive),
     .sub = keepalive_table,
     .present = AT(keepalive.present_),
     .help = "off unless given"},
    {0},
};

const struct ts_exporter ts_exporter_otlp_grpc = {
    .base = {.kind = TS_EXPORTER,
             .type = "otlp_grpc",
             .about = "spans to an OTLP backend over gRPC",
             .settings = settings,
             .config_size = sizeof(struct otlp_grpc_config),
             .check = check,
             .create = create,
             .stop = stop,
             .free = free_instance},
    .send = send_part,
    .queue = queue,
};
