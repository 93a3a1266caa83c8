/* templates.h - what is asked, and how the answer is read: one row a template (§7). */
#ifndef TS_TLM_TEMPLATES_H
#define TS_TLM_TEMPLATES_H

#include "tlm/parse.h"

struct ts_tlm_template {
    const char *name;     /* "certainty"; also the prompt's file */
    const char *tag;      /* of the result; NULL: a label or JSON */
    double temperature;   /* NaN: the reference sends none */
    const char *yes, *no; /* choice tokens (§7.4); NULL: none */
    enum ts_tlm_form form;
    enum ts_tlm_form thinking; /* the same, when the judge is asked to think first */
    bool thinks;               /* has a variant that thinks first */
    bool issues;               /* its thoughts are a list of <issues> */
};

/* The reflections of a workflow in the order of §7.1. */
const struct ts_tlm_template *const *ts_tlm_templates(enum ts_tlm_workflow workflow, size_t *count);
/* Is the reply JSON with one entry a field? */
bool ts_tlm_is_structured(const struct ts_tlm_template *template);

#endif
