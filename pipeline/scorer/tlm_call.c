/* tlm_call.c - one call of the judge: what is sent, what an answer means, what it costs, what is recorded of
 * it. What a server refuses is done without from then on. */
#include "pipeline/scorer/tlm_internal.h"

#include <stdlib.h>

enum { MOST_CHANGES = 6 };

void tlm_call_write(struct ts_api_call *api, struct ts_buf *body)
{
    struct tlm_asking *a = (struct tlm_asking *)(void *)api;
    if (a == a->score->self->queued)
        tlm_go_on(a->score->self);
    const struct ts_tlm *tlm = a->score->tlm;
    const struct ts_tlm_call *call = tlm_call_of(a);
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
        ts_tlm_downgrade(a->score->self->config->body, wire.extra, body);
}

static void add_cost(struct tlm_score *s, const struct ts_tlm_call *call,
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

static void record_call(struct tlm_asking *a, const cJSON *body, const char *error)
{
    struct tlm_score *s = a->score;
    struct ts_tlm_wire wire = s->self->wire; /* may have changed since, but for what was used */
    wire.logprobs = a->used.logprobs;
    wire.temperature = a->used.temperature;
    if (s->self->recorder)
        ts_record_call(s->tlm, tlm_call_of(a), a->api.attempts > 0 ? &wire : NULL, body, error,
                       &s->recorded);
}

static void take_reply(struct tlm_asking *a, cJSON *body, const struct ts_tlm_reply *reply)
{
    struct tlm_score *s = a->score;
    struct ts_tlm_call *call = tlm_call_of(a);
    add_cost(s, call, reply);
    ts_tlm_answer(s->tlm, a->call, reply);
    count_call(s->self, is_unread(call) ? s->self->calls_unread : s->self->calls_ok);
    record_call(a, body, "");
}

static enum ts_api_verdict refused(struct tlm_asking *a, const struct ts_http_job *answer,
                                   cJSON *body, struct ts_err *err)
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
    if (ts_judge_downgrade(body, &a->used, &self->wire))
        return TS_API_AGAIN;
    bool optional = a->used.logprobs || a->used.user || a->used.format != TS_FORMAT_BY_WORDS;
    if (optional && !a->plain) { /* it does not say what it dislikes */
        a->plain = true;
        return TS_API_AGAIN;
    }
    return verdict;
}

enum ts_api_verdict tlm_call_read(struct ts_api_call *api, const struct ts_http_job *answer,
                                  struct ts_err *err)
{
    struct tlm_asking *a = (struct tlm_asking *)(void *)api;
    bool ok = answer->status >= 200 && answer->status < 300;
    cJSON *body = ts_judge_body(answer);
    enum ts_api_verdict verdict = TS_API_OK;
    if (ok) {
        struct ts_arena *scratch = ts_arena_new();
        struct ts_tlm_reply reply;
        bool embedding = tlm_call_of(a)->kind == TS_TLM_EMBEDDING;
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

void tlm_call_lost(struct tlm_asking *a, enum ts_job_end end)
{
    const struct ts_tlm_reply lost = {.failed = true};
    struct tlm_score *s = a->score;
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
