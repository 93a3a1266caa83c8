/* otlp.c - OTLP over gRPC: the unary Export of each signal's service, on gRPC core.
 * A request is acknowledged when the engine says that it is durable, never later. */
#include "pipeline/receiver.h"

#include "base/give_up.h"
#include "net/grpc_watch.h"
#include "pipeline/engine/intake.h"
#include "pipeline/shared_settings.h"

#include <stdio.h>
#include <stdlib.h>

struct grpc_config {
    const char *endpoint; /* first, because offset 0 means "not kept" for `present` */
    bool present;
    int64_t max_recv_msg_size_mib, max_connections, max_concurrent_streams, max_calls;
    ts_time read_timeout;
    bool tls_present;
    struct ts_tls_server_config tls;
    struct {
        struct {
            ts_time max_connection_idle, max_connection_age, max_connection_age_grace;
            ts_time time, timeout;
        } server_parameters;
        struct {
            ts_time min_time;
            bool permit_without_stream;
        } enforcement_policy;
    } keepalive;
};

struct otlp_config {
    struct {
        struct grpc_config grpc;
    } protocols;
    struct ts_texts forward_headers;
    bool strict_ids;
};

/* What is served of one signal. */
struct service {
    struct ts_instance *self;
    const struct ts_signal *signal;
    struct ts_intake_counters counters;
};

struct ts_instance {
    const struct ts_host *host;
    const struct otlp_config *config;
    struct ts_grpc_watch *_Atomic server; /* the metrics page looks at it, started or not */
    struct service *services;             /* of the signals that a pipeline takes from here */
    struct ts_grpc_method *methods;
    size_t count;
    struct ts_counter *refused_requests, *refused_connections, *cut_connections;
};

/* ---- one call ---- */

static void acknowledge(void *arg, const struct ts_err *err)
{
    ts_grpc_call_answer(arg, TS_NOTHING, err); /* full success is zero bytes (1.6) */
}

/* Thread: a gRPC worker. */
static void on_export(void *arg, struct ts_grpc_call *call, struct ts_payload *payload)
{
    const struct service *service = arg;
    struct ts_instance *self = service->self;
    const struct ts_texts *forward = &self->config->forward_headers;
    struct ts_err err = {0};
    if (!ts_intake_has_room(self->host->intake, &err)) {
        ts_payload_unref(payload);
        ts_count(self->refused_requests, 1);
        acknowledge(call, &err);
        return;
    }
    struct ts_request request = {.signal = service->signal,
                                 .payload = payload,
                                 .strict_ids = self->config->strict_ids,
                                 .when = TS_WHEN_DURABLE,
                                 .counters = service->counters,
                                 .acknowledge = acknowledge,
                                 .arg = call};
    if (forward->count > 0) {
        size_t count;
        const struct ts_grpc_header *all = ts_grpc_call_headers(call, &count);
        request.headers = ts_headers_pick(all, count, forward);
    }
    ts_intake_submit(self->host->intake, &request);
}

static void on_refused(void *arg, const struct ts_err *why)
{
    struct ts_instance *self = arg;
    (void)why;
    ts_count(self->refused_requests, 1);
}

/* ---- connections ---- */

static int64_t open_connections(void *arg)
{
    struct ts_instance *self = arg;
    return ts_grpc_watch_open(self->server);
}

static void on_deaf(void *arg)
{
    const struct ts_instance *self = arg;
    ts_give_up(self->host->id, "nothing can be received any more");
}

/* ---- life ---- */

static void add_services(struct ts_instance *self)
{
    size_t most = 0;
    while (ts_signals[most])
        most++;
    self->services = ts_alloc(most * sizeof *self->services);
    self->methods = ts_alloc(most * sizeof *self->methods);
    for (size_t i = 0; i < most; i++) {
        if (!ts_intake_takes(self->host->intake, ts_signals[i]))
            continue;
        struct service *service = &self->services[self->count];
        *service = (struct service){self, ts_signals[i],
                                    ts_intake_count(self->host->intake, ts_signals[i], "grpc")};
        self->methods[self->count++] =
            (struct ts_grpc_method){ts_signals[i]->grpc_method, on_export, service};
    }
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    char labels[160];
    self->host = host;
    self->config = config;
    add_services(self);
    snprintf(labels, sizeof labels, "receiver=\"%s\",transport=\"grpc\"", host->intake->source);
    self->refused_requests =
        ts_metrics_counter(host->metrics, "trustspan_receiver_refused_requests", labels,
                           "Requests refused before their items could be counted.");
    ts_metrics_gauge(host->metrics, "trustspan_receiver_connections", labels,
                     "Connections that are open.", open_connections, self);
    self->refused_connections = ts_metrics_counter(
        host->metrics, "trustspan_receiver_refused_connections", labels,
        "Connections closed at once, beyond max_connections or without a file descriptor.");
    self->cut_connections =
        ts_metrics_counter(host->metrics, "trustspan_receiver_cut_connections", labels,
                           "Connections ended because their client began calls and took them back "
                           "too often.");
    return self;
}

static struct ts_grpc_keepalive keepalive(const struct grpc_config *c)
{
    return (struct ts_grpc_keepalive){
        .max_connection_idle = c->keepalive.server_parameters.max_connection_idle,
        .max_connection_age = c->keepalive.server_parameters.max_connection_age,
        .max_connection_age_grace = c->keepalive.server_parameters.max_connection_age_grace,
        .time = c->keepalive.server_parameters.time,
        .timeout = c->keepalive.server_parameters.timeout,
        .min_time = c->keepalive.enforcement_policy.min_time,
        .permit_without_stream = c->keepalive.enforcement_policy.permit_without_stream,
    };
}

static bool start(struct ts_instance *self, struct ts_err *err)
{
    const struct grpc_config *c = &self->config->protocols.grpc;
    struct ts_grpc_server_options options = {
        .endpoint = c->endpoint,
        .methods = self->methods,
        .method_count = self->count,
        .tls = {.enabled = c->tls_present,
                .cert_file = c->tls.cert_file,
                .key_file = c->tls.key_file,
                .client_ca_file = c->tls.client_ca_file,
                .reload_interval = c->tls.reload_interval},
        .keepalive = keepalive(c),
        .max_request = (size_t)c->max_recv_msg_size_mib << 20,
        .max_memory = (size_t)ts_intake_most_memory(self->host->intake),
        .max_calls = (int)c->max_calls,
        .max_concurrent_streams = (int)c->max_concurrent_streams,
        .read_timeout = c->read_timeout,
        .refused = on_refused,
        .arg = self,
    };
    const struct ts_grpc_watch_options watch = {.name = self->host->id,
                                                .max_connections = c->max_connections,
                                                .refused = self->refused_connections,
                                                .cut = self->cut_connections,
                                                .gave_up = on_deaf,
                                                .arg = self};
    self->server = ts_grpc_watch_new(self->host->grpc, &options, &watch, err);
    return self->server != NULL;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    if (self->server)
        ts_grpc_watch_stop(self->server, deadline);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_grpc_watch_free(self->server);
    free(self->methods);
    free(self->services);
    free(self);
}

static bool check(const void *config, struct ts_err *err)
{
    const struct otlp_config *c = config;
    if (!c->protocols.grpc.present)
        return ts_fail(err, TS_INVALID_ARGUMENT, "no protocol is on; add protocols: {grpc: {}}");
    for (size_t i = 0; i < c->forward_headers.count; i++) {
        ts_view key = ts_view_str(c->forward_headers.items[i]);
        static const char *const hop[] = {"connection", "te", "transfer-encoding", "host",
                                          "user-agent"};
        bool refused = ts_view_starts_nocase(key, TS_LIT("content-")) ||
                       ts_view_starts_nocase(key, TS_LIT("grpc-"));
        for (size_t h = 0; h < TS_COUNT(hop); h++)
            refused = refused || ts_view_eq_nocase(key, ts_view_str(hop[h]));
        if (refused || key.len == 0)
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "forward_headers: '%s' belongs to one connection and is never forwarded",
                           c->forward_headers.items[i]);
    }
    return true;
}

/* ---- settings ---- */

#define AT(field) offsetof(struct grpc_config, field)
#define IDLE(field)                                                                                \
    offsetof(struct grpc_config, keepalive.server_parameters.field) -                              \
        offsetof(struct grpc_config, keepalive.server_parameters)
#define POLICY(field)                                                                              \
    offsetof(struct grpc_config, keepalive.enforcement_policy.field) -                             \
        offsetof(struct grpc_config, keepalive.enforcement_policy)
static const struct ts_setting server_parameters[] = {
    {.key = "max_connection_idle",
     .kind = TS_DURATION,
     .offset = IDLE(max_connection_idle),
     .default_text = "15m",
     .help = "close idle connections after; 0s: never"},
    {.key = "max_connection_age",
     .kind = TS_DURATION,
     .offset = IDLE(max_connection_age),
     .default_text = "0s",
     .help = "send clients elsewhere after; set it behind load balancers"},
    {.key = "max_connection_age_grace",
     .kind = TS_DURATION,
     .offset = IDLE(max_connection_age_grace),
     .default_text = "0s",
     .help = "how long open calls may last after that; 0s: no limit"},
    {.key = "time",
     .kind = TS_DURATION,
     .offset = IDLE(time),
     .default_text = "2h",
     .help = "ping an idle client after"},
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = IDLE(timeout),
     .default_text = "20s",
     .help = "close when the ping is not answered in"},
    {0},
};
static const struct ts_setting enforcement_policy[] = {
    {.key = "min_time",
     .kind = TS_DURATION,
     .offset = POLICY(min_time),
     .default_text = "10s",
     .help = "fastest client ping that is tolerated"},
    {.key = "permit_without_stream",
     .kind = TS_BOOL,
     .offset = POLICY(permit_without_stream),
     .default_text = "true",
     .help = "tolerate pings with no call open"},
    {0},
};
static const struct ts_setting keepalive_table[] = {
    {.key = "server_parameters",
     .kind = TS_BLOCK,
     .offset = offsetof(struct grpc_config, keepalive.server_parameters) -
               offsetof(struct grpc_config, keepalive),
     .sub = server_parameters,
     .help = "pings and ages of connections"},
    {.key = "enforcement_policy",
     .kind = TS_BLOCK,
     .offset = offsetof(struct grpc_config, keepalive.enforcement_policy) -
               offsetof(struct grpc_config, keepalive),
     .sub = enforcement_policy,
     .help = "what clients may do"},
    {0},
};
static const struct ts_setting grpc_table[] = {
    {.key = "endpoint",
     .kind = TS_TEXT,
     .offset = AT(endpoint),
     .default_text = "${env:TRUSTSPAN_GRPC_ENDPOINT:-localhost:4317}",
     .help = "where to listen, host:port"},
    {.key = "max_recv_msg_size_mib",
     .kind = TS_INT,
     .offset = AT(max_recv_msg_size_mib),
     .default_text = "64",
     .min = "1",
     .max = "1024",
     .help = "largest request, also when inflated"},
    {.key = "max_connections",
     .kind = TS_INT,
     .offset = AT(max_connections),
     .default_text = "0",
     .min = "0",
     .max = "1000000",
     .help = "open at a time, more are closed; 0: by the limit on open files, at most 4096"},
    {.key = "max_concurrent_streams",
     .kind = TS_INT,
     .offset = AT(max_concurrent_streams),
     .default_text = "256",
     .min = "0",
     .max = "1000000",
     .help = "calls per connection; 0: no limit"},
    {.key = "read_timeout",
     .kind = TS_DURATION,
     .offset = AT(read_timeout),
     .default_text = "60s",
     .min = "0s",
     .max = "1h",
     .help =
         "for a request to come once its call has begun; beyond: DEADLINE_EXCEEDED; 0: no limit"},
    {.key = "max_calls",
     .kind = TS_INT,
     .offset = AT(max_calls),
     .default_text = "1024",
     .min = "1",
     .max = "1000000",
     .help = "calls in flight, all connections; beyond: UNAVAILABLE"},
    {.key = "tls",
     .kind = TS_BLOCK,
     .offset = AT(tls),
     .sub = ts_tls_server_table,
     .present = AT(tls_present),
     .help = "absent: plaintext"},
    {.key = "keepalive",
     .kind = TS_BLOCK,
     .offset = AT(keepalive),
     .sub = keepalive_table,
     .help = "connection upkeep"},
    {0},
};
static const struct ts_setting protocols[] = {
    {.key = "grpc",
     .kind = TS_BLOCK,
     .offset = 0,
     .sub = grpc_table,
     .present = AT(present),
     .help = "OTLP over gRPC"},
    {0},
};
static const struct ts_setting settings[] = {
    {.key = "protocols",
     .kind = TS_BLOCK,
     .offset = offsetof(struct otlp_config, protocols),
     .sub = protocols,
     .help = "on when its key is there"},
    {.key = "forward_headers",
     .kind = TS_TEXTS,
     .offset = offsetof(struct otlp_config, forward_headers),
     .help = "request headers that go on to the exporters; kept in the store with the spans"},
    {.key = "strict_ids",
     .kind = TS_BOOL,
     .offset = offsetof(struct otlp_config, strict_ids),
     .default_text = "false",
     .help = "refuse requests with ids of the wrong length"},
    {0},
};

const struct ts_receiver ts_receiver_otlp = {
    .base =
        {
            .kind = TS_RECEIVER,
            .type = "otlp",
            .about = "OTLP over gRPC",
            .settings = settings,
            .config_size = sizeof(struct otlp_config),
            .check = check,
            .create = create,
            .start = start,
            .stop = stop,
            .free = free_instance,
        },
};
