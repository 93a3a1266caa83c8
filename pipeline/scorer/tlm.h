/* tlm.h - the parts of the tlm scorer: the TLM algorithm (src/tlm) over an OpenAI-compatible server. */
#ifndef TS_SCORER_TLM_H
#define TS_SCORER_TLM_H

#include "net/api_client.h"
#include "pipeline/scorer.h"
#include "tlm/request.h"

#include <stdio.h>

struct ts_tlm_config {
    const char *base_url, *api_key, *api_version;
    struct ts_pairs headers;
    const struct ts_node *body;
    const char *model, *sample_model, *embedding_small, *embedding_large;
    int preset, effort, measure, prompt_evaluation, compat;
    int64_t num_self_reflections, num_consistency_samples;
    struct ts_texts constrain_outputs;
    const struct ts_node *evals, *prices;
    int64_t max_tokens, max_retries, max_in_flight, calls_per_minute, tokens_per_minute;
    ts_time timeout, retry_unit;
    const char *ca_file, *record;
};
extern const struct ts_setting ts_tlm_table[];
bool ts_tlm_check(const void *config, struct ts_err *err);

/* The options of every score with this configuration; strings belong to the arena and the
 * configuration. */
void ts_tlm_options_of(struct ts_arena *arena, const struct ts_tlm_config *config,
                       struct ts_tlm_options *options);
/* `body` as members of a JSON object, without braces. */
ts_view ts_tlm_extra_body(struct ts_arena *arena, const struct ts_node *body);
/* Takes our own members out of a request that ends in `extra`, where `body` gives them, too: the user's
 * win, and no server sees a key twice. */
void ts_tlm_downgrade(const struct ts_node *body, ts_view extra, struct ts_buf *request);

/* Views into the record and the arena. */
void ts_tlm_input_of(struct ts_arena *arena, const struct ts_llm *llm, enum ts_tlm_compat compat,
                     struct ts_tlm_input *input);

/* Fills score, explanation, evaluations and fields; what is copied is in the job's arena. */
void ts_tlm_give(const struct ts_tlm_result *r, struct ts_score_job *job);

/* US dollars per million tokens. */
struct ts_price {
    double input, output;
};
/* An entry of `prices`: [input, output], finite, not negative; false: it is none. */
bool ts_price_read(const struct ts_node *entry, struct ts_price *price);
/* The model's price: from `overrides` ({model: [input, output]}), else from the table; false: not
 * known. Models are also found without the date at their end. */
bool ts_price_find(const struct ts_node *overrides, ts_view model, struct ts_price *price);

/* What an answer says: a completion, an embedding, an error. A forced stream is put together.
 * Returns the tree (the caller frees) or NULL. */
cJSON *ts_judge_body(const struct ts_http_job *answer);

/* What a request asked for. */
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

/* Recordings: one line a score (tlm-vectors.md), written by a thread of its own. What cannot be
 * written, or comes faster than the disk takes it, is counted and logged: scores do not wait. */
struct ts_recorder;
/* Opens for appending; several processes may write to one file. NULL: err. */
struct ts_recorder *ts_recorder_open(const char *path, struct ts_err *err);
/* Writes what waits, for at most half a minute. NULL is fine. Thread: any but a running loop's. */
void ts_recorder_close(struct ts_recorder *recorder);
/* Appends one call's object to `calls`, with commas between. `wire` is how it was sent, NULL: it was
 * not. `body` is its reply, NULL: it failed. */
void ts_record_call(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                    const struct ts_tlm_wire *wire, const cJSON *body, const char *error,
                    struct ts_buf *calls);
/* Thread: any. Never blocks. */
void ts_record_score(struct ts_recorder *recorder, const struct ts_tlm *tlm, ts_view id,
                     const struct ts_buf *calls, const struct ts_tlm_result *result);

#endif
