/* plan_internal.h - a plan while it is made; for the files of plan alone:
 *     plan.c            the whole, and one component        plan_service.c    settings of the service
 *     plan_defaults.c   what a file leaves out              plan_pipelines.c  what is connected with what
 *     plan_scorers.c    which scorers are used              plan_circle.c     what would go round for ever */
#ifndef TS_ENGINE_PLAN_INTERNAL_H
#define TS_ENGINE_PLAN_INTERNAL_H

#include "pipeline/engine/plan.h"

struct ts_planning {
    struct ts_plan *plan;
    const struct ts_node *root;
    struct ts_planned **tail;
    struct ts_err *err;
};

/* Names of the sections, by enum ts_component_kind. */
enum { TS_SECTIONS = TS_EXTENSION + 1 };
extern const char *const ts_plan_sections[TS_SECTIONS];

/* type or type/name, as the collector has it (otlp-and-collector.md 2.2). */
bool ts_plan_is_id(ts_view id);
/* Adds a component with the settings of `node` (NULL: defaults) at the end; NULL: they are not good. */
struct ts_planned *ts_plan_add(struct ts_planning *m, const struct ts_component *component,
                               ts_view id, const struct ts_node *node);
struct ts_planned *ts_plan_find(struct ts_plan *plan, enum ts_component_kind kind, ts_view id);
/* where = file:line:column and path of a setting ("rules[1]::preset"; "": the component). False. */
bool ts_plan_error_at(struct ts_planning *m, const struct ts_planned *p, const char *setting);
/* The component's own rules across its settings. */
bool ts_plan_check(struct ts_planning *m, const struct ts_planned *p);

/* Adds what is left out. */
bool ts_plan_fill_in(struct ts_planning *m);
/* The pipelines; marks the components in them as used. */
bool ts_plan_connect(struct ts_planning *m);
/* Finds or adds every scorer that a processor names, and puts its id where it was named. */
bool ts_plan_name_scorers(struct ts_planning *m);
/* Refuses what would send to itself. */
bool ts_plan_check_circle(struct ts_planning *m);

#endif
