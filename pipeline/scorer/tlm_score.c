/* tlm_score.c - one record on its way to a score. Scores are begun one after the other: a call is submitted
 * when the one before goes out, so that what waits is not yet planned and takes no room. */
#include "pipeline/scorer/tlm_internal.h"

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

static void ask(struct tlm_score *s);

static bool has_more(const struct tlm_score *s)
{
    return !s->cancelled && s->asked < s->tlm->call_count;
}

static void on_call_done(struct ts_api_call *api, enum ts_job_end end)
{
    struct tlm_asking *a = (struct tlm_asking *)(void *)api;
    struct tlm_score *s = a->score;
    s->job->result.attempts += a->api.attempts;
    if (end != TS_JOB_DONE)
        tlm_call_lost(a, end);
    *a->back = a->next;
    if (a->next)
        a->next->back = a->back;
    if (a == s->self->queued) /* ended before it was sent */
        tlm_go_on(s->self);
    free(a);
    while (s != s->self->current && has_more(s)) /* what a reply led to */
        ask(s);
    if (!s->calls)
        conclude(s);
}

static int64_t expected_tokens(const struct tlm_score *s)
{
    size_t text = s->input.request.len + s->input.response.len;
    return (int64_t)(text / CHARS_PER_TOKEN) + s->self->wire.max_tokens;
}

static void ask(struct tlm_score *s)
{
    struct ts_instance *self = s->self;
    struct tlm_asking *a = ts_alloc(sizeof *a);
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
                             .write = tlm_call_write,
                             .read = tlm_call_read};
    if (s == self->current)
        self->queued = a; /* before it is submitted: it may be written at once */
    ts_api_submit(self->api, &a->api);
}

/* ---- coming and going ---- */

/* Takes a score out of those that wait; `at` is what points at it. */
static void take_out(struct ts_instance *self, struct tlm_score **at)
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
void tlm_go_on(struct ts_instance *self)
{
    self->queued = NULL;
    while (!self->current || !has_more(self->current)) {
        struct tlm_score *s = self->current = self->waiting;
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
    struct tlm_score *s = TS_CONTAINER_OF(timer, struct tlm_score, deadline);
    struct tlm_score **at = &s->self->waiting;
    while (*at != s)
        at = &(*at)->next_waiting;
    take_out(s->self, at);
    finish(s, TS_JOB_EXPIRED);
}

void tlm_begin(struct ts_inflight_item *item)
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
        ts_timer_start(self->host->loop, &s->deadline, s->job->job.deadline, on_waited);
    if (!self->queued)
        tlm_go_on(self);
}

void tlm_give_up(struct ts_inflight_item *item)
{
    struct tlm_score *s = TS_CONTAINER_OF(item, struct tlm_score, item);
    struct tlm_score **at = &s->self->waiting;
    while (*at && *at != s)
        at = &(*at)->next_waiting;
    if (*at) {
        take_out(s->self, at);
        finish(s, TS_JOB_CANCELLED);
        return;
    }
    s->cancelled = true;
    for (struct tlm_asking *a = s->calls, *next; a; a = next) {
        next = a->next;
        ts_api_cancel(s->self->api, &a->api);
    }
}
