#include "tlm/presets.h"

#include "tlm/templates.h"

/* ---- names ---- */

const char *ts_tlm_preset_name(enum ts_tlm_preset preset)
{
    static const char *const names[] = {"base", "low", "medium", "high", "best"};
    return names[preset];
}

const char *ts_tlm_effort_name(enum ts_tlm_effort effort)
{
    static const char *const names[] = {"none", "low", "medium", "high"};
    return names[effort];
}

const char *ts_tlm_measure_name(enum ts_tlm_measure measure)
{
    static const char *const names[] = {"jaccard", "embedding_small", "embedding_large", "code",
                                        "statement"};
    return names[measure];
}

const char *ts_tlm_workflow_name(enum ts_tlm_workflow workflow)
{
    static const char *const names[] = {"qa", "rag", "classification", "binary_classification",
                                        "structured_output_scoring"};
    return names[workflow];
}

ts_view ts_tlm_undated(ts_view model)
{
    static const char *const shapes[] = {"-dddd-dd-dd", "-dddddddd"};
    for (size_t i = 0; i < TS_COUNT(shapes); i++) {
        size_t n = strlen(shapes[i]);
        bool fits = model.len > n;
        for (size_t k = 0; fits && k < n; k++) {
            uint8_t c = model.ptr[model.len - n + k];
            fits = shapes[i][k] == 'd' ? c >= '0' && c <= '9' : c == '-';
        }
        if (fits)
            return ts_view_cut(model, 0, model.len - n);
    }
    return model;
}

/* ---- default evaluations (§10); the criteria are our own words ---- */

static const struct ts_tlm_eval defaults[] = {
    {TS_LIT("context_sufficiency"),
     TS_LIT("Everything that a complete answer to every part of the Question needs can be read in "
            "the Document. Nothing has to be added from general knowledge, and nothing has to be "
            "assumed."),
     TS_LIT("Question"), TS_LIT("Document"), TS_NOTHING},
    {TS_LIT("response_groundedness"),
     TS_LIT("Each fact that the Response claims is stated in the Context itself. A Response that "
            "leaves something out is still grounded; one that adds a fact, however plausible, is "
            "not."),
     TS_LIT("Query"), TS_LIT("Context"), TS_LIT("Response")},
    {TS_LIT("response_helpfulness"),
     TS_LIT("The AI Assistant Response makes a real attempt to answer the User Query, whether or "
            "not the answer is right. To refuse, to evade, or to say that one does not know, is "
            "not helpful."),
     TS_LIT("User Query"), TS_NOTHING, TS_LIT("AI Assistant Response")},
    {TS_LIT("query_ease"),
     TS_LIT("The User Request is clear, simple, and can be fulfilled. It is not ambiguous, no "
            "trick, not out of the ordinary, not angry. That background is missing does not count "
            "against it, and small talk is easy."),
     TS_LIT("User Request"), TS_NOTHING, TS_NOTHING},
};

/* ---- weights (§12) ---- */

static const struct row {
    const char *model; /* NULL: any other */
    struct ts_tlm_weights weights;
} default_rows[] = {{"gpt-3.5-turbo-16k", {.51, .05, .17, 0, .27}},
                    {"gpt-4", {.48, .01, .30, 0, .21}},
                    {"gpt-4o", {.68, .01, .20, 0, .11}},
                    {"gpt-4o-mini", {.51, .01, .30, 0, .18}},
                    {"o1-preview", {.69, .01, .30, 0, 0}},
                    {"claude-3-haiku", {.69, .01, .30, 0, 0}},
                    {"claude-3-sonnet", {.59, .01, .40, 0, 0}},
                    {"claude-3.5-sonnet", {.40, .01, .59, 0, 0}},
                    {NULL, {.32, .01, .47, 0, .20}}},
  rag_rows[] = {{"o1-preview", {.353, .009, .578, .06, 0}},
                {"claude-3-haiku", {.353, .009, .578, .06, 0}},
                {"claude-3-sonnet", {.353, .009, .578, .06, 0}},
                {"claude-3.5-sonnet", {.353, .009, .578, .06, 0}},
                {NULL, {.10, .001, .639, .06, .20}}};

/* Inference profiles of Bedrock that are one of the models above (§5.5). */
static const struct {
    const char *profile, *name;
} profiles[] = {{"us.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"},
                {"us.anthropic.claude-3-sonnet-20240229-v1:0", "claude-3-sonnet"},
                {"us.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-3.5-sonnet"}};

static const struct row *weights_of(enum ts_tlm_compat compat, enum ts_tlm_workflow workflow,
                                    ts_view model)
{
    const struct row *row = workflow == TS_TLM_RAG ? rag_rows : default_rows;
    /* D13: the reference has replaced Claude's names by their profiles, which have no row */
    bool unknown = compat == TS_TLM_REFERENCE && ts_view_starts(model, TS_LIT("claude-"));
    if (compat == TS_TLM_RECOMMENDED) /* spans name the version that answered */
        model = ts_tlm_undated(model);
    for (size_t i = 0; compat == TS_TLM_RECOMMENDED && i < TS_COUNT(profiles); i++)
        if (ts_view_is(model, profiles[i].profile))
            model = ts_view_str(profiles[i].name);
    while (row->model && (unknown || !ts_view_is(model, row->model)))
        row++;
    return row;
}

/* ---- presets ---- */

static enum ts_tlm_workflow workflow_of(const struct ts_tlm_options *o,
                                        const struct ts_tlm_input *in)
{
    bool empty_counts = o->compat == TS_TLM_REFERENCE; /* D24 */
    if (in->structured)
        return TS_TLM_STRUCTURED;
    if (in->has_context && (in->context.len > 0 || empty_counts))
        return TS_TLM_RAG;
    if (o->label_count == 2)
        return TS_TLM_BINARY;
    return o->label_count > 0 ? TS_TLM_CLASSIFICATION : TS_TLM_QA;
}

static enum ts_tlm_effort effort_of(const struct ts_tlm_options *o, enum ts_tlm_workflow workflow)
{
    bool structured = workflow == TS_TLM_STRUCTURED;
    enum ts_tlm_effort effort =
        structured && o->preset > TS_TLM_LOW ? TS_TLM_HIGH_EFFORT : TS_TLM_NONE;
    if (o->effort != TS_TLM_UNSET)
        effort = (enum ts_tlm_effort)o->effort;
    if (o->compat == TS_TLM_RECOMMENDED && structured && effort == TS_TLM_NONE) /* D12 */
        effort = TS_TLM_HIGH_EFFORT;
    return effort;
}

static enum ts_tlm_measure measure_of(const struct ts_tlm_options *o, enum ts_tlm_workflow workflow)
{
    static const enum ts_tlm_measure defaults_of[] = {TS_TLM_STATEMENT, TS_TLM_CODE,
                                                      TS_TLM_EMBEDDING_SMALL,
                                                      TS_TLM_EMBEDDING_LARGE, TS_TLM_JACCARD};
    if (o->measure != TS_TLM_UNSET)
        return (enum ts_tlm_measure)o->measure;
    if (o->compat == TS_TLM_RECOMMENDED && workflow == TS_TLM_RAG) /* D14 */
        return TS_TLM_STATEMENT;
    return defaults_of[workflow];
}

/* D1: the reference takes the first n only when n > 1. */
static size_t reflections_of(const struct ts_tlm_options *o, enum ts_tlm_workflow workflow,
                             size_t all)
{
    int n = o->reflections;
    if (n == TS_TLM_UNSET)
        n = o->preset == TS_TLM_LOW && workflow == TS_TLM_RAG ? 2 : -1;
    if (n < 0 || (o->compat == TS_TLM_REFERENCE && n <= 1))
        return all;
    return (size_t)n < all ? (size_t)n : all;
}

void ts_tlm_resolve(const struct ts_tlm_options *o, const struct ts_tlm_input *in,
                    struct ts_tlm_resolved *out)
{
    *out = (struct ts_tlm_resolved){.workflow = workflow_of(o, in)};
    out->effort = effort_of(o, out->workflow);
    out->measure = measure_of(o, out->workflow);
    out->by_label = o->label_count > 0;
    out->samples = o->samples != TS_TLM_UNSET ? o->samples
                   : o->preset == TS_TLM_BEST ? 8
                   : o->preset == TS_TLM_HIGH ? 4
                                              : 0;
    out->prompt_evaluation = o->prompt_evaluation != TS_TLM_UNSET
                                 ? o->prompt_evaluation != 0
                                 : out->workflow == TS_TLM_RAG && o->preset != TS_TLM_BASE;
    out->templates = ts_tlm_templates(out->workflow, &out->template_count);
    out->template_count = reflections_of(o, out->workflow, out->template_count);
    const struct row *row = weights_of(o->compat, out->workflow, in->model);
    out->weights = row->weights;
    out->weights_row = row->model ? row->model : "gpt-4.1-mini";
    if (o->has_evals) {
        out->evals = o->evals;
        out->eval_count = o->eval_count;
    } else if (out->workflow == TS_TLM_RAG) {
        out->evals = defaults;
        out->eval_count = TS_COUNT(defaults);
    }
}
