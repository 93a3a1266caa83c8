#include "tlm/calls.h"

#include "tlm/templates.h"

#include <math.h>

const char *ts_tlm_call_name(enum ts_tlm_call_kind kind)
{
    static const char *const names[] = {"prompt_evaluation", "consistency_sample", "semantic_eval",
                                        "reflection",        "similarity",         "embedding"};
    return names[kind];
}

struct ts_tlm_call *ts_tlm_sample(const struct ts_tlm *tlm, int i)
{
    for (size_t k = 0; k < tlm->call_count; k++)
        if (tlm->calls[k].kind == TS_TLM_SAMPLE && tlm->calls[k].index == i)
            return &tlm->calls[k];
    return NULL;
}

struct ts_tlm_call *ts_tlm_add_call(struct ts_tlm *tlm, enum ts_tlm_call_kind kind, int index)
{
    struct ts_tlm_call *call = &tlm->calls[tlm->call_count++];
    *call = (struct ts_tlm_call){
        .kind = kind, .index = index, .mapped = NAN, .score = NAN, .confidence = NAN};
    tlm->open++;
    return call;
}

/* ---- needs ---- */

bool ts_tlm_wants_schema(const struct ts_tlm *tlm, const struct ts_tlm_call *call)
{
    if (call->kind == TS_TLM_SAMPLE)
        return tlm->resolved.workflow == TS_TLM_STRUCTURED;
    return call->kind == TS_TLM_REFLECTION && ts_tlm_is_structured(call->template);
}

/* Models that are known to give them: a sample of another is compared without (§5.3). A judge's
 * reply is used as it comes. Spans name the version that answered; the reference knows exact names. */
static bool model_has_logprobs(enum ts_tlm_compat compat, ts_view model)
{
    static const char *const models[] = {
        "",        "gpt-4",        "gpt-4o",       "gpt-4o-mini",
        "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-3.5-turbo-16k"};
    if (compat == TS_TLM_RECOMMENDED)
        model = ts_tlm_undated(model);
    for (size_t i = 0; i < TS_COUNT(models); i++)
        if (ts_view_is(model, models[i]))
            return true;
    return false;
}

bool ts_tlm_wants_logprobs(const struct ts_tlm *tlm, const struct ts_tlm_call *call)
{
    switch (call->kind) {
    case TS_TLM_PROMPT_EVALUATION:
    case TS_TLM_SEMANTIC_EVAL:
        return true;
    case TS_TLM_REFLECTION:
        return call->template->yes != NULL;
    case TS_TLM_SAMPLE:
        return tlm->resolved.by_label && tlm->resolved.workflow != TS_TLM_STRUCTURED &&
               model_has_logprobs(tlm->options->compat, tlm->input->model);
    default:
        return false;
    }
}
