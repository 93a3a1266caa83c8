/* plan_pipelines.c - what is connected with what: the pipelines of the file, or one of all that it defines. */
#include "pipeline/engine/plan_internal.h"

static void add_to(struct ts_planning *m, struct ts_planned_list *list, const struct ts_planned *p)
{
    const struct ts_planned **longer =
        ts_arena_alloc(m->plan->arena, (list->count + 1) * sizeof *longer);
    for (size_t i = 0; i < list->count; i++)
        longer[i] = list->list[i];
    longer[list->count++] = p;
    list->list = longer;
}

static bool is_in(const struct ts_planned_list *list, const struct ts_planned *p)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i] == p)
            return true;
    return false;
}

/* The ids of one list of a pipeline. */
static bool read_list(struct ts_planning *m, const struct ts_node *pipeline,
                      enum ts_component_kind kind, bool needed, struct ts_planned_list *out)
{
    const struct ts_node *list = ts_node_get(pipeline, ts_plan_sections[kind]);
    for (const struct ts_node *n = list ? list->first : NULL; n; n = n->next) {
        struct ts_planned *p = ts_plan_find(m->plan, kind, n->text);
        ts_node_error_at(m->err, n, "service::pipelines");
        if (!p)
            return ts_fail(m->err, TS_INVALID_ARGUMENT, "%s '" TS_FMT "' is not defined under %s",
                           ts_component_kind_name(kind), TS_ARG(ts_view_cut(n->text, 0, 80)),
                           ts_plan_sections[kind]);
        if (is_in(out, p))
            return ts_fail(m->err, TS_INVALID_ARGUMENT, "%s '%s' stands there twice",
                           ts_component_kind_name(kind), p->id);
        p->used = true;
        add_to(m, out, p);
    }
    if (out->count > 0 || !needed)
        return true;
    ts_node_error_at(m->err, pipeline, "service::pipelines");
    return ts_fail(m->err, TS_INVALID_ARGUMENT, "a pipeline needs at least one %s",
                   ts_component_kind_name(kind));
}

static bool check_pipeline_keys(struct ts_planning *m, const struct ts_node *pipeline)
{
    static const char *const lists[] = {"receivers", "processors", "exporters"};
    for (const struct ts_node *n = pipeline->first; n; n = n->next) {
        bool ok = false;
        for (size_t i = 0; i < TS_COUNT(lists); i++)
            ok = ok || ts_view_is(n->key, lists[i]);
        ts_node_error_at(m->err, n,
                         (const char *)ts_arena_printf(m->plan->arena,
                                                       "service::pipelines::" TS_FMT,
                                                       TS_ARG(ts_view_cut(pipeline->key, 0, 60)))
                             .ptr);
        if (!ok)
            return ts_fail(m->err, TS_INVALID_ARGUMENT,
                           "unknown key '" TS_FMT
                           "'; known keys are receivers, processors, exporters",
                           TS_ARG(ts_view_cut(n->key, 0, 60)));
        if (n->kind != TS_NODE_LIST)
            return ts_fail(m->err, TS_INVALID_ARGUMENT, "a list of ids is wanted here");
    }
    return true;
}

/* "traces" or "traces/name". */
static const struct ts_signal *signal_of(struct ts_planning *m, const struct ts_node *pipeline)
{
    ts_view key = pipeline->key;
    const struct ts_signal *signal =
        ts_signal_find(ts_view_cut(key, 0, ts_view_find(key, TS_LIT("/"))));
    if (signal && ts_plan_is_id(key))
        return signal;
    if (signal) {
        ts_node_error_at(m->err, pipeline, "service::pipelines");
        ts_fail(m->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is no id; write %s or %s/name",
                TS_ARG(ts_view_cut(key, 0, 80)), signal->name, signal->name);
        return NULL;
    }
    struct ts_buf known = TS_BUF_INIT;
    for (size_t i = 0; ts_signals[i]; i++)
        ts_buf_printf(&known, "%s%s", i ? ", " : "", ts_signals[i]->name);
    ts_node_error_at(m->err, pipeline, "service::pipelines");
    ts_fail(m->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is not served; only %s are",
            TS_ARG(ts_view_cut(key, 0, 60)), ts_buf_cstr(&known));
    ts_buf_release(&known);
    return NULL;
}

static struct ts_planned_pipeline *add_pipeline(struct ts_planning *m,
                                                const struct ts_signal *signal, ts_view id)
{
    struct ts_planned_pipeline **tail = &m->plan->pipelines;
    struct ts_planned_pipeline *p = ts_arena_alloc(m->plan->arena, sizeof *p);
    p->id = (const char *)ts_arena_copy(m->plan->arena, id).ptr;
    p->signal = signal;
    while (*tail)
        tail = &(*tail)->next;
    *tail = p;
    return p;
}

static bool read_pipelines(struct ts_planning *m)
{
    const struct ts_node *all = m->plan->service.pipelines;
    ts_node_error_at(m->err, all, "service::pipelines");
    if (all->kind != TS_NODE_MAP || !all->first)
        return ts_fail(m->err, TS_INVALID_ARGUMENT,
                       "at least one pipeline is wanted: traces: {receivers, exporters}");
    for (const struct ts_node *n = all->first; n; n = n->next) {
        const struct ts_signal *signal = signal_of(m, n);
        if (!signal || !check_pipeline_keys(m, n))
            return false;
        struct ts_planned_pipeline *p = add_pipeline(m, signal, n->key);
        if (!read_list(m, n, TS_RECEIVER, true, &p->receivers) ||
            !read_list(m, n, TS_PROCESSOR, false, &p->processors) ||
            !read_list(m, n, TS_EXPORTER, true, &p->exporters))
            return false;
    }
    return true;
}

/* No pipelines in the file: one of all that is defined, in the order of the file. */
static void connect_all(struct ts_planning *m)
{
    struct ts_planned_pipeline *all =
        add_pipeline(m, ts_signals[0], ts_view_str(ts_signals[0]->name));
    for (struct ts_planned *p = m->plan->components; p; p = p->next) {
        struct ts_planned_list *list = p->component->kind == TS_RECEIVER    ? &all->receivers
                                       : p->component->kind == TS_PROCESSOR ? &all->processors
                                       : p->component->kind == TS_EXPORTER  ? &all->exporters
                                                                            : NULL;
        if (!list)
            continue;
        p->used = true;
        add_to(m, list, p);
    }
}

bool ts_plan_connect(struct ts_planning *m)
{
    if (m->plan->service.pipelines)
        return read_pipelines(m);
    connect_all(m);
    return true;
}
