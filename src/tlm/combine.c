/* combine.c - the components into one score (§7.5, §10 - §13), and why (§14). */
#include "tlm/consistency.h"
#include "tlm/explain.h"
#include "tlm/structured.h"

#include <math.h>

#define EXPLAIN_BELOW                                                                              \
    0.85 /* §3.5: of reflection and consistency; here for a failure of the reference */
#define TRUSTED 0.8

static double mean(const double *values, int count)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < count; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static double reflection_score(const struct ts_tlm *tlm)
{
    double sum = 0;
    int n = 0;
    for (size_t i = 0; i < tlm->call_count; i++)
        if (tlm->calls[i].kind == TS_TLM_REFLECTION && !isnan(tlm->calls[i].score)) {
            sum += tlm->calls[i].score;
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

static double prompt_score(const struct ts_tlm *tlm)
{
    for (size_t i = 0; i < tlm->call_count; i++)
        if (tlm->calls[i].kind == TS_TLM_PROMPT_EVALUATION)
            return tlm->calls[i].score;
    return NAN;
}

/* T = Σ w·s / Σ w over what exists (§12). */
static double total(struct ts_tlm *tlm, const struct ts_tlm_result *r)
{
    const struct ts_tlm_weights *w = &tlm->resolved.weights;
    const double parts[][2] = {{w->consistency, r->consistency},
                               {w->indicator, r->indicator},
                               {w->reflection, r->reflection},
                               {w->prompt_evaluation, r->prompt_evaluation},
                               {w->perplexity, r->perplexity}};
    double sum = 0;
    double weight = 0;
    bool any = false;
    for (size_t i = 0; i < TS_COUNT(parts); i++)
        if (!isnan(parts[i][1])) {
            sum += parts[i][0] * parts[i][1];
            weight += parts[i][0];
            any = true;
        }
    if (any && weight == 0 && tlm->options->compat == TS_TLM_REFERENCE)
        tlm->error = "all components that exist have no weight: the reference divides by zero";
    return weight > 0 ? sum / weight : NAN;
}

/* Evaluations that do not read the response first (§1.2). */
static void collect_evals(const struct ts_tlm *tlm, struct ts_tlm_result *r)
{
    r->evals = ts_arena_alloc(tlm->arena, (tlm->resolved.eval_count + 1) * sizeof *r->evals);
    for (int reads = 0; reads < 2; reads++)
        for (size_t i = 0; i < tlm->resolved.eval_count; i++) {
            const struct ts_tlm_eval *eval = &tlm->resolved.evals[i];
            if ((eval->response_id.len > 0) != (reads == 1))
                continue;
            double score = NAN;
            for (size_t k = 0; k < tlm->call_count; k++)
                if (tlm->calls[k].eval == eval)
                    score = tlm->calls[k].score;
            r->evals[r->eval_count++] = (struct ts_tlm_eval_score){eval->name, score};
        }
}

/* What the reference cannot do with these replies (D10). */
static const char *failure(const struct ts_tlm *tlm, const struct ts_tlm_result *r)
{
    bool lost_sample = false;
    for (size_t i = 0; i < tlm->call_count; i++) {
        const struct ts_tlm_call *call = &tlm->calls[i];
        if (call->kind == TS_TLM_REFLECTION && call->failed)
            return "a reflection failed: the reference stops";
        if (call->kind == TS_TLM_EMBEDDING && !call->vector)
            return "an embedding failed: the reference stops";
        lost_sample |= call->kind == TS_TLM_SAMPLE && !call->has_text;
    }
    bool lists_samples = r->score < TRUSTED && r->consistency < EXPLAIN_BELOW;
    if (lost_sample && (!tlm->resolved.by_label || lists_samples))
        return "a consistency sample failed: the reference stops";
    return NULL;
}

/* What is not 0…1 is no mean probability, perhaps a perplexity in the usual sense. */
static double perplexity_score(const struct ts_tlm *tlm)
{
    double p = tlm->input->perplexity;
    return tlm->options->compat == TS_TLM_REFERENCE || (p >= 0 && p <= 1) ? p : NAN;
}

void ts_tlm_conclude(struct ts_tlm *tlm, struct ts_tlm_result *r)
{
    *r = (struct ts_tlm_result){.perplexity = perplexity_score(tlm)};
    r->sample_scores = ts_consistency_scores(tlm);
    r->consistency = mean(r->sample_scores, tlm->resolved.samples);
    r->indicator = ts_consistency_indicator(tlm);
    r->reflection = reflection_score(tlm);
    r->prompt_evaluation = prompt_score(tlm);
    r->score = total(tlm, r);
    if (tlm->options->compat == TS_TLM_REFERENCE && !tlm->error)
        tlm->error = failure(tlm, r);
    r->error = tlm->error;
    if (r->error) {
        r->score = r->consistency = r->indicator = r->reflection = r->prompt_evaluation = NAN;
        return;
    }
    collect_evals(tlm, r);
    ts_structured_fields(tlm, r);
    ts_tlm_explain(tlm, r);
}
