/* tlm.c - the TLM algorithm on any OpenAI-compatible server.
 * src/tlm says whom to ask what, and what the replies come to; net/api_client gets the calls there and
 * back. One score is a handful of calls, all that can be under way at once; a lost one costs its
 * component, not the score (tlm-algorithm §16). */
#include "pipeline/scorer/tlm.h"

#include "pipeline/engine/engine.h"
#include "pipeline/scorer/under_way.h"

#include <math.h>
#include <stdlib.h>

/* A token with five alternatives is 0.4 KiB of JSON, indented twice that. */
enum { CHARS_PER_TOKEN = 4, MOST_CHANGES = 6, LONGEST_REPLY = 4 << 20 };
/* Unless max_tokens says: the reference's, and room to reason in for models that count it. */
enum { REPLY_TOKENS = 512, REASONING_TOKENS = 4096 };

struct ts_instance {
    const struct ts_tlm_config *config;
    const struct ts_host *host;
    struct ts_arena *arena;
    struct ts_tlm_options options;
    struct ts_tlm_wire wire; /* what the server takes, as far as it has been found out */
    struct ts_api *api;
    const char *chat_url, *embeddings_url;
    struct ts_recorder *recorder;
    struct ts_under_way scores;
    struct score *waiting, **last_waiting; /* not begun, in the order of coming */
    struct score *current;                 /* whose planned calls are being asked */
    struct asking *queued;                 /* its next one, which waits in the api */
    struct ts_counter *calls_ok, *calls_failed, *calls_unread, *tokens_in, *tokens_out;
};

/* One call of a score, from the plan to its reply. */
struct asking {
    struct ts_api_call api; /* first: the cast back is safe */
    struct score *score;
    struct asking *next, **back; /* all of the score */
    size_t call;
    struct ts_judge_used used;
    int changes; /* times that the server wanted it otherwise */
    bool plain;  /* without all that a server may not know */
};

/* One record on its way to a score. */
struct score {
    struct ts_instance *self;
    struct ts_score_job *job;
    struct ts_under_way_item item;
    struct score *next_waiting;
    struct ts_timer deadline; /* while it waits */
    struct ts_tlm_input input;
    struct ts_tlm *tlm;   /* NULL: not begun */
    struct asking *calls; /* under way */
    size_t asked;
    bool lost; /* a call failed: why, is in the job's err */
    struct ts_buf recorded;
    bool cancelled, no_price;
};

/* ---- the end of a score ---- */

static void finish(struct score *s, enum ts_job_end end)
{
    struct ts_score_job *job = s->job;
    ts_under_way_remove(&s->item);
    ts_buf_release(&s->recorded);
    free(s);
    ts_job_finish(&job->job, end);
}

/* What a recording is found by: the span, or what a line of `score` calls itself. */
static ts_view name_of(struct ts_arena *arena, const struct ts_llm *llm)
{
    struct ts_buf hex = TS_BUF_INIT;
    if (llm->span_id.len == 0)
        return llm->response_id;
    for (size_t i = 0; i < llm->span_id.len; i++)
        ts_buf_printf(&hex, "%02x", llm->span_id.ptr[i]);
    ts_view name = ts_arena_copy(arena, ts_buf_view(&hex));
    ts_buf_release(&hex);
    return name;
}

static void conclude(struct score *s)
{
    struct ts_score_job *job = s->job;
    struct ts_score *out = &job->result;
    struct ts_tlm_result r;
    ts_tlm_conclude(s->tlm, &r);
    if (s->self->recorder)
        ts_record_score(s->self->recorder, s->tlm, name_of(job->arena, job->llm), &s->recorded, &r);
    ts_tlm_give(&r, job);
    out->partial = s->lost;
    if (s->no_price)
        out->cost_usd = -1;
    if (s->cancelled) {
        finish(s, TS_JOB_CANCELLED);
    } else if (out->has_score) {
        job->job.err = (struct ts_err){0};
        finish(s, TS_JOB_DONE);
    } else if (s->lost && job->job.err.code == TS_DEADLINE_EXCEEDED && job->job.deadline > 0 &&
               ts_now() >= job->job.deadline) {
        finish(s, TS_JOB_EXPIRED);
    } else {
        if (!s->lost)
            ts_fail(&job->job.err, TS_INTERNAL,
                    r.error ? "%s" : "no reply of the judge could be read%s",
                    r.error ? r.error : "");
        finish(s, TS_JOB_FAILED);
    }
}

/* ---- one call ---- */

static struct ts_tlm_call *call_of(const struct asking *a)
{
    return &a->score->tlm->calls[a->call];
}

static void go_on(struct ts_instance *self);

static void write_body(struct ts_api_call *api, struct ts_buf *body)
{
    struct asking *a = (struct asking *)(void *)api;
    if (a == a->score->self->queued)
        go_on(a->score->self);
    const struct ts_tlm *tlm = a->score->tlm;
    const struct ts_tlm_call *call = call_of(a);
    struct ts_tlm_wire wire = a->score->self->wire;
    if (a->plain) {
        wire.logprobs = wire.temperature = wire.user = false;
        wire.format = TS_FORMAT_BY_WORDS;
    }
    bool chat = call->kind != TS_TLM_EMBEDDING;
    bool format = chat && ts_tlm_wants_schema(tlm, call);
    a->used = (struct ts_judge_used){.logprobs =
                                         chat && wire.logprobs && ts_tlm_wants_logprobs(tlm, call),
                                     .format = format ? wire.format : TS_FORMAT_BY_WORDS,
                                     .temperature = chat && wire.temperature,
                                     .user = chat && wire.user,
                                     .max_completion_tokens = wire.max_completion_tokens};
    ts_tlm_request(tlm, call, &wire, body);
    if (chat)
        ts_tlm_give_way(a->score->self->config->body, wire.extra, body);
}

static void add_cost(struct score *s, const struct ts_tlm_call *call,
                     const struct ts_tlm_reply *reply)
{
    struct ts_instance *self = s->self;
    struct ts_score *out = &s->job->result;
    const char *model = call->kind == TS_TLM_SAMPLE               ? self->wire.sample_model
                        : call->kind != TS_TLM_EMBEDDING          ? self->wire.judge_model
                        : call->measure == TS_TLM_EMBEDDING_SMALL ? self->wire.embedding_small
                                                                  : self->wire.embedding_large;
    int64_t in = reply->prompt_tokens > 0 ? reply->prompt_tokens : 0;
    int64_t completion = reply->completion_tokens > 0 ? reply->completion_tokens : 0;
    struct ts_price price;
    out->prompt_tokens += in;
    out->completion_tokens += completion;
    if (self->tokens_in) {
        ts_count(self->tokens_in, in);
        ts_count(self->tokens_out, completion);
    }
    if (reply->prompt_tokens >= 0 &&
        ts_price_find(self->config->prices, ts_view_str(model), &price))
        out->cost_usd += ((double)in * price.input + (double)completion * price.output) / 1e6;
    else
        s->no_price = true;
}

static void count_call(struct ts_instance *self, struct ts_counter *counter)
{
    if (self->calls_ok)
        ts_count(counter, 1);
}

/* Was nothing found in a reply that came? */
static bool is_unread(const struct ts_tlm_call *call)
{
    return call->kind == TS_TLM_EMBEDDING ? !call->vector
           : call->kind == TS_TLM_SAMPLE  ? !call->has_text
                                          : !call->has_mapped;
}

static void record_call(struct asking *a, const cJSON *body, const char *error)
{
    struct score *s = a->score;
    struct ts_tlm_wire wire = s->self->wire; /* may have changed since, but for what was used */
    wire.logprobs = a->used.logprobs;
    wire.temperature = a->used.temperature;
    if (s->self->recorder)
        ts_record_call(s->tlm, call_of(a), a->api.attempts > 0 ? &wire : NULL, body, error,
                       &s->recorded);
}

static void take_reply(struct asking *a, cJSON *body, const struct ts_tlm_reply *reply)
{
    struct score *s = a->score;
    struct ts_tlm_call *call = call_of(a);
    add_cost(s, call, reply);
    ts_tlm_answer(s->tlm, a->call, reply);
    count_call(s->self, is_unread(call) ? s->self->calls_unread : s->self->calls_ok);
    record_call(a, body, "");
}

static enum ts_api_verdict refused(struct asking *a, const struct ts_http_job *answer, cJSON *body,
                                   struct ts_err *err)
{
    struct ts_instance *self = a->score->self;
    char code[48];
    enum ts_api_verdict verdict = ts_api_status("the judge", answer->status, err);
    ts_judge_error_code(body, code, sizeof code);
    if (code[0]) {
        struct ts_err plain = *err;
        ts_fail(err, plain.code, "%.200s (%s)", plain.what, code);
    }
    if (verdict == TS_API_RATE_LIMITED && ts_judge_is_out_of_quota(code)) {
        ts_fail(
            err, TS_RESOURCE_EXHAUSTED,
            "the judge answered with status %d (%s): the quota of the account is used up; see its "
            "plan and billing",
            answer->status, code);
        return TS_API_FINAL;
    }
    bool of_the_request = answer->status == 400 || answer->status == 404 || answer->status == 422;
    bool filtered = strcmp(code, "content_filter") == 0 || strcmp(code, "model_not_found") == 0;
    if (verdict != TS_API_FINAL || !of_the_request || filtered || a->changes >= MOST_CHANGES)
        return verdict;
    a->changes++;
    if (ts_judge_give_way(body, &a->used, &self->wire))
        return TS_API_AGAIN;
    bool optional = a->used.logprobs || a->used.user || a->used.format != TS_FORMAT_BY_WORDS;
    if (optional && !a->plain) { /* it does not say what it dislikes */
        a->plain = true;
        return TS_API_AGAIN;
    }
    return verdict;
}

static enum ts_api_verdict read_answer(struct ts_api_call *api, const struct ts_http_job *answer,
                                       struct ts_err *err)
{
    struct asking *a = (struct asking *)(void *)api;
    bool ok = answer->status >= 200 && answer->status < 300;
    cJSON *body = ts_judge_body(answer);
    enum ts_api_verdict verdict = TS_API_OK;
    if (ok) {
        struct ts_arena *scratch = ts_arena_new();
        struct ts_tlm_reply reply;
        bool embedding = call_of(a)->kind == TS_TLM_EMBEDDING;
        bool read = embedding ? ts_tlm_read_embedding(scratch, body, &reply)
                              : ts_tlm_read_completion(scratch, body, &reply);
        if (read)
            take_reply(a, body, &reply);
        else
            verdict = TS_API_RETRY;
        if (!read)
            ts_fail(err, TS_INTERNAL, "the judge answered with something that is no %s",
                    embedding ? "embedding" : "chat completion");
        ts_arena_free(scratch);
    } else {
        verdict = refused(a, answer, body, err);
    }
    cJSON_Delete(body);
    return verdict;
}

static void ask(struct score *s);

static void on_lost(struct asking *a, enum ts_job_end end)
{
    const struct ts_tlm_reply lost = {.failed = true};
    struct score *s = a->score;
    const struct ts_err *why = a->api.err;
    bool timeout = end == TS_JOB_EXPIRED || (why && why->code == TS_DEADLINE_EXCEEDED);
    s->lost = true;
    if (end == TS_JOB_FAILED)
        s->job->job.err = *why;
    else if (end == TS_JOB_EXPIRED)
        ts_fail(&s->job->job.err, TS_DEADLINE_EXCEEDED, "the judge did not answer in time");
    s->cancelled |= end == TS_JOB_CANCELLED;
    record_call(a, NULL, timeout ? "timeout" : "api_error");
    ts_tlm_answer(s->tlm, a->call, &lost);
    count_call(s->self, s->self->calls_failed);
}

static bool has_more(const struct score *s)
{
    return !s->cancelled && s->asked < s->tlm->call_count;
}

static void on_call_done(struct ts_api_call *api, enum ts_job_end end)
{
    struct asking *a = (struct asking *)(void *)api;
    struct score *s = a->score;
    s->job->result.attempts += a->api.attempts;
    if (end != TS_JOB_DONE)
        on_lost(a, end);
    *a->back = a->next;
    if (a->next)
        a->next->back = a->back;
    if (a == s->self->queued) /* ended before it was sent */
        go_on(s->self);
    free(a);
    while (s != s->self->current && has_more(s)) /* what a reply led to */
        ask(s);
    if (!s->calls)
        conclude(s);
}

static int64_t expected_tokens(const struct score *s)
{
    size_t text = s->input.request.len + s->input.response.len;
    return (int64_t)(text / CHARS_PER_TOKEN) + s->self->wire.max_tokens;
}

static void ask(struct score *s)
{
    struct ts_instance *self = s->self;
    struct asking *a = ts_alloc(sizeof *a);
    enum ts_tlm_call_kind kind = s->tlm->calls[s->asked].kind;
    bool embedding = kind == TS_TLM_EMBEDDING;
    a->score = s;
    a->next = s->calls;
    a->back = &s->calls;
    if (a->next)
        a->next->back = &a->next;
    s->calls = a;
    a->call = s->asked++;
    a->api =
        (struct ts_api_call){.deadline = s->job->job.deadline,
                             .done = on_call_done,
                             .url = embedding ? self->embeddings_url : self->chat_url,
                             .tokens = self->config->tokens_per_minute ? expected_tokens(s) : 0,
                             .urgent = a->call > 0, /* a score begun is finished first */
                             .retries = -1,
                             .write = write_body,
                             .read = read_answer};
    if (s == self->current)
        self->queued = a; /* before it is submitted: it may be written at once */
    ts_api_submit(self->api, &a->api);
}

/* ---- coming and going ---- */

/* Takes a score out of those that wait; `at` is what points at it. */
static void take_out(struct ts_instance *self, struct score **at)
{
    struct score *s = *at;
    *at = s->next_waiting;
    if (self->last_waiting == &s->next_waiting)
        self->last_waiting = at;
    ts_timer_stop(self->host->loop, &s->deadline);
}

/* Plans; false: there is nothing to ask, and the score has ended. */
static bool plan(struct score *s)
{
    struct ts_instance *self = s->self;
    if (self->scores.stopping) {
        finish(s, TS_JOB_CANCELLED);
        return false;
    }
    ts_tlm_input_of(s->job->arena, s->job->llm, self->options.compat, &s->input);
    s->tlm = ts_tlm_new(s->job->arena, &self->options, &s->input, &s->job->job.err);
    if (s->tlm && s->tlm->call_count > 0)
        return true;
    if (s->tlm) { /* no template, no sample */
        conclude(s);
    } else {
        s->job->result.skipped = TS_LIT("no_prompt");
        finish(s, TS_JOB_DONE);
    }
    return false;
}

/* The next call of the score that is being asked, else the first of the next score. Only one waits in
 * the api at a time, so a score that has not begun costs no more than its place. */
static void go_on(struct ts_instance *self)
{
    self->queued = NULL;
    while (!self->current || !has_more(self->current)) {
        struct score *s = self->current = self->waiting;
        if (!s)
            return;
        take_out(self, &self->waiting);
        if (!plan(s))
            self->current = NULL;
    }
    ask(self->current);
}

static void on_waited(struct ts_timer *timer)
{
    struct score *s = TS_OUTER(timer, struct score, deadline);
    struct score **at = &s->self->waiting;
    while (*at != s)
        at = &(*at)->next_waiting;
    take_out(s->self, at);
    finish(s, TS_JOB_EXPIRED);
}

static void begin(struct ts_under_way_item *item)
{
    struct score *s = TS_OUTER(item, struct score, item);
    struct ts_instance *self = s->self;
    s->job->result =
        (struct ts_score){.model = ts_view_str(self->config->model),
                          .preset = ts_view_str(ts_tlm_preset_name(self->options.preset)),
                          .version = TS_LIT(TS_TLM_VERSION)};
    *self->last_waiting = s;
    self->last_waiting = &s->next_waiting;
    if (s->job->job.deadline > 0 && s->job->job.deadline != TS_NEVER)
        ts_timer_start(self->host->loop, &s->deadline, s->job->job.deadline, on_waited);
    if (!self->queued)
        go_on(self);
}

static void give_up(struct ts_under_way_item *item)
{
    struct score *s = TS_OUTER(item, struct score, item);
    struct score **at = &s->self->waiting;
    while (*at && *at != s)
        at = &(*at)->next_waiting;
    if (*at) {
        take_out(s->self, at);
        finish(s, TS_JOB_CANCELLED);
        return;
    }
    s->cancelled = true;
    for (struct asking *a = s->calls, *next; a; a = next) {
        next = a->next;
        ts_api_cancel(s->self->api, &a->api);
    }
}

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    struct score *s = ts_alloc(sizeof *s);
    s->self = self;
    s->job = job;
    ts_under_way_take(&self->scores, &s->item, job);
}

static void cancel(struct ts_instance *self, struct ts_score_job *job)
{
    ts_under_way_cancel(&self->scores, job);
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

static struct ts_api *make_api(struct ts_instance *self)
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
                                     .ca_file = c->ca_file,
                                     .timeout = c->timeout,
                                     .retry_unit = c->retry_unit,
                                     .retries = (int)c->max_retries,
                                     .unreached = self->host->engine ? TS_API_PATIENT : 0,
                                     .max_in_flight = (int)c->max_in_flight,
                                     .calls_per_minute = c->calls_per_minute,
                                     .tokens_per_minute = c->tokens_per_minute,
                                     .max_response = LONGEST_REPLY};
    return ts_api_new(self->host->loop, &options);
}

/* Models that take no temperature and count their reasoning (§5.5). */
static bool reasons_unseen(const char *model)
{
    static const char *const starts[] = {"o1", "o3", "o4", "gpt-5"};
    for (size_t i = 0; i < TS_COUNT(starts); i++)
        if (strncmp(model, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static void make_counters(struct ts_instance *self)
{
    struct ts_metrics *m = self->host->engine ? ts_engine_metrics(self->host->engine) : NULL;
    const char *calls =
        "Calls of the judge: read, failed, or answered with what could not be read.";
    const char *tokens = "Tokens that the judge reported.";
    if (!m)
        return;
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
    ts_under_way_release(&self->scores);
    ts_arena_free(self->arena);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    const struct ts_tlm_config *c = config;
    struct ts_recorder *recorder = c->record ? ts_recorder_open(c->record, err) : NULL;
    if (c->record && !recorder)
        return NULL;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = c;
    self->host = host;
    self->recorder = recorder;
    self->arena = ts_arena_new();
    ts_tlm_options_of(self->arena, c, &self->options);
    bool quiet = reasons_unseen(c->model);
    bool roomy = quiet && c->compat == TS_TLM_RECOMMENDED;
    self->wire = (struct ts_tlm_wire){.judge_model = c->model,
                                      .sample_model = *c->sample_model ? c->sample_model : c->model,
                                      .embedding_small = c->embedding_small,
                                      .embedding_large = c->embedding_large,
                                      .max_tokens = c->max_tokens ? (int)c->max_tokens
                                                    : roomy       ? REASONING_TOKENS
                                                                  : REPLY_TOKENS,
                                      .logprobs = !quiet,
                                      .temperature = !quiet,
                                      .max_completion_tokens = quiet,
                                      .user = true,
                                      .extra = ts_tlm_extra_body(self->arena, c->body)};
    self->chat_url = url_of(self, "/chat/completions");
    self->embeddings_url = url_of(self, "/embeddings");
    self->api = make_api(self);
    self->last_waiting = &self->waiting;
    self->scores.begin = begin;
    self->scores.give_up = give_up;
    ts_under_way_init(&self->scores, host->loop, self->api);
    make_counters(self);
    return self;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline; /* nothing is waited for but the loop */
    ts_under_way_stop(&self->scores);
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
    .identity = identity,
    .score = score,
    .cancel = cancel,
};
