/* reply.c - whatever a judge may write, read as the reply to every kind of call.
 * Input: a body of chat/completions, or a stream of such, or just the content of one. The recommended
 * rules may find nothing, but never a number outside 0…1; and log probabilities that are not known
 * (NaN, null, absent) are as good as none: nothing may become surer by them. */
#include "llm/llm.h"
#include "pipeline/scorer/tlm_judge.h"
#include "tlm/replay.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ts_view labels[] = {TS_LIT("rail"), TS_LIT("road")};
static const struct ts_message message = {.role = TS_LIT("user"), .content = TS_LIT("Which?")};
static const struct ts_tlm_eval tone = {TS_LIT("tone"), TS_LIT("c"), TS_NOTHING, TS_NOTHING,
                                        TS_LIT("Answer")};

/* ---- what is judged ---- */

enum { QA, LABELS, CODE, RETRIEVED, STRUCTURED, SHAPES };

static void make_shape(int shape, struct ts_tlm_options *options, struct ts_tlm_input *input)
{
    *options = (struct ts_tlm_options){.preset = TS_TLM_HIGH,
                                       .effort = shape % 2 ? TS_TLM_LOW_EFFORT : TS_TLM_UNSET,
                                       .measure = shape == CODE ? TS_TLM_CODE : TS_TLM_UNSET,
                                       .reflections = TS_TLM_UNSET,
                                       .samples = 2,
                                       .evals = &tone,
                                       .eval_count = 1,
                                       .has_evals = true,
                                       .prompt_evaluation = 1};
    *input = (struct ts_tlm_input){.messages = &message,
                                   .message_count = 1,
                                   .response = TS_LIT("rail"),
                                   .perplexity = NAN,
                                   .temperature = NAN,
                                   .has_context = shape == RETRIEVED,
                                   .context = TS_LIT("By rail.")};
    if (shape == LABELS) {
        options->labels = labels;
        options->label_count = 2;
    }
    if (shape == STRUCTURED) {
        input->structured = true;
        input->schema = TS_LIT("{}");
        input->response = TS_LIT("{\"line\": \"T4\", \"n\": [1, null]}");
    }
}

/* ---- oracles ---- */

static void must_be_share(double v)
{
    if (!isnan(v) && !(v >= 0 && v <= 1))
        abort();
}

static void must_be_shares(const struct ts_tlm_result *r)
{
    must_be_share(r->score);
    must_be_share(r->consistency);
    must_be_share(r->indicator);
    must_be_share(r->reflection);
    must_be_share(r->prompt_evaluation);
    for (size_t i = 0; i < r->eval_count; i++)
        must_be_share(r->evals[i].score);
    for (size_t i = 0; i < r->field_count; i++)
        must_be_share(r->fields[i].value);
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static void must_be_same(const struct ts_tlm_result *a, const struct ts_tlm_result *b)
{
    bool ok = same(a->score, b->score) && same(a->consistency, b->consistency) &&
              same(a->indicator, b->indicator) && same(a->reflection, b->reflection) &&
              same(a->prompt_evaluation, b->prompt_evaluation);
    for (size_t i = 0; i < a->eval_count; i++)
        ok = ok && same(a->evals[i].score, b->evals[i].score);
    if (!ok)
        abort();
}

/* ---- judging ---- */

/* The result is the arena's. */
static void judge(struct ts_arena *arena, const struct ts_tlm_options *options,
                  const struct ts_tlm_input *input, const struct ts_tlm_reply *reply,
                  struct ts_tlm_result *r)
{
    const struct ts_tlm_wire wire = {.judge_model = "j", .sample_model = "s", .max_tokens = 1};
    struct ts_tlm *tlm = ts_tlm_new(arena, options, input, NULL);
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < tlm->call_count; i++) {
        ts_buf_clear(&out);
        if (tlm->calls[i].kind == TS_TLM_SIMILARITY) /* the only one that quotes a reply */
            ts_tlm_request(tlm, &tlm->calls[i], &wire, &out);
        ts_tlm_answer(tlm, i, reply);
    }
    ts_tlm_conclude(tlm, r);
    ts_buf_clear(&out);
    ts_record_result(tlm, r, &out);
    ts_buf_release(&out);
}

/* The same reply with the probabilities of all tokens not known. */
static struct ts_tlm_reply without_probabilities(struct ts_arena *arena,
                                                 const struct ts_tlm_reply *reply)
{
    struct ts_tlm_reply r = *reply;
    struct ts_tlm_token *tokens = ts_arena_alloc(arena, (r.token_count + 1) * sizeof *tokens);
    for (size_t i = 0; i < r.token_count; i++) {
        tokens[i] = reply->tokens[i];
        tokens[i].logprob = NAN;
    }
    r.tokens = tokens;
    return r;
}

static void judge_shape(int shape, bool reference, const struct ts_tlm_reply *reply)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_options options;
    struct ts_tlm_input input;
    struct ts_tlm_result r;
    make_shape(shape, &options, &input);
    if (reference) {
        options.compat = TS_TLM_REFERENCE;
        judge(arena, &options, &input, reply, &r);
        ts_arena_free(arena);
        return;
    }
    judge(arena, &options, &input, reply, &r);
    must_be_shares(&r);
    if (reply->has_tokens &&
        reply->content.len > 0) { /* else the tokens are the text, in any case */
        struct ts_tlm_reply nan = without_probabilities(arena, reply);
        struct ts_tlm_reply none = nan;
        struct ts_tlm_result other;
        none.has_tokens = false;
        judge(arena, &options, &input, &nan, &r);
        judge(arena, &options, &input, &none, &other);
        must_be_same(&r, &other);
    }
    ts_arena_free(arena);
}

/* One shape and one set of rules an input, by its length, which many mutations keep: all in turn would
 * take ten times as long. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_http_job answer = {.body = {(uint8_t *)(uintptr_t)data, size, size, 0, false}};
    struct ts_tlm_reply reply;
    cJSON *body = ts_judge_body(&answer);
    cJSON *text = NULL;
    if (!ts_tlm_read_completion(arena, body, &reply)) {
        text = ts_json_new_text(ts_view_of(data, size)); /* made UTF-8, as all JSON is */
        reply = (struct ts_tlm_reply){.content = ts_json_text(text)};
    }
    judge_shape((int)(size % SHAPES), size / SHAPES % 2 == 1, &reply);
    cJSON_Delete(text);
    cJSON_Delete(body);
    ts_arena_free(arena);
    return 0;
}
