/* phoenix.c - scores as span annotations: POST {endpoint}/v1/span_annotations (phoenix.md 3).
 * Asynchronous on Phoenix's side, so a 200 says accepted; the same (name, span, identifier) again
 * replaces what is there, so a retry is harmless. */
#include "pipeline/exporter.h"

#include "json/json.h"
#include "net/endpoint.h"
#include "net/http_client.h"
#include "pipeline/shared_settings.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#define AUTHORIZATION TS_LIT("authorization")

enum { POST_SIZE = 100 };           /* what Phoenix's own client sends at once (phoenix.md 3.3) */
static const ts_time settle = TS_S; /* it stores spans about 0.1 s after it took them (3.5) */
static const ts_time give_up = 3600 * TS_S;

struct phoenix_config {
    const char *endpoint, *api_key, *name, *identifier;
    struct ts_pairs headers;
    struct ts_tls_client_config tls;
    ts_time timeout;
    struct ts_retry_settings retry_on_failure;
};

struct ts_instance {
    struct exchange *exchanges; /* under way */
    bool stopped;               /* none begins any more */
    struct ts_task cancel_task;
    sem_t cancelled;
    const struct phoenix_config *config;
    const struct ts_host *host;
    struct ts_http_client *client;
    struct ts_headers *headers; /* configured ones, with the key */
    char *url;
};

struct exchange {
    struct ts_http_job http; /* first: the cast back from the job is safe */
    struct ts_instance *self;
    struct exchange *next, **back;
    struct ts_post *post;
    struct ts_buf body;
    const char **headers;
    size_t header_count;
};

/* ---- the body (phoenix.md 3.2) ---- */

static void add_pair(struct ts_buf *out, const char *key, ts_view value, bool *first)
{
    if (value.len == 0)
        return;
    ts_buf_printf(out, "%s\"%s\":", *first ? "" : ",", key);
    ts_json_append_text(out, value);
    *first = false;
}

static void add_metadata(struct ts_buf *out, const struct ts_evaluation *e)
{
    bool first = true;
    ts_buf_add_str(out, "{");
    add_pair(out, "scorer", e->scorer, &first);
    add_pair(out, "model", e->model, &first);
    add_pair(out, "preset", e->preset, &first);
    add_pair(out, "signals", e->signals, &first);
    add_pair(out, "arrival", e->late ? TS_LIT("late") : TS_LIT("in_span"), &first);
    ts_buf_add_str(out, "}");
}

static void add_annotation(const struct phoenix_config *c, struct ts_buf *out,
                           const struct ts_evaluation *e)
{
    bool first = false;
    ts_buf_add_str(out, "{\"span_id\":");
    ts_json_append_text(out, e->span_id);
    ts_buf_add_str(out, ",\"name\":");
    ts_json_append_text(out, e->name.len ? e->name : ts_view_str(c->name));
    ts_buf_printf(out, ",\"annotator_kind\":\"%s\",\"identifier\":", e->annotator_kind);
    ts_json_append_text(out, ts_view_str(c->identifier));
    ts_buf_add_str(out, ",\"result\":{\"score\":");
    ts_json_append_double(out, e->score);
    add_pair(out, "label", e->label, &first);
    add_pair(out, "explanation", e->explanation, &first);
    ts_buf_add_str(out, "},\"metadata\":");
    add_metadata(out, e);
    ts_buf_add_byte(out, '}');
}

static void write_body(const struct phoenix_config *c, const struct ts_post *post,
                       struct ts_buf *out)
{
    ts_buf_add_str(out, "{\"data\":[");
    for (size_t i = 0; i < post->count; i++) {
        if (i > 0)
            ts_buf_add_byte(out, ',');
        add_annotation(c, out, post->items[i]);
    }
    ts_buf_add_str(out, "]}");
}

/* ---- the outcome ---- */

static enum ts_outcome refused_key(struct exchange *x)
{
    bool ours = !ts_headers_has(x->post->headers, AUTHORIZATION);
    ts_fail(&x->post->err, x->http.status == 401 ? TS_UNAUTHENTICATED : TS_PERMISSION_DENIED,
            "Phoenix at %s answered %d: the %s is refused; %s", x->self->config->endpoint,
            x->http.status, ours ? "key" : "sender's key",
            ours ? "set api_key of exporters::phoenix to one that may write"
                 : "the sender needs one that may write");
    return ours ? TS_BLOCKED : TS_REFUSED;
}

static enum ts_outcome outcome_of(struct exchange *x)
{
    struct ts_err *err = &x->post->err;
    const char *endpoint = x->self->config->endpoint;
    int status = x->http.status;
    if (status == 200 && strcmp(x->http.content_type, "text/html") != 0)
        return TS_SENT;
    if (status == 401 || status == 403)
        return refused_key(x);
    if (status == 404 || status == 405 || status == 200) {
        ts_fail(
            err, TS_NOT_FOUND,
            "%s/v1/span_annotations answered %d; is endpoint the root of a Phoenix 9.0 or newer?",
            endpoint, status);
        return TS_BLOCKED;
    }
    if (status == 400 || status == 422) {
        ts_fail(err, TS_INVALID_ARGUMENT,
                "Phoenix answered %d: it does not accept these %zu annotations", status,
                x->post->count);
        return TS_REFUSED;
    }
    if (status == 507)
        ts_fail(err, TS_UNAVAILABLE, "Phoenix answered 507: its storage is full");
    else
        ts_fail(err, TS_UNAVAILABLE, "Phoenix at %s answered %d", endpoint, status);
    err->retry_after = x->http.limits.retry_after;
    return TS_RETRY;
}

static void free_exchange(struct exchange *x)
{
    *x->back = x->next;
    if (x->next)
        x->next->back = x->back;
    for (size_t i = 0; i < x->header_count; i++) {
        char *line = (char *)(uintptr_t)x->headers[i];
        explicit_bzero(line, strlen(line)); /* it may hold a key */
        free(line);
    }
    free(x->headers);
    ts_buf_release(&x->body);
    ts_http_job_release(&x->http);
    free(x);
}

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct exchange *x = (struct exchange *)(void *)job;
    struct ts_post *post = x->post;
    enum ts_outcome outcome = TS_RETRY;
    if (end == TS_JOB_DONE)
        outcome = outcome_of(x);
    else if (end == TS_JOB_FAILED)
        post->err = job->err;
    else
        ts_fail(&post->err, TS_DEADLINE_EXCEEDED, "Phoenix at %s did not answer in time",
                x->self->config->endpoint);
    free_exchange(x);
    ts_post_done(post, outcome);
}

/* ---- the attempt ---- */

static void add_header(struct exchange *x, ts_view key, ts_view value)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_printf(&line, TS_FMT ": " TS_FMT, TS_ARG(key), TS_ARG(value));
    x->headers[x->header_count++] = ts_strdup(ts_buf_cstr(&line));
    explicit_bzero(line.ptr, line.len);
    ts_buf_release(&line);
}

static void fill_headers(struct exchange *x)
{
    size_t count;
    struct ts_headers *all = ts_headers_merge(x->post->headers, x->self->headers);
    const struct ts_grpc_header *list = ts_headers_list(all, &count);
    x->headers = ts_alloc((count + 2) * sizeof *x->headers); /* NULL at the end */
    add_header(x, TS_LIT("Content-Type"), TS_LIT("application/json"));
    for (size_t i = 0; i < count; i++)
        add_header(x, list[i].key, list[i].value);
    ts_headers_unref(all);
}

static void post(struct ts_instance *self, struct ts_post *p)
{
    struct exchange *x = ts_alloc(sizeof *x);
    x->self = self;
    x->post = p;
    x->next = self->exchanges;
    x->back = &self->exchanges;
    if (x->next)
        x->next->back = &x->next;
    self->exchanges = x;
    write_body(self->config, p, &x->body);
    fill_headers(x);
    x->http.job.home = self->host->loop;
    x->http.job.done = on_done;
    x->http.job.deadline = ts_now() + self->config->timeout;
    x->http.request.method = "POST";
    x->http.request.url = self->url;
    x->http.request.headers = x->headers;
    x->http.request.body = ts_buf_view(&x->body);
    ts_http_submit(self->client, &x->http);
    if (self->stopped)
        ts_http_cancel(self->client, &x->http);
}

static void queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    *out = (struct ts_queue_settings){.retry = self->config->retry_on_failure,
                                      .num_consumers = 1,
                                      .post_size = POST_SIZE,
                                      .post_settle = settle,
                                      .post_give_up = give_up};
}

/* ---- life ---- */

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_http_client_free(self->client);
    sem_destroy(&self->cancelled);
    ts_headers_unref(self->headers);
    free(self->url);
    free(self);
}

/* The key and further headers; an authorization among these wins over the key. */
static struct ts_headers *configured(const struct phoenix_config *c)
{
    struct ts_buf bearer = TS_BUF_INIT;
    struct ts_headers *key = NULL;
    struct ts_headers *pairs = ts_headers_of_pairs(&c->headers);
    if (c->api_key && *c->api_key) {
        ts_buf_printf(&bearer, "Bearer %s", c->api_key);
        key = ts_headers_new(&(struct ts_grpc_header){AUTHORIZATION, ts_buf_view(&bearer)}, 1);
        explicit_bzero(bearer.ptr, bearer.len);
        ts_buf_release(&bearer);
    }
    struct ts_headers *all = ts_headers_merge(pairs, key);
    ts_headers_unref(pairs);
    ts_headers_unref(key);
    return all;
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    const struct phoenix_config *c = config;
    struct ts_http_options options = {0};
    if (!ts_tls_http(&c->tls, &options.tls, err))
        return NULL;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = c;
    self->host = host;
    sem_init(&self->cancelled, 0, 0);
    self->headers = configured(c);
    struct ts_buf url = TS_BUF_INIT;
    ts_view root = ts_view_str(c->endpoint);
    if (ts_view_ends(root, TS_LIT("/v1/traces"))) /* people paste the collector's URL */
        root.len -= strlen("/v1/traces");
    while (root.len > 0 && root.ptr[root.len - 1] == '/')
        root.len--;
    ts_buf_add_view(&url, root);
    ts_buf_add_str(&url, "/v1/span_annotations");
    self->url = ts_strdup(ts_buf_cstr(&url));
    ts_buf_release(&url);
    self->client = ts_http_client_new(host->loop, &options);
    return self;
}

static void cancel_exchanges(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, cancel_task);
    self->stopped = true;
    for (struct exchange *x = self->exchanges; x; x = x->next)
        ts_http_cancel(self->client, &x->http);
    sem_post(&self->cancelled);
}

/* Posts under way end as cancelled, which to the queue is: later. */
static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline;
    self->cancel_task.run = cancel_exchanges;
    ts_loop_post(self->host->loop, &self->cancel_task);
    sem_wait(&self->cancelled);
}

static bool check(const void *config, struct ts_err *err)
{
    const struct phoenix_config *c = config;
    if (!ts_endpoint_is_url(ts_view_str(c->endpoint)))
        return ts_fail(err, TS_INVALID_ARGUMENT, "endpoint '%s' is no URL; write http://host:6006",
                       c->endpoint);
    if (strcmp(c->name, "note") == 0 || !*c->name)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "name '%s' is not possible in Phoenix; choose another", c->name);
    return true;
}

#define AT(field) offsetof(struct phoenix_config, field)
static const struct ts_setting settings[] = {
    {.key = "endpoint",
     .kind = TS_TEXT,
     .offset = AT(endpoint),
     .default_text = "http://localhost:6006",
     .help = "root URL of Phoenix"},
    {.key = "api_key",
     .kind = TS_SECRET,
     .offset = AT(api_key),
     .default_text = "${env:PHOENIX_API_KEY:-}",
     .help = "bearer token; a forwarded authorization header wins"},
    {.key = "headers",
     .kind = TS_SECRET_PAIRS,
     .offset = AT(headers),
     .help = "further request headers"},
    {.key = "name",
     .kind = TS_TEXT,
     .offset = AT(name),
     .default_text = "Trustworthiness",
     .help = "name of the annotation"},
    {.key = "identifier",
     .kind = TS_TEXT,
     .offset = AT(identifier),
     .default_text = "trustspan",
     .help = "keeps our annotation apart; empty replaces the one that the notebook uploads"},
    {.key = "tls",
     .kind = TS_BLOCK,
     .offset = AT(tls),
     .sub = ts_tls_client_table,
     .help = "for https"},
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = AT(timeout),
     .default_text = "30s",
     .min = "100ms",
     .max = "10m",
     .help = "for one attempt"},
    {.key = "retry_on_failure",
     .kind = TS_BLOCK,
     .offset = AT(retry_on_failure),
     .sub = ts_retry_table,
     .help = "when to try again; given up after an hour"},
    {0},
};

const struct ts_exporter ts_exporter_phoenix = {
    .base = {.kind = TS_EXPORTER,
             .type = "phoenix",
             .about = "scores to Phoenix as span annotations",
             .settings = settings,
             .config_size = sizeof(struct phoenix_config),
             .check = check,
             .create = create,
             .stop = stop,
             .free = free_instance},
    .post = post,
    .queue = queue,
};
