/* plan_scorers.c - which scorers are used: those that processors name, `auto` made out, and those that a
 * rule wants with another preset. */
#include "pipeline/engine/plan_internal.h"
#include "pipeline/processor.h"

#include <stdlib.h>

struct ts_planned *ts_plan_scorer(struct ts_plan *plan, const char *id, struct ts_err *err)
{
    struct ts_planning m = {.plan = plan, .tail = &plan->components, .err = err};
    while (*m.tail)
        m.tail = &(*m.tail)->next;
    if (strcmp(id, "auto") == 0) {
        const char *hosted = getenv("CLEANLAB_TLM_API_KEY");
        const char *judge = getenv("OPENAI_API_KEY");
        id = hosted && *hosted ? "cleanlab" : judge && *judge ? "tlm" : "local";
    }
    struct ts_planned *p = ts_plan_find(plan, TS_SCORER, ts_view_str(id));
    if (!p) {
        ts_view type = ts_view_cut(ts_view_str(id), 0, ts_view_find(ts_view_str(id), TS_LIT("/")));
        const struct ts_component *component = ts_component_find(TS_SCORER, type);
        if (!component || strchr(id, '/')) {
            ts_fail(
                err, TS_INVALID_ARGUMENT,
                "scorer '%s' is not defined; use auto, local, tlm, cleanlab or an id under scorers",
                id);
            return NULL;
        }
        p = ts_plan_add(&m, component, ts_view_str(id), NULL);
    }
    if (p && !ts_plan_check(&m, p))
        return NULL;
    if (p)
        p->used = true;
    return p;
}

/* A scorer with another preset is a scorer of its own. No id in a file has a space in it, so this one's
 * is taken by nobody. */
static struct ts_planned *with_preset(struct ts_planning *m, const struct ts_planned *p,
                                      const char *preset)
{
    struct ts_arena *arena = m->plan->arena;
    ts_view id = ts_arena_printf(arena, "%s preset %s", p->id, preset);
    struct ts_planned *made = ts_plan_find(m->plan, TS_SCORER, id);
    if (made)
        return made;
    struct ts_node over = {.kind = TS_NODE_MAP};
    struct ts_node *value = ts_arena_alloc(arena, sizeof *value);
    *value = (struct ts_node){.kind = TS_NODE_SCALAR,
                              .key = TS_LIT("preset"),
                              .text = ts_view_str(preset),
                              .quoted = true,
                              .file = ""};
    over.first = value;
    struct ts_node none = {.kind = TS_NODE_MAP};
    struct ts_node *base =
        p->node && p->node->kind == TS_NODE_MAP ? (struct ts_node *)(uintptr_t)p->node : &none;
    while (*m->tail)
        m->tail = &(*m->tail)->next;
    made = ts_plan_add(m, p->component, id, ts_node_merge(arena, base, &over));
    if (!made || !ts_plan_check(m, made))
        return NULL;
    made->used = true;
    return made;
}

struct naming {
    struct ts_planning *making;
    const struct ts_planned *processor;
};

static bool name_scorer(void *arg, const char **id, const char *preset, const char *block)
{
    struct naming *x = arg;
    struct ts_planning *m = x->making;
    struct ts_planned *named = ts_plan_scorer(m->plan, *id, m->err);
    struct ts_planned *chosen = named && preset ? with_preset(m, named, preset) : named;
    if (!chosen) {
        const char *setting =
            (const char *)ts_arena_printf(m->plan->arena, "%s%s%s", block, *block ? "::" : "",
                                          named ? "preset" : "scorer")
                .ptr;
        return ts_plan_error_at(m, x->processor, setting);
    }
    *id = chosen->id;
    if (!m->plan->trust_scorer)
        m->plan->trust_scorer = chosen->id;
    return true;
}

bool ts_plan_name_scorers(struct ts_planning *m)
{
    for (struct ts_planned *p = m->plan->components; p; p = p->next) {
        const struct ts_processor *processor = (const void *)p->component;
        struct naming x = {m, p};
        if (p->component->kind == TS_PROCESSOR && p->used && processor->scorers &&
            !processor->scorers(p->config, name_scorer, &x))
            return false;
    }
    return true;
}
