/* cleanlab.c - the hosted TLM service: one call a score, and a second one for its explanation where the
 * first cannot bring it (tlm-api.md §4.3). Window and retries (§6.2, §6.3) are net/api_client's. */
#include "pipeline/scorer.h"

#include "pipeline/scorer/cleanlab_reply.h"
#include "pipeline/scorer/cleanlab_request.h"
#include "pipeline/scorer/cleanlab_settings.h"
#include "pipeline/scorer/inflight.h"

#include <stdlib.h>

enum { RETRIES = 3 };

struct ts_instance {
    const struct ts_cleanlab_config *config;
    const struct ts_host *host;
    struct ts_api *api;
    struct ts_inflight inflight;
    struct ts_arena *arena;
    const char *urls[TS_CLEANLAB_ENDPOINTS];
};

/* One score. */
struct cleanlab_job {
    struct ts_api_call call; /* first: the cast back is safe */
    struct ts_inflight_job item;
    struct ts_instance *self;
    struct ts_score_job *job;
    enum ts_cleanlab_endpoint endpoint;
};

static void finish(struct cleanlab_job *j, enum ts_job_end end)
{
    struct ts_score_job *job = j->job;
    ts_inflight_remove(&j->item);
    free(j);
    ts_job_finish(&job->job, end);
}

/* ---- calls ---- */

static void write_request(struct ts_api_call *call, struct ts_buf *body)
{
    struct cleanlab_job *j = (struct cleanlab_job *)(void *)call;
    const struct ts_cleanlab_config *c = j->self->config;
    if (j->endpoint == TS_CLEANLAB_EXPLAIN)
        ts_cleanlab_explain_request(c, j->job->llm, j->job->result.score, body);
    else
        ts_cleanlab_request(c, j->endpoint, j->job->llm, c->timeout, body);
}

static enum ts_api_outcome read_answer(struct ts_api_call *call, const struct ts_http_job *answer,
                                       struct ts_err *err)
{
    struct cleanlab_job *j = (struct cleanlab_job *)(void *)call;
    return ts_cleanlab_reply(j->endpoint, answer->status, ts_buf_view(&answer->body), j->job->arena,
                             &j->job->result, err);
}

static void on_answered(struct ts_api_call *call, enum ts_job_end end);

static void submit_call(struct cleanlab_job *j)
{
    bool service_retries = j->endpoint == TS_CLEANLAB_STRUCTURED;
    j->call = (struct ts_api_call){.deadline = j->job->job.deadline,
                                   .done = on_answered,
                                   .url = j->self->urls[j->endpoint],
                                   .urgent = j->endpoint == TS_CLEANLAB_EXPLAIN,
                                   .retries = service_retries ? 0 : -1,
                                   .write = write_request,
                                   .read = read_answer};
    ts_api_submit(j->self->api, &j->call);
}

static bool needs_explanation(const struct cleanlab_job *j)
{
    const struct ts_score *r = &j->job->result;
    return j->self->config->explain && r->has_score && r->explanation.len == 0 &&
           j->endpoint == TS_CLEANLAB_SCORE;
}

static void on_answered(struct ts_api_call *call, enum ts_job_end end)
{
    struct cleanlab_job *j = (struct cleanlab_job *)(void *)call;
    j->job->result.attempts += j->call.attempts;
    if (j->endpoint == TS_CLEANLAB_EXPLAIN) { /* a score is a score, with or without its reason */
        j->job->result.partial |= end != TS_JOB_DONE;
        finish(j, TS_JOB_DONE);
    } else if (end == TS_JOB_DONE && needs_explanation(j)) {
        j->endpoint = TS_CLEANLAB_EXPLAIN;
        submit_call(j);
    } else {
        if (call->err)
            j->job->job.err = *call->err;
        finish(j, end);
    }
}

/* ---- jobs ---- */

static void start_on_loop(struct ts_inflight_job *item)
{
    struct cleanlab_job *j = TS_CONTAINER_OF(item, struct cleanlab_job, item);
    const struct ts_cleanlab_config *c = j->self->config;
    j->job->result.preset = ts_view_str(ts_cleanlab_quality_name(c));
    j->job->result.model = ts_view_str(c->model);
    j->endpoint = ts_cleanlab_endpoint_for(c, j->job->llm);
    if (ts_cleanlab_fits(j->job->llm)) {
        submit_call(j);
        return;
    }
    j->job->result.skipped = TS_LIT("too_long");
    finish(j, TS_JOB_DONE);
}

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct cleanlab_job *j = ts_alloc(sizeof *j);
    j->self = self;
    j->job = job;
    ts_inflight_submit(&self->inflight, &j->item, job);
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

static struct ts_api *make_api(const struct ts_host *host, const struct ts_cleanlab_config *c,
                               const struct ts_http_tls *tls)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_add_str(&line, "Authorization: Bearer "); /* a key from a file ends in a newline */
    ts_buf_add_view(&line, ts_view_trim(ts_view_str(c->api_key)));
    const char *const headers[] = {ts_buf_cstr(&line), "Content-Type: application/json", NULL};
    struct ts_api_options options = {.name = "cleanlab",
                                     .headers = headers,
                                     .tls = *tls,
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
    const struct ts_cleanlab_config *c = config;
    struct ts_http_tls tls;
    if (!ts_tls_http(&c->tls, &tls, err))
        return NULL;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->arena = ts_arena_new();
    self->api = make_api(host, config, &tls);
    make_urls(self);
    self->inflight.start = start_on_loop;
    ts_inflight_init(&self->inflight, host->loop, self->api);
    return self;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline; /* nothing is waited for but the loop */
    ts_inflight_stop(&self->inflight);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_api_free(self->api);
    ts_inflight_release(&self->inflight);
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
