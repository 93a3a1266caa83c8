/* cleanlab.c - the hosted TLM service: a window of parallel requests that grows on success and halves
 * on overload (tlm-api.md §6.3), retries of §6.2, all bounded by the job's deadline.
 * Everything happens on the instance's own loop; jobs come and go by mailbox. */
#include "pipeline/scorer/cleanlab.h"

#include "base/log.h"
#include "net/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum { START_WINDOW = 4, SLOW_START = 16, GENERAL_RETRIES = 3, CONNECTION_RETRIES = 20 };

struct work;

struct ts_instance {
    const struct ts_cleanlab_config *config;
    const struct ts_host *host;
    struct ts_http_client *client;
    char *authorization;
    struct work *first, **last; /* wait for a slot */
    struct work *all;           /* every one that is not finished */
    int window, in_flight;
};

/* One job. */
struct work {
    struct ts_http_job http; /* first: the cast back from the job is safe */
    struct work *next;       /* in the queue */
    struct work *all_next, **all_back;
    struct ts_instance *self;
    struct ts_score_job *job;
    enum ts_cleanlab_endpoint endpoint;
    struct ts_buf body;
    char *url;
    const char *headers[4];
    int general, connection; /* retries made */
    struct ts_timer timer;   /* the wait for a retry, or the deadline in the queue */
    struct ts_task task;
    bool queued, sending;
};

static void send_next(struct ts_instance *self);

/* ---- the end ---- */

static void finish(struct work *w, enum ts_job_end end)
{
    struct ts_instance *self = w->self;
    struct ts_score_job *job = w->job;
    ts_timer_stop(self->host->loop, &w->timer);
    *w->all_back = w->all_next;
    if (w->all_next)
        w->all_next->all_back = w->all_back;
    if (w->body.ptr)
        explicit_bzero(w->body.ptr, w->body.len); /* it may hold the key */
    ts_buf_release(&w->body);
    free(w->url);
    free(w);
    ts_job_finish(&job->job, end);
}

static void unqueue(struct work *w)
{
    struct ts_instance *self = w->self;
    struct work **at = &self->first;
    while (*at && *at != w)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = w->next;
    if (self->last == &w->next)
        self->last = at;
    w->queued = false;
}

static void on_queue_deadline(struct ts_timer *timer)
{
    struct work *w = TS_OUTER(timer, struct work, timer);
    unqueue(w);
    finish(w, TS_JOB_EXPIRED);
}

static void enqueue(struct work *w)
{
    struct ts_instance *self = w->self;
    w->next = NULL;
    w->queued = true;
    *self->last = w;
    self->last = &w->next;
    if (w->job->job.deadline > 0 && w->job->job.deadline != TS_NEVER)
        ts_timer_start(self->host->loop, &w->timer, w->job->job.deadline, on_queue_deadline);
    send_next(self);
}

static void on_retry(struct ts_timer *timer)
{
    enqueue(TS_OUTER(timer, struct work, timer));
}

/* Again after `wait`, unless the deadline comes first: then the last error is the answer. */
static void try_again(struct work *w, ts_time wait)
{
    ts_time when = ts_now() + wait;
    ts_time deadline = w->job->job.deadline;
    if (deadline > 0 && when >= deadline) {
        finish(w, TS_JOB_FAILED);
        return;
    }
    ts_timer_start(w->self->host->loop, &w->timer, when, on_retry);
}

/* ---- the window (§6.3) ---- */

static void grow(struct ts_instance *self)
{
    int most = (int)self->config->max_in_flight;
    self->window = self->window < SLOW_START ? self->window * 2 : self->window + 1;
    if (self->window > most)
        self->window = most;
}

static void shrink(struct ts_instance *self)
{
    self->window = self->window > 1 ? self->window / 2 : 1;
}

/* ---- answers ---- */

static void fail_after(struct work *w, int attempts)
{
    struct ts_err *err = &w->job->job.err;
    struct ts_err last = *err;
    ts_fail(err, last.code, "%.250s (after %d attempts)", last.what, attempts);
    finish(w, TS_JOB_FAILED);
}

static void ask_for_explanation(struct work *w)
{
    w->endpoint = TS_CLEANLAB_EXPLAIN;
    ts_buf_clear(&w->body);
    ts_cleanlab_explain_request(w->self->config, w->job->llm, w->job->result.score, &w->body);
    w->general = w->connection = 0;
    enqueue(w);
}

/* A score is a score: what goes wrong with its explanation does not take it away. */
static void give_score(struct work *w)
{
    w->job->job.err = (struct ts_err){0};
    finish(w, TS_JOB_DONE);
}

static void on_ok(struct work *w)
{
    const struct ts_score *r = &w->job->result;
    grow(w->self);
    bool wants_why = w->self->config->explain && r->has_score && r->explanation.len == 0 &&
                     w->endpoint == TS_CLEANLAB_SCORE;
    if (wants_why)
        ask_for_explanation(w);
    else
        give_score(w);
}

static void on_trouble(struct work *w, enum ts_cleanlab_class class, ts_time retry_after)
{
    struct ts_instance *self = w->self;
    ts_time unit = self->config->retry_unit;
    if (class == TS_CLEANLAB_RATE_LIMITED) {
        shrink(self);
        ts_time wait = retry_after > unit ? retry_after : unit;
        try_again(w, wait + (ts_time)(drand48() * 0.25 * (double)unit));
    } else if (w->endpoint == TS_CLEANLAB_EXPLAIN) {
        give_score(w);
    } else if (class == TS_CLEANLAB_FINAL) {
        finish(w, TS_JOB_FAILED);
    } else if (w->endpoint == TS_CLEANLAB_STRUCTURED || w->general >= GENERAL_RETRIES) {
        fail_after(w, w->general + 1);
    } else {
        if (w->http.status == 503)
            shrink(self);
        try_again(w, unit << w->general++);
    }
}

static void on_no_connection(struct work *w)
{
    bool final =
        w->job->job.err.code == TS_UNAUTHENTICATED || w->job->job.err.code == TS_INVALID_ARGUMENT;
    if (w->endpoint == TS_CLEANLAB_EXPLAIN)
        give_score(w);
    else if (final)
        finish(w, TS_JOB_FAILED);
    else if (w->connection >= CONNECTION_RETRIES)
        fail_after(w, w->connection + 1);
    else {
        int shift = w->connection < 6 ? w->connection : 6;
        ts_time wait = w->self->config->retry_unit << shift;
        w->connection++;
        try_again(w, wait < 60 * TS_S ? wait : 60 * TS_S);
    }
}

static void on_answer(struct ts_job *http, enum ts_job_end end)
{
    struct work *w = (struct work *)(void *)http;
    struct ts_instance *self = w->self;
    struct ts_err *err = &w->job->job.err;
    ts_time now = ts_now();
    w->sending = false;
    self->in_flight--;
    w->job->result.attempts++;
    if (end == TS_JOB_DONE) {
        enum ts_cleanlab_class class =
            ts_cleanlab_reply(w->endpoint, w->http.status, ts_buf_view(&w->http.body),
                              w->job->arena, &w->job->result, err);
        ts_time retry_after = w->http.retry_after;
        ts_http_job_release(&w->http);
        if (class == TS_CLEANLAB_OK)
            on_ok(w);
        else
            on_trouble(w, class, retry_after);
    } else {
        ts_http_job_release(&w->http);
        *err = http->err;
        if (end == TS_JOB_EXPIRED && now < w->job->job.deadline) {
            ts_fail(err, TS_DEADLINE_EXCEEDED, "cleanlab did not answer within timeout");
            on_trouble(w, TS_CLEANLAB_RETRY, 0);
        } else if (end == TS_JOB_FAILED) {
            on_no_connection(w);
        } else if (w->endpoint == TS_CLEANLAB_EXPLAIN) {
            give_score(w);
        } else {
            finish(w, end);
        }
    }
    send_next(self);
}

/* ---- requests ---- */

static void attempt(struct work *w)
{
    struct ts_instance *self = w->self;
    ts_timer_stop(self->host->loop, &w->timer);
    w->queued = false;
    w->sending = true;
    self->in_flight++;
    struct ts_buf url = TS_BUF_INIT;
    ts_buf_printf(&url, "%s%s", self->config->base_url, ts_cleanlab_path(w->endpoint));
    free(w->url);
    w->url = ts_strdup(ts_buf_cstr(&url));
    ts_buf_release(&url);
    ts_time deadline = ts_now() + self->config->timeout;
    if (w->job->job.deadline > 0 && w->job->job.deadline < deadline)
        deadline = w->job->job.deadline;
    w->headers[0] = self->authorization;
    w->headers[1] = "Content-Type: application/json";
    w->http.job =
        (struct ts_job){.home = self->host->loop, .deadline = deadline, .done = on_answer};
    w->http.request.method = "POST";
    w->http.request.url = w->url;
    w->http.request.headers = w->headers;
    w->http.request.body = ts_buf_view(&w->body);
    ts_http_submit(self->client, &w->http);
}

static void send_next(struct ts_instance *self)
{
    while (self->first && self->in_flight < self->window) {
        struct work *w = self->first;
        self->first = w->next;
        if (!self->first)
            self->last = &self->first;
        attempt(w);
    }
}

static void take_in(struct ts_task *task)
{
    struct work *w = TS_OUTER(task, struct work, task);
    struct ts_instance *self = w->self;
    w->all_next = self->all;
    w->all_back = &self->all;
    if (w->all_next)
        w->all_next->all_back = &w->all_next;
    self->all = w;
    w->job->result.preset = ts_view_str(
        ((const char *const[]){"best", "high", "medium", "low", "base"})[self->config->quality]);
    w->job->result.model = ts_view_str(self->config->model);
    w->endpoint = ts_cleanlab_endpoint_for(self->config, w->job->llm);
    if (ts_cleanlab_request(self->config, w->endpoint, w->job->llm, self->config->timeout,
                            &w->body)) {
        enqueue(w);
        return;
    }
    w->job->result.skipped = TS_LIT("too_long");
    finish(w, TS_JOB_DONE);
}

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct work *w = ts_alloc(sizeof *w);
    w->self = self;
    w->job = job;
    w->task.run = take_in;
    ts_loop_post(self->host->loop, &w->task);
}

struct cancelling {
    struct ts_task task;
    struct ts_instance *self;
    struct ts_score_job *job;
};

static void cancel_here(struct ts_task *task)
{
    struct cancelling *c = TS_OUTER(task, struct cancelling, task);
    struct work *w = c->self->all;
    while (w && w->job != c->job)
        w = w->all_next;
    if (w && w->sending)
        ts_http_cancel(c->self->client, &w->http);
    else if (w) {
        unqueue(w);
        finish(w, TS_JOB_CANCELLED);
    }
    free(c);
}

static void cancel(struct ts_instance *self, struct ts_score_job *job)
{
    struct cancelling *c = ts_alloc(sizeof *c);
    *c = (struct cancelling){{.run = cancel_here}, self, job};
    ts_loop_post(self->host->loop, &c->task);
}

static void identity(const struct ts_instance *self, struct ts_buf *out)
{
    const struct ts_cleanlab_config *c = self->config;
    ts_buf_printf(out, "cleanlab/1 %s q%d t%d %s %d %d %d %s %s", c->base_url, c->quality, c->task,
                  c->model, (int)c->max_tokens, (int)c->num_consistency_samples,
                  (int)c->num_self_reflections, c->similarity_measure ? c->similarity_measure : "",
                  c->reasoning_effort ? c->reasoning_effort : "");
    for (size_t i = 0; i < c->constrain_outputs.count; i++)
        ts_buf_printf(out, " %s", c->constrain_outputs.items[i]);
}

/* ---- life ---- */

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_http_client_free(self->client);
    explicit_bzero(self->authorization, strlen(self->authorization));
    free(self->authorization);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->last = &self->first;
    self->window = START_WINDOW < self->config->max_in_flight ? START_WINDOW
                                                              : (int)self->config->max_in_flight;
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_add_str(&line, "Authorization: Bearer "); /* a key from a file ends in a newline */
    ts_buf_add_view(&line, ts_view_trim(ts_view_str(self->config->api_key)));
    self->authorization = ts_strdup(ts_buf_cstr(&line));
    explicit_bzero(line.ptr, line.len);
    ts_buf_release(&line);
    struct ts_http_options options = {.max_connections = (int)self->config->max_in_flight};
    self->client = ts_http_client_new(host->loop, &options);
    return self;
}

const struct ts_scorer ts_scorer_cleanlab = {
    .base = {.kind = TS_SCORER,
             .type = "cleanlab",
             .about = "Cleanlab's hosted Trustworthy Language Model (TLM)",
             .settings = ts_cleanlab_table,
             .config_size = sizeof(struct ts_cleanlab_config),
             .check = ts_cleanlab_check,
             .create = create,
             .free = free_instance},
    .annotator_kind = "LLM",
    .identity = identity,
    .score = score,
    .cancel = cancel,
};
