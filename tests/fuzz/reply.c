/* reply.c - whatever a judge may write, read as the reply to every kind of call.
 * Input: a body of chat/completions, or a stream of such, or just the content of one. The recommended
 * rules may find nothing, but never a number outside 0…1. */
#include "llm/llm.h"
#include "pipeline/scorer/tlm.h"
#include "tlm/replay.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_share(double v)
{
    if (!isnan(v) && !(v >= 0 && v <= 1))
        abort();
}

static const ts_view labels[] = {TS_LIT("rail"), TS_LIT("road")};
static const struct ts_message message = {.role = TS_LIT("user"), .content = TS_LIT("Which?")};

static void judge(const struct ts_tlm_options *options, const struct ts_tlm_input *input,
                  const struct ts_tlm_reply *reply)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_tlm_result r;
    struct ts_buf out = TS_BUF_INIT;
    struct ts_tlm *tlm = ts_tlm_new(arena, options, input, NULL);
    const struct ts_tlm_wire wire = {.judge_model = "j", .sample_model = "s", .max_tokens = 1};
    for (size_t i = 0; i < tlm->call_count; i++) {
        ts_buf_clear(&out);
        if (tlm->calls[i].kind != TS_TLM_EMBEDDING)
            ts_tlm_request(tlm, &tlm->calls[i], &wire, &out);
        ts_tlm_answer(tlm, i, reply);
    }
    ts_tlm_conclude(tlm, &r);
    ts_buf_clear(&out);
    ts_record_result(tlm, &r, &out);
    if (options->compat == TS_TLM_RECOMMENDED) {
        must_be_share(r.score);
        must_be_share(r.consistency);
        must_be_share(r.reflection);
        for (size_t i = 0; i < r.eval_count; i++)
            must_be_share(r.evals[i].score);
        for (size_t i = 0; i < r.field_count; i++)
            must_be_share(r.fields[i].value);
    }
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void judge_all(const struct ts_tlm_reply *reply)
{
    for (int compat = TS_TLM_RECOMMENDED; compat <= TS_TLM_REFERENCE; compat++)
        for (int shape = 0; shape < 5; shape++) {
            struct ts_tlm_options options = {.compat = (enum ts_tlm_compat)compat,
                                             .preset = TS_TLM_HIGH,
                                             .effort = shape % 2 ? TS_TLM_LOW_EFFORT : TS_TLM_UNSET,
                                             .measure = shape == 2 ? TS_TLM_CODE : TS_TLM_UNSET,
                                             .reflections = TS_TLM_UNSET,
                                             .samples = 2,
                                             .prompt_evaluation = 1};
            struct ts_tlm_input input = {.messages = &message,
                                         .message_count = 1,
                                         .response = TS_LIT("rail"),
                                         .perplexity = NAN,
                                         .temperature = NAN,
                                         .has_context = shape == 3,
                                         .context = TS_LIT("By rail.")};
            if (shape == 1) {
                options.labels = labels;
                options.label_count = 2;
            }
            if (shape == 4) {
                input.structured = true;
                input.schema = TS_LIT("{}");
                input.response = TS_LIT("{\"line\": \"T4\", \"n\": [1, null]}");
            }
            judge(&options, &input, reply);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_http_job answer = {.body = {(uint8_t *)(uintptr_t)data, size, size, 0, false}};
    struct ts_tlm_reply reply;
    cJSON *body = ts_judge_body(&answer);
    if (!ts_tlm_read_completion(arena, body, &reply)) {
        cJSON *text = ts_json_new_text(ts_view_of(data, size)); /* made UTF-8, as all JSON is */
        reply = (struct ts_tlm_reply){.content = ts_json_text(text)};
        judge_all(&reply);
        cJSON_Delete(text);
    } else {
        judge_all(&reply);
    }
    cJSON_Delete(body);
    ts_arena_free(arena);
    return 0;
}
