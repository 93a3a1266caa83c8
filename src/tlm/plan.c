/* plan.c - which calls to make. All that need nothing but the input are planned at once; comparisons of
 * samples follow the samples (§1). */
#include "tlm/calls.h"
#include "tlm/consistency.h"
#include "tlm/presets.h"
#include "tlm/structured.h"
#include "tlm/templates.h"
#include "tlm/text.h"

static bool can_ask(const struct ts_tlm *tlm, const struct ts_tlm_eval *eval)
{
    bool reads_calls = eval->response_id.len > 0 && tlm->input->only_tool_calls; /* §4.3 */
    bool no_context = eval->context_id.len > 0 && !tlm->input->has_context;
    return !reads_calls && !no_context;
}

static void plan_evals(struct ts_tlm *tlm)
{
    for (size_t i = 0; i < tlm->resolved.eval_count; i++)
        if (can_ask(tlm, &tlm->resolved.evals[i]))
            ts_tlm_add_call(tlm, TS_TLM_SEMANTIC_EVAL, (int)i)->eval = &tlm->resolved.evals[i];
}

static void plan_reflections(struct ts_tlm *tlm)
{
    bool thinks = tlm->resolved.effort != TS_TLM_NONE;
    for (size_t i = 0; i < tlm->resolved.template_count; i++) {
        const struct ts_tlm_template *t = tlm->resolved.templates[i];
        if (ts_tlm_is_structured(t) && (!tlm->keys || !thinks))
            continue; /* §16: no JSON object, no fields to speak of */
        ts_tlm_add_call(tlm, TS_TLM_REFLECTION, (int)i)->template = t;
    }
}

static bool find_user_prompt(struct ts_tlm *tlm, struct ts_err *err)
{
    for (size_t i = tlm->input->message_count; i-- > 0;)
        if (ts_view_is(tlm->input->messages[i].role, "user")) {
            tlm->user_prompt = tlm->input->messages[i].content;
            return true;
        }
    return ts_fail(err, TS_INVALID_ARGUMENT, "there is no message with the role user");
}

static void read_response(struct ts_tlm *tlm)
{
    enum ts_tlm_compat compat = tlm->options->compat;
    tlm->answer = ts_text_strip(tlm->input->response);
    if (tlm->resolved.workflow != TS_TLM_STRUCTURED)
        return;
    tlm->keys =
        ts_structured_keys(tlm->arena, compat, tlm->answer, &tlm->key_count, &tlm->distinct_keys);
    tlm->answer = ts_structured_response(tlm->arena, compat, tlm->answer);
    if (compat == TS_TLM_REFERENCE && tlm->resolved.effort == TS_TLM_NONE) /* D12 */
        tlm->error = "structured outputs need a reasoning effort: the reference stops";
    else if (compat == TS_TLM_REFERENCE && !tlm->keys)
        tlm->error = "the response is no object: the reference stops";
}

struct ts_tlm *ts_tlm_new(struct ts_arena *arena, const struct ts_tlm_options *options,
                          const struct ts_tlm_input *input, struct ts_err *err)
{
    struct ts_tlm *tlm = ts_arena_alloc(arena, sizeof *tlm);
    tlm->arena = arena;
    tlm->options = options;
    tlm->input = input;
    if (!find_user_prompt(tlm, err))
        return NULL;
    ts_tlm_resolve(options, input, &tlm->resolved);
    read_response(tlm);
    size_t most = 2 + 2 * (size_t)tlm->resolved.samples + tlm->resolved.eval_count +
                  tlm->resolved.template_count;
    tlm->calls = ts_arena_alloc(arena, most * sizeof *tlm->calls);
    if (tlm->resolved.prompt_evaluation)
        ts_tlm_add_call(tlm, TS_TLM_PROMPT_EVALUATION, 0);
    for (int i = 0; i < tlm->resolved.samples; i++)
        ts_tlm_add_call(tlm, TS_TLM_SAMPLE, i);
    plan_reflections(tlm);
    plan_evals(tlm);
    ts_consistency_advance(tlm, -1);
    return tlm;
}
