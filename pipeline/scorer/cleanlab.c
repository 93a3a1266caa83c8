/* cleanlab.c - the hosted TLM service: one call a score, and a second one for its explanation where the
 * first cannot bring it (tlm-api.md §4.3). Window and retries (§6.2, §6.3) are net/api_client's. */
#include "pipeline/scorer/cleanlab.h"

#include "pipeline/scorer/inflight.h"

#include <stdlib.h>

enum { RETRIES = 3 };

struct ts_instance {
    const struct ts_cleanlab_config *config;
    const struct ts_host *host;
    struct ts_api *api;
    struct ts_inflight scores;
    struct ts_arena *arena;
    const char *urls[TS_CLEANLAB_ENDPOINTS];
};

/* One score. */
struct work {
    struct ts_api_call call; /* first: the cast back is safe */
    struct ts_inflight_item item;
    struct ts_instance *self;
    struct ts_score_job *job;
    enum ts_cleanlab_endpoint endpoint;
};

static void finish(struct work *w, enum ts_job_end end)
{
    struct ts_score_job *job = w->job;
    ts_inflight_remove(&w->item);
    free(w);
    ts_job_finish(&job->job, end);
}

/* ---- calls ---- */

static void write_body(struct ts_api_call *call, struct ts_buf *body)
{
    struct work *w = (struct work *)(void *)call;
    const struct ts_cleanlab_config *c = w->self->config;
    if (w->endpoint == TS_CLEANLAB_EXPLAIN)
        ts_cleanlab_explain_request(c, w->job->llm, w->job->result.score, body);
    else
        ts_cleanlab_request(c, w->endpoint, w->job->llm, c->timeout, body);
}

static enum ts_api_verdict read_answer(struct ts_api_call *call, const struct ts_http_job *answer,
                                       struct ts_err *err)
{
    struct work *w = (struct work *)(void *)call;
    return ts_cleanlab_reply(w->endpoint, answer->status, ts_buf_view(&answer->body), w->job->arena,
                             &w->job->result, err);
}

static void on_answered(struct ts_api_call *call, enum ts_job_end end);

static void ask(struct work *w)
{
    bool bypasses = w->endpoint == TS_CLEANLAB_STRUCTURED; /* the service retries these itself */
    w->call = (struct ts_api_call){.deadline = w->job->job.deadline,
                                   .done = on_answered,
                                   .url = w->self->urls[w->endpoint],
                                   .urgent = w->endpoint == TS_CLEANLAB_EXPLAIN,
                                   .retries = bypasses ? 0 : -1,
                                   .write = write_body,
                                   .read = read_answer};
    ts_api_submit(w->self->api, &w->call);
}

static bool wants_why(const struct work *w)
{
    const struct ts_score *r = &w->job->result;
    return w->self->config->explain && r->has_score && r->explanation.len == 0 &&
           w->endpoint == TS_CLEANLAB_SCORE;
}

static void on_answered(struct ts_api_call *call, enum ts_job_end end)
{
    struct work *w = (struct work *)(void *)call;
    w->job->result.attempts += w->call.attempts;
    if (w->endpoint == TS_CLEANLAB_EXPLAIN) { /* a score is a score, with or without its reason */
        w->job->result.partial |= end != TS_JOB_DONE;
        finish(w, TS_JOB_DONE);
    } else if (end == TS_JOB_DONE && wants_why(w) && !w->call.cancelled) {
        w->endpoint = TS_CLEANLAB_EXPLAIN;
        ask(w);
    } else {
        if (call->err)
            w->job->job.err = *call->err;
        finish(w, end);
    }
}

/* ---- coming and going ---- */

static void begin(struct ts_inflight_item *item)
{
    static const char *const qualities[] = {"best", "high", "medium", "low", "base"};
    struct work *w = TS_CONTAINER_OF(item, struct work, item);
    const struct ts_cleanlab_config *c = w->self->config;
    w->job->result.preset = ts_view_str(qualities[c->quality]);
    w->job->result.model = ts_view_str(c->model);
    w->endpoint = ts_cleanlab_endpoint_for(c, w->job->llm);
    if (ts_cleanlab_fits(w->job->llm)) {
        ask(w);
        return;
    }
    w->job->result.skipped = TS_LIT("too_long");
    finish(w, TS_JOB_DONE);
}

static void give_up(struct ts_inflight_item *item)
{
    struct work *w = TS_CONTAINER_OF(item, struct work, item);
    ts_api_cancel(w->self->api, &w->call);
}

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct work *w = ts_alloc(sizeof *w);
    w->self = self;
    w->job = job;
    ts_inflight_take(&self->scores, &w->item, job);
}

static void identity(const struct ts_instance *self, struct ts_buf *out)
{
    ts_cleanlab_identity(self->config, out);
}

/* ---- life ---- */

static void make_urls(struct ts_instance *self)
{
    ts_view root = ts_view_str(self->config->base_url);
    while (ts_view_ends(root, TS_LIT("/")))
        root.len--;
    for (int i = 0; i < TS_CLEANLAB_ENDPOINTS; i++)
        self->urls[i] =
            (const char *)ts_arena_printf(self->arena, TS_FMT "%s", TS_ARG(root),
                                          ts_cleanlab_path((enum ts_cleanlab_endpoint)i))
                .ptr;
}

static struct ts_api *make_api(const struct ts_host *host, const struct ts_cleanlab_config *c)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_add_str(&line, "Authorization: Bearer "); /* a key from a file ends in a newline */
    ts_buf_add_view(&line, ts_view_trim(ts_view_str(c->api_key)));
    const char *const headers[] = {ts_buf_cstr(&line), "Content-Type: application/json", NULL};
    struct ts_api_options options = {.name = "cleanlab",
                                     .headers = headers,
                                     .timeout = c->timeout,
                                     .retry_unit = c->retry_unit,
                                     .retries = RETRIES,
                                     .unreached = host->patience,
                                     .max_in_flight = (int)c->max_in_flight};
    struct ts_api *api = ts_api_new(host->loop, &options);
    explicit_bzero(line.ptr, line.len);
    ts_buf_release(&line);
    return api;
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->arena = ts_arena_new();
    self->api = make_api(host, config);
    make_urls(self);
    self->scores.begin = begin;
    self->scores.give_up = give_up;
    ts_inflight_init(&self->scores, host->loop, self->api);
    return self;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline; /* nothing is waited for but the loop */
    ts_inflight_stop(&self->scores);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_api_free(self->api);
    ts_inflight_release(&self->scores);
    ts_arena_free(self->arena);
    free(self);
}

const struct ts_scorer ts_scorer_cleanlab = {
    .base = {.kind = TS_SCORER,
             .type = "cleanlab",
             .about = "Cleanlab's hosted Trustworthy Language Model (TLM)",
             .settings = ts_cleanlab_table,
             .config_size = sizeof(struct ts_cleanlab_config),
             .check = ts_cleanlab_check,
             .create = create,
             .stop = stop,
             .free = free_instance},
    .annotator_kind = "LLM",
    .remote = true,
    .identity = identity,
    .score = score,
};
