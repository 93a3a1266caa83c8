/* plan_internal.h - a plan while it is made; for the files of plan alone. */
#ifndef TS_ENGINE_PLAN_INTERNAL_H
#define TS_ENGINE_PLAN_INTERNAL_H

#include "pipeline/engine/plan.h"

struct ts_planning {
    struct ts_plan *plan;
    const struct ts_node *root;
    struct ts_planned **tail;
    struct ts_err *err;
};

/* Adds a component with the settings of `node` (NULL: defaults) at the end; NULL: they are not good. */
struct ts_planned *ts_plan_add(struct ts_planning *m, const struct ts_component *component,
                               ts_view id, const struct ts_node *node);
struct ts_planned *ts_plan_find(struct ts_plan *plan, enum ts_component_kind kind, ts_view id);
/* where = file:line:column and path of a setting ("rules[1]::preset"; "": the component). False. */
bool ts_plan_error_at(struct ts_planning *m, const struct ts_planned *p, const char *setting);
/* The component's own rules across its settings. */
bool ts_plan_check(struct ts_planning *m, const struct ts_planned *p);
/* Finds or adds every scorer that a processor names, and puts its id where it was named. */
bool ts_plan_name_scorers(struct ts_planning *m);

#endif
