/* tlm_call.c - see tlm_call.h. What a server refuses is done without from then on. */
#include "pipeline/scorer/tlm_call.h"

#include "pipeline/scorer/tlm_body.h"
#include "pipeline/scorer/tlm_judge.h"
#include "pipeline/scorer/tlm_price.h"
#include "pipeline/scorer/tlm_record.h"
#include "telemetry/metrics.h"

#include <stdlib.h>

enum { MOST_DOWNGRADES = 6 };

static struct ts_tlm_call *planned_call(const struct tlm_api_call *c)
{
    return &c->score->tlm->calls[c->index];
}

void tlm_call_write(struct ts_api_call *api, struct ts_buf *body)
{
    struct tlm_api_call *c = (struct tlm_api_call *)(void *)api;
    c->on_write(c);
    const struct ts_tlm *tlm = c->score->tlm;
    const struct ts_tlm_call *call = planned_call(c);
    struct ts_tlm_wire wire = c->score->self->wire;
    if (c->minimal) {
        wire.logprobs = wire.temperature = wire.user = false;
        wire.format = TS_FORMAT_BY_WORDS;
    }
    bool chat = call->kind != TS_TLM_EMBEDDING;
    bool format = chat && ts_tlm_wants_schema(tlm, call);
    c->used = (struct ts_judge_used){.logprobs =
                                         chat && wire.logprobs && ts_tlm_wants_logprobs(tlm, call),
                                     .format = format ? wire.format : TS_FORMAT_BY_WORDS,
                                     .temperature = chat && wire.temperature,
                                     .user = chat && wire.user,
                                     .max_completion_tokens = wire.max_completion_tokens};
    ts_tlm_request(tlm, call, &wire, body);
    if (chat)
        ts_tlm_drop_overridden(c->score->self->config->body, wire.extra, body);
}

static void add_cost(struct tlm_score *s, const struct ts_tlm_call *call,
                     const struct ts_tlm_reply *reply)
{
    struct ts_instance *self = s->self;
    struct ts_score *out = &s->job->result;
    const char *model = ts_tlm_model_of(call, &self->wire);
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

/* Was nothing found in a reply that came? */
static bool is_unreadable(const struct ts_tlm_call *call)
{
    return call->kind == TS_TLM_EMBEDDING ? !call->vector
           : call->kind == TS_TLM_SAMPLE  ? !call->has_text
                                          : !call->has_mapped;
}

static void record_call(struct tlm_api_call *c, const cJSON *body, const char *error)
{
    struct tlm_score *s = c->score;
    struct ts_tlm_wire wire = s->self->wire; /* may have changed since, but for what was used */
    wire.logprobs = c->used.logprobs;
    wire.temperature = c->used.temperature;
    if (s->self->recorder)
        ts_record_call(s->tlm, planned_call(c), c->api.attempts > 0 ? &wire : NULL, body, error,
                       &s->recorded);
}

static void use_reply(struct tlm_api_call *c, const cJSON *body, const struct ts_tlm_reply *reply)
{
    struct tlm_score *s = c->score;
    struct ts_tlm_call *call = planned_call(c);
    add_cost(s, call, reply);
    ts_tlm_answer(s->tlm, c->index, reply);
    ts_count(is_unreadable(call) ? s->self->calls_unread : s->self->calls_ok, 1);
    record_call(c, body, "");
}

/* Asks once more without what this server refuses, or may refuse; false: there is nothing to leave out. */
static bool downgrade(struct tlm_api_call *c, const cJSON *body)
{
    if (c->downgrades >= MOST_DOWNGRADES)
        return false;
    c->downgrades++;
    if (ts_judge_downgrade(body, &c->used, &c->score->self->wire))
        return true;
    bool optional = c->used.logprobs || c->used.user || c->used.format != TS_FORMAT_BY_WORDS;
    if (!optional || c->minimal)
        return false;
    c->minimal = true; /* it does not say what it dislikes */
    return true;
}

static enum ts_api_outcome read_refusal(struct tlm_api_call *c, const struct ts_http_job *answer,
                                        const cJSON *body, struct ts_err *err)
{
    char code[48];
    enum ts_api_outcome outcome = ts_api_status("the judge", answer->status, err);
    ts_judge_error_code(body, code, sizeof code);
    if (code[0]) {
        struct ts_err plain = *err;
        ts_fail(err, plain.code, "%.200s (%s)", plain.what, code);
    }
    if (outcome == TS_API_RATE_LIMITED && ts_judge_is_out_of_quota(code)) {
        ts_fail(
            err, TS_RESOURCE_EXHAUSTED,
            "the judge answered with status %d (%s): the quota of the account is used up; see its "
            "plan and billing",
            answer->status, code);
        return TS_API_FINAL;
    }
    bool of_the_request = answer->status == 400 || answer->status == 404 || answer->status == 422;
    bool filtered = strcmp(code, "content_filter") == 0 || strcmp(code, "model_not_found") == 0;
    if (outcome == TS_API_FINAL && of_the_request && !filtered && downgrade(c, body))
        return TS_API_AGAIN;
    return outcome;
}

static enum ts_api_outcome read_success(struct tlm_api_call *c, const cJSON *body,
                                        struct ts_err *err)
{
    struct ts_arena *scratch = ts_arena_new();
    struct ts_tlm_reply reply;
    bool embedding = planned_call(c)->kind == TS_TLM_EMBEDDING;
    bool read = embedding ? ts_tlm_read_embedding(scratch, body, &reply)
                          : ts_tlm_read_completion(scratch, body, &reply);
    if (read)
        use_reply(c, body, &reply);
    else
        ts_fail(err, TS_INTERNAL, "the judge answered with something that is no %s",
                embedding ? "embedding" : "chat completion");
    ts_arena_free(scratch);
    return read ? TS_API_OK : TS_API_RETRY;
}

enum ts_api_outcome tlm_call_read(struct ts_api_call *api, const struct ts_http_job *answer,
                                  struct ts_err *err)
{
    struct tlm_api_call *c = (struct tlm_api_call *)(void *)api;
    bool ok = answer->status >= 200 && answer->status < 300;
    cJSON *body = ts_judge_body(answer);
    enum ts_api_outcome outcome =
        ok ? read_success(c, body, err) : read_refusal(c, answer, body, err);
    cJSON_Delete(body);
    return outcome;
}

void tlm_call_failed(struct tlm_api_call *c, enum ts_job_end end)
{
    const struct ts_tlm_reply failed = {.failed = true};
    struct tlm_score *s = c->score;
    const struct ts_err *why = c->api.err;
    bool timeout = end == TS_JOB_EXPIRED || (why && why->code == TS_DEADLINE_EXCEEDED);
    s->call_failed = true;
    if (end == TS_JOB_FAILED && why)
        s->job->job.err = *why;
    else if (end == TS_JOB_EXPIRED)
        ts_fail(&s->job->job.err, TS_DEADLINE_EXCEEDED, "the judge did not answer in time");
    s->cancelled |= end == TS_JOB_CANCELLED;
    record_call(c, NULL, timeout ? "timeout" : "api_error");
    ts_tlm_answer(s->tlm, c->index, &failed);
    ts_count(s->self->calls_failed, 1);
}
