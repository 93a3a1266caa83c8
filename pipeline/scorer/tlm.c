/* tlm.c - the TLM algorithm on any OpenAI-compatible server.
 * src/tlm says whom to ask what, and what the replies come to; net/api_client gets the calls there and
 * back. One score is a handful of calls, as many as possible in flight at once; a failed one costs its
 * component, not the score (tlm-algorithm §16). */
#include "pipeline/scorer.h"

#include "pipeline/scorer/tlm_body.h"
#include "pipeline/scorer/tlm_record.h"
#include "pipeline/scorer/tlm_score.h"
#include "pipeline/scorer/tlm_settings.h"
#include "telemetry/metrics.h"

#include <stdlib.h>

/* A token with five alternatives is 0.4 KiB of JSON, indented twice that. */
enum { LONGEST_REPLY = 4 << 20 };
/* Unless max_tokens says: the reference's, and room to reason in for models that count it. */
enum { REPLY_TOKENS = 512, REASONING_TOKENS = 4096 };

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct tlm_score *s = ts_alloc(sizeof *s);
    s->self = self;
    s->job = job;
    ts_inflight_submit(&self->inflight, &s->item, job);
}

static void identity(const struct ts_instance *self, struct ts_buf *out)
{
    const struct ts_tlm_config *c = self->config;
    ts_buf_printf(out, "tlm/" TS_TLM_VERSION " %s %s|%s|%s|%s|%s p%d e%d m%d v%d c%d r%d s%d t%d",
                  c->base_url, c->api_version, c->model, c->sample_model, c->embedding_small,
                  c->embedding_large, c->preset, c->effort, c->measure, c->prompt_evaluation,
                  c->compat, (int)c->num_self_reflections, (int)c->num_consistency_samples,
                  self->wire.max_tokens);
    for (size_t i = 0; i < c->constrain_outputs.count; i++)
        ts_buf_printf(out, " l%zu:%s", strlen(c->constrain_outputs.items[i]),
                      c->constrain_outputs.items[i]);
    for (size_t i = 0; self->options.has_evals && i < self->options.eval_count; i++) {
        const struct ts_tlm_eval *e = &self->options.evals[i];
        const ts_view parts[] = {e->name, e->criteria, e->query_id, e->context_id, e->response_id};
        ts_buf_add_str(out, " v");
        for (size_t k = 0; k < TS_COUNT(parts); k++) {
            ts_buf_printf(out, "%zu:", parts[k].len);
            ts_buf_add_view(out, parts[k]);
        }
    }
    ts_buf_add_str(out, self->options.has_evals ? " own-evals " : " ");
    ts_buf_add_view(out, self->wire.extra);
}

/* ---- life ---- */

static const char *url_of(struct ts_instance *self, const char *path)
{
    ts_view root = ts_view_str(self->config->base_url);
    while (ts_view_ends(root, TS_LIT("/")))
        root.len--;
    bool azure = self->config->api_version && *self->config->api_version;
    return (const char *)ts_arena_printf(self->arena, TS_FMT "%s%s%s", TS_ARG(root), path,
                                         azure ? "?api-version=" : "",
                                         azure ? self->config->api_version : "")
        .ptr;
}

static const char *key_header(struct ts_instance *self)
{
    ts_view key = ts_view_trim(ts_view_str(self->config->api_key)); /* from a file: a newline */
    bool azure = self->config->api_version && *self->config->api_version;
    if (key.len == 0)
        return NULL;
    return (const char *)ts_arena_printf(self->arena, "%s" TS_FMT,
                                         azure ? "api-key: " : "Authorization: Bearer ",
                                         TS_ARG(key))
        .ptr;
}

static struct ts_api *make_api(struct ts_instance *self, const struct ts_http_tls *tls)
{
    const struct ts_tlm_config *c = self->config;
    const char **headers = ts_arena_alloc(self->arena, (c->headers.count + 3) * sizeof *headers);
    size_t n = 0;
    headers[n++] = "Content-Type: application/json";
    if (key_header(self))
        headers[n++] = key_header(self);
    for (size_t i = 0; i < c->headers.count; i++)
        headers[n++] = (const char *)ts_arena_printf(self->arena, "%s: %s", c->headers.items[i].key,
                                                     c->headers.items[i].value)
                           .ptr;
    struct ts_api_options options = {.name = "the judge",
                                     .headers = headers,
                                     .tls = *tls,
                                     .timeout = c->timeout,
                                     .retry_unit = c->retry_unit,
                                     .retries = (int)c->max_retries,
                                     .unreached = self->host->patience,
                                     .max_in_flight = (int)c->max_in_flight,
                                     .calls_per_minute = c->calls_per_minute,
                                     .tokens_per_minute = c->tokens_per_minute,
                                     .max_response = LONGEST_REPLY};
    return ts_api_new(self->host->loop, &options);
}

/* Models that accept no temperature and count their reasoning (§5.5). */
static bool hides_reasoning(const char *model)
{
    static const char *const starts[] = {"o1", "o3", "o4", "gpt-5"};
    for (size_t i = 0; i < TS_COUNT(starts); i++)
        if (strncmp(model, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* What is assumed of the server until it refuses something. */
static struct ts_tlm_wire first_wire(struct ts_arena *arena, const struct ts_tlm_config *c)
{
    bool reasoning = hides_reasoning(c->model);
    bool needs_room = reasoning && c->compat == TS_TLM_RECOMMENDED;
    return (struct ts_tlm_wire){.judge_model = c->model,
                                .sample_model = *c->sample_model ? c->sample_model : c->model,
                                .embedding_small = c->embedding_small,
                                .embedding_large = c->embedding_large,
                                .max_tokens = c->max_tokens ? (int)c->max_tokens
                                              : needs_room  ? REASONING_TOKENS
                                                            : REPLY_TOKENS,
                                .logprobs = !reasoning,
                                .temperature = !reasoning,
                                .max_completion_tokens = reasoning,
                                .user = true,
                                .extra = ts_tlm_extra_body(arena, c->body)};
}

static void make_counters(struct ts_instance *self)
{
    struct ts_metrics *m = self->host->metrics;
    const char *calls =
        "Calls of the judge: read, failed, or answered with what could not be read.";
    const char *tokens = "Tokens that the judge reported.";
    self->calls_ok = ts_metrics_counter(m, "trustspan_judge_calls", "outcome=\"ok\"", calls);
    self->calls_failed =
        ts_metrics_counter(m, "trustspan_judge_calls", "outcome=\"failed\"", calls);
    self->calls_unread =
        ts_metrics_counter(m, "trustspan_judge_calls", "outcome=\"unreadable\"", calls);
    self->tokens_in = ts_metrics_counter(m, "trustspan_judge_tokens", "kind=\"prompt\"", tokens);
    self->tokens_out =
        ts_metrics_counter(m, "trustspan_judge_tokens", "kind=\"completion\"", tokens);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_api_free(self->api);
    ts_recorder_close(self->recorder);
    ts_inflight_release(&self->inflight);
    ts_arena_free(self->arena);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    const struct ts_tlm_config *c = config;
    struct ts_http_tls tls;
    if (!ts_tls_http(&c->tls, &tls, err))
        return NULL;
    struct ts_recorder *recorder = c->record ? ts_recorder_open(c->record, err) : NULL;
    if (c->record && !recorder)
        return NULL;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = c;
    self->host = host;
    self->recorder = recorder;
    self->arena = ts_arena_new();
    ts_tlm_options_of(self->arena, c, &self->options);
    self->wire = first_wire(self->arena, c);
    self->chat_url = url_of(self, "/chat/completions");
    self->embeddings_url = url_of(self, "/embeddings");
    self->api = make_api(self, &tls);
    self->last_waiting = &self->waiting;
    self->inflight.start = tlm_score_start;
    ts_inflight_init(&self->inflight, host->loop, self->api);
    make_counters(self);
    return self;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline; /* nothing is waited for but the loop */
    ts_inflight_stop(&self->inflight);
}

const struct ts_scorer ts_scorer_tlm = {
    .base = {.kind = TS_SCORER,
             .type = "tlm",
             .about = "the TLM algorithm, run here, on any OpenAI-compatible server",
             .settings = ts_tlm_table,
             .config_size = sizeof(struct ts_tlm_config),
             .check = ts_tlm_check,
             .create = create,
             .stop = stop,
             .free = free_instance},
    .annotator_kind = "LLM",
    .remote = true,
    .identity = identity,
    .score = score,
};
