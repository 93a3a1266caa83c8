/* tlm_score.c - scores are planned one after the other: a call is submitted when the one before goes out, so
 * that what waits is not yet planned and needs no memory. */
#include "pipeline/scorer/tlm_score.h"

#include "pipeline/scorer/tlm_call.h"
#include "pipeline/scorer/tlm_input.h"
#include "pipeline/scorer/tlm_record.h"
#include "pipeline/scorer/tlm_result.h"

#include "base/hex.h"

#include <stdlib.h>

enum { CHARS_PER_TOKEN = 4 };

/* ---- the end of a score ---- */

static void finish(struct tlm_score *s, enum ts_job_end end)
{
    struct ts_score_job *job = s->job;
    ts_inflight_remove(&s->item);
    ts_buf_release(&s->recorded);
    free(s);
    ts_job_finish(&job->job, end);
}

/* What a recording is found by: the span, or what a line of `score` calls itself. */
static ts_view name_of(struct ts_arena *arena, const struct ts_llm *llm)
{
    return llm->span_id.len > 0 ? ts_hex_copy(arena, llm->span_id) : llm->response_id;
}

static void conclude(struct tlm_score *s)
{
    struct ts_score_job *job = s->job;
    struct ts_score *out = &job->result;
    struct ts_tlm_result r;
    ts_tlm_conclude(s->tlm, &r);
    if (s->self->recorder)
        ts_record_score(s->self->recorder, s->tlm, name_of(job->arena, job->llm), &s->recorded, &r);
    ts_tlm_fill_score(&r, job);
    out->partial = s->call_failed;
    if (s->no_price)
        out->cost_usd = -1;
    if (s->cancelled) {
        finish(s, TS_JOB_CANCELLED);
    } else if (out->has_score) {
        job->job.err = (struct ts_err){0};
        finish(s, TS_JOB_DONE);
    } else if (s->call_failed && job->job.err.code == TS_DEADLINE_EXCEEDED &&
               job->job.deadline > 0 && ts_now() >= job->job.deadline) {
        finish(s, TS_JOB_EXPIRED);
    } else {
        if (!s->call_failed)
            ts_fail(&job->job.err, TS_INTERNAL,
                    r.error ? "%s" : "no reply of the judge could be read%s",
                    r.error ? r.error : "");
        finish(s, TS_JOB_FAILED);
    }
}

static void submit_call(struct tlm_score *s);
static void submit_next(struct ts_instance *self);

static bool has_more(const struct tlm_score *s)
{
    return !s->cancelled && s->asked < s->tlm->call_count;
}

static void on_call_done(struct ts_api_call *api, enum ts_job_end end)
{
    struct tlm_api_call *c = (struct tlm_api_call *)(void *)api;
    struct tlm_score *s = c->score;
    s->job->result.attempts += c->api.attempts;
    if (end != TS_JOB_DONE)
        tlm_call_failed(c, end);
    *c->back = c->next;
    if (c->next)
        c->next->back = c->back;
    if (c == s->self->queued) /* ended before it was sent */
        submit_next(s->self);
    free(c);
    while (s != s->self->current && has_more(s)) /* what a reply led to */
        submit_call(s);
    if (!s->calls)
        conclude(s);
}

/* The api sends the last call that was submitted: time for the next one. */
static void on_call_written(struct tlm_api_call *c)
{
    if (c == c->score->self->queued)
        submit_next(c->score->self);
}

static int64_t expected_tokens(const struct tlm_score *s)
{
    size_t text = s->input.request.len + s->input.response.len;
    return (int64_t)(text / CHARS_PER_TOKEN) + s->self->wire.max_tokens;
}

static void submit_call(struct tlm_score *s)
{
    struct ts_instance *self = s->self;
    struct tlm_api_call *c = ts_alloc(sizeof *c);
    enum ts_tlm_call_kind kind = s->tlm->calls[s->asked].kind;
    bool embedding = kind == TS_TLM_EMBEDDING;
    c->score = s;
    c->on_write = on_call_written;
    c->next = s->calls;
    c->back = &s->calls;
    if (c->next)
        c->next->back = &c->next;
    s->calls = c;
    c->index = s->asked++;
    c->api = (struct ts_api_call){.deadline = s->job->job.deadline,
                                  .done = on_call_done,
                                  .url = embedding ? self->embeddings_url : self->chat_url,
                                  .tokens = expected_tokens(s),
                                  .urgent = c->index > 0, /* a score begun is finished first */
                                  .retries = -1,
                                  .write = tlm_call_write,
                                  .read = tlm_call_read};
    if (s == self->current)
        self->queued = c; /* before it is submitted: it may be written at once */
    ts_api_submit(self->api, &c->api);
}

/* ---- the next call ---- */

/* Removes a score from those that wait; `at` is what points at it. */
static void unlink_waiting(struct ts_instance *self, struct tlm_score **at)
{
    struct tlm_score *s = *at;
    *at = s->next_waiting;
    if (self->last_waiting == &s->next_waiting)
        self->last_waiting = at;
    ts_timer_stop(self->host->loop, &s->deadline);
}

/* Plans; false: there is nothing to ask, and the score has ended. */
static bool plan(struct tlm_score *s)
{
    struct ts_instance *self = s->self;
    if (self->inflight.stopping) {
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
static void submit_next(struct ts_instance *self)
{
    self->queued = NULL;
    while (!self->current || !has_more(self->current)) {
        struct tlm_score *s = self->current = self->waiting;
        if (!s)
            return;
        unlink_waiting(self, &self->waiting);
        if (!plan(s))
            self->current = NULL;
    }
    submit_call(self->current);
}

/* ---- start ---- */

static void on_deadline(struct ts_timer *timer)
{
    struct tlm_score *s = TS_CONTAINER_OF(timer, struct tlm_score, deadline);
    struct tlm_score **at = &s->self->waiting;
    while (*at != s)
        at = &(*at)->next_waiting;
    unlink_waiting(s->self, at);
    finish(s, TS_JOB_EXPIRED);
}

void tlm_score_start(struct ts_inflight_job *item)
{
    struct tlm_score *s = TS_CONTAINER_OF(item, struct tlm_score, item);
    struct ts_instance *self = s->self;
    s->job->result =
        (struct ts_score){.model = ts_view_str(self->config->model),
                          .preset = ts_view_str(ts_tlm_preset_name(self->options.preset)),
                          .version = TS_LIT(TS_TLM_VERSION)};
    *self->last_waiting = s;
    self->last_waiting = &s->next_waiting;
    if (s->job->job.deadline > 0 && s->job->job.deadline != TS_NEVER)
        ts_timer_start(self->host->loop, &s->deadline, s->job->job.deadline, on_deadline);
    if (!self->queued)
        submit_next(self);
}
