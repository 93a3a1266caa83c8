/* tlm_judge.h - what OpenAI-compatible servers do differently: streams that nobody asked for, features
 * that they refuse. */
#ifndef TS_SCORER_TLM_JUDGE_H
#define TS_SCORER_TLM_JUDGE_H

#include "net/api_client.h"
#include "tlm/request.h"

/* What an answer says: a completion, an embedding, an error. The chunks of a stream become the completion
 * that they would have been. Returns the tree (the caller frees) or NULL. */
cJSON *ts_judge_body(const struct ts_http_job *answer);

/* The features that a request used. */
struct ts_judge_used {
    bool logprobs, temperature, user, max_completion_tokens;
    enum ts_tlm_format format; /* BY_WORDS: none */
};
/* Reads a refusal (400, 404, 422) of a request that used these features; changes `wire`, which all
 * calls share, so that the next one may pass. It is changed by what this request used, not by what
 * it holds: refusals come several at a time. False: nothing to change. */
bool ts_judge_downgrade(const cJSON *error, const struct ts_judge_used *used,
                        struct ts_tlm_wire *wire);
/* A short identifier of the error ("content_filter"), never its text; "" when there is none. */
void ts_judge_error_code(const cJSON *error, char *out, size_t size);
/* Is it a refusal that no waiting cures, although its status says so? */
bool ts_judge_is_out_of_quota(const char *error_code);

#endif
