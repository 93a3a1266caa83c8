#include "tlm/templates.h"

#include <math.h>

#define JSON_FORM(f) .form = f, .thinking = f, .temperature = NAN
static const struct ts_tlm_template
    certainty = {"certainty",       "score",           0,    NULL, NULL,
                 TS_FORM_SCORE_100, TS_FORM_SCORE_100, true, false},
    knowledge_gap = {"knowledge-gap",   "rating",          0,    NULL, NULL,
                     TS_FORM_RATING_10, TS_FORM_RATING_10, true, false},
    argument = {"argument",        "score",           0,    NULL, NULL,
                TS_FORM_SCORE_100, TS_FORM_SCORE_100, true, false},
    binary_correctness = {"binary-correctness", "choice",           NAN,  "true", "false",
                          TS_FORM_TRUE_FALSE,   TS_FORM_TRUE_FALSE, true, false},
    trustworthiness = {"trustworthiness", "rating",         0,    NULL, NULL,
                       TS_FORM_RATING_5,  TS_FORM_RATING_5, true, false},
    correctness = {"correctness",     "rating",          0,    NULL, NULL,
                   TS_FORM_RATING_10, TS_FORM_RATING_10, true, false},
    rag_certainty = {"rag-certainty",   "score",           0,    NULL, NULL,
                     TS_FORM_SCORE_100, TS_FORM_SCORE_100, true, false},
    rag_argument = {"rag-argument",      "score", 0,    NULL, NULL, TS_FORM_SCORE_10,
                    TS_FORM_SCORE_OF_10, true,    false},
    rag_issues = {"rag-issues",      "score",           0,    NULL, NULL,
                  TS_FORM_SCORE_100, TS_FORM_SCORE_100, true, true},
    class_correctness = {"class-correctness", NULL,       NAN,   "a",  "b",
                         TS_FORM_AB,          TS_FORM_AB, false, false},
    class_scoring = {"class-scoring",      NULL,  0,    NULL, NULL, TS_FORM_RATING_LABEL,
                     TS_FORM_RATING_LABEL, false, false},
    field_accuracy = {.name = "so-field-accuracy", JSON_FORM(TS_FORM_FIELDS_ACCURACY)},
    field_knowledge_gap = {.name = "so-field-knowledge-gap", JSON_FORM(TS_FORM_FIELDS_RATING)},
    per_field_correctness = {.name = "so-per-field-correctness", JSON_FORM(TS_FORM_FIELDS_WORDS)},
    per_field_certainty = {.name = "so-per-field-certainty", JSON_FORM(TS_FORM_FIELDS_SCORES)};

static const struct ts_tlm_template *const qa[] = {
    &certainty, &knowledge_gap, &argument, &binary_correctness, &trustworthiness, &correctness};
static const struct ts_tlm_template *const classification[] = {&class_correctness, &class_scoring};
static const struct ts_tlm_template *const rag[] = {&rag_certainty, &rag_argument, &rag_issues};
static const struct ts_tlm_template *const structured[] = {
    &field_accuracy, &field_knowledge_gap, &argument, &per_field_correctness, &per_field_certainty};

static const struct {
    const struct ts_tlm_template *const *list;
    size_t count;
} lists[] = {/* by workflow */
             {qa, TS_COUNT(qa)},
             {rag, TS_COUNT(rag)},
             {classification, TS_COUNT(classification)},
             {classification, TS_COUNT(classification)},
             {structured, TS_COUNT(structured)}};

const struct ts_tlm_template *const *ts_tlm_templates(enum ts_tlm_workflow workflow, size_t *count)
{
    *count = lists[workflow].count;
    return lists[workflow].list;
}

const char *ts_tlm_template_name(const struct ts_tlm_template *template)
{
    return template->name;
}

bool ts_tlm_is_structured(const struct ts_tlm_template *template)
{
    return template->form >= TS_FORM_FIELDS_ACCURACY;
}
