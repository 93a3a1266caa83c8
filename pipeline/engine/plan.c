/* plan.c - from the tree of a file to components with settings (otlp-and-collector.md 2.2). */
#include "pipeline/engine/plan.h"

#include "pipeline/engine/plan_internal.h"

const char *const ts_plan_sections[TS_SECTIONS] = {"receivers", "processors", "scorers",
                                                   "exporters", "extensions"};

/* ---- service ---- */

static bool read_service(struct ts_planning *m)
{
    const struct ts_node *node = ts_node_get(m->root, "service");
    return ts_settings_load(m->plan->arena, ts_service_table, node, "service", &m->plan->service,
                            m->err);
}

/* ---- one component ---- */

bool ts_plan_is_id(ts_view id)
{
    size_t slash = ts_view_find(id, TS_LIT("/"));
    ts_view type = ts_view_cut(id, 0, slash);
    ts_view name = slash == SIZE_MAX ? TS_LIT("x") : ts_view_from(id, slash + 1);
    if (type.len == 0 || type.len > 63 || name.len == 0 || name.len > 1024)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || name.ptr[i] == '"')
            return false;
    for (size_t i = 0; i < type.len; i++) {
        uint8_t c = type.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(i > 0 && (c == '_' || (c >= '0' && c <= '9'))))
            return false;
    }
    return true;
}

static bool unknown_type(struct ts_planning *m, enum ts_component_kind kind,
                         const struct ts_node *node)
{
    struct ts_buf known = TS_BUF_INIT;
    const char *words[32];
    size_t n = 0;
    for (size_t i = 0; ts_components[i]; i++)
        if (ts_components[i]->kind == kind && n < TS_COUNT(words)) {
            ts_buf_printf(&known, "%s%s", n ? ", " : "", ts_components[i]->type);
            words[n++] = ts_components[i]->type;
        }
    ts_view type = ts_view_cut(node->key, 0, ts_view_find(node->key, TS_LIT("/")));
    const char *near = ts_nearest(type, words, n);
    ts_node_error_at_key(m->err, node, ts_plan_sections[kind]);
    ts_fail(m->err, TS_INVALID_ARGUMENT, "unknown %s '" TS_FMT "'%s%s%s; known are %s",
            ts_component_kind_name(kind), TS_ARG(ts_view_cut(type, 0, 60)),
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
            ts_buf_cstr(&known));
    ts_buf_release(&known);
    return false;
}

bool ts_plan_error_at(struct ts_planning *m, const struct ts_planned *p, const char *setting)
{
    const struct ts_node *node = ts_node_at(p->node, setting);
    const char *path = (const char *)ts_arena_printf(m->plan->arena, "%s%s%s", p->path,
                                                     *setting ? "::" : "", setting)
                           .ptr;
    if (!node)
        node = p->node;
    return node ? ts_node_error_at(m->err, node, path) : ts_fail_in(m->err, "%s", path);
}

bool ts_plan_check(struct ts_planning *m, const struct ts_planned *p)
{
    char setting[sizeof m->err->where];
    m->err->where[0] = '\0';
    if (!p->component->check || p->component->check(p->config, m->err))
        return true;
    memcpy(setting, m->err->where, sizeof setting);
    return ts_plan_error_at(m, p, setting);
}

struct ts_planned *ts_plan_add(struct ts_planning *m, const struct ts_component *component,
                               ts_view id, const struct ts_node *node)
{
    struct ts_arena *arena = m->plan->arena;
    struct ts_planned *p = ts_arena_alloc(arena, sizeof *p);
    p->component = component;
    p->id = (const char *)ts_arena_copy(arena, id).ptr;
    p->path =
        (const char *)ts_arena_printf(arena, "%s::%s", ts_plan_sections[component->kind], p->id)
            .ptr;
    p->node = node;
    p->config = ts_arena_alloc(arena, component->config_size);
    if (!ts_settings_load(arena, component->settings, node, p->path, p->config, m->err))
        return NULL;
    *m->tail = p;
    m->tail = &p->next;
    return p;
}

static bool read_section(struct ts_planning *m, enum ts_component_kind kind)
{
    const struct ts_node *section = ts_node_get(m->root, ts_plan_sections[kind]);
    if (section && section->kind != TS_NODE_MAP && section->kind != TS_NODE_NULL) {
        ts_node_error_at(m->err, section, ts_plan_sections[kind]);
        return ts_fail(m->err, TS_INVALID_ARGUMENT, "a map of ids is wanted here");
    }
    for (const struct ts_node *n = section ? section->first : NULL; n; n = n->next) {
        ts_view id = ts_view_trim(n->key);
        if (!ts_plan_is_id(id)) {
            ts_node_error_at(m->err, n, ts_plan_sections[kind]);
            return ts_fail(m->err, TS_INVALID_ARGUMENT,
                           "'" TS_FMT "' is no id; write type or type/name",
                           TS_ARG(ts_view_cut(id, 0, 80)));
        }
        ts_view type = ts_view_cut(id, 0, ts_view_find(id, TS_LIT("/")));
        const struct ts_component *component = ts_component_find(kind, type);
        if (!component)
            return unknown_type(m, kind, n);
        if (!ts_plan_add(m, component, id, n))
            return false;
    }
    return true;
}

static bool check_top(struct ts_planning *m)
{
    static const char *const known[] = {"receivers", "processors", "scorers",
                                        "exporters", "extensions", "service"};
    for (const struct ts_node *n = m->root ? m->root->first : NULL; n; n = n->next) {
        bool ok = false;
        for (size_t i = 0; i < TS_COUNT(known); i++)
            ok = ok || ts_view_is(n->key, known[i]);
        if (ok)
            continue;
        const char *near = ts_nearest(n->key, known, TS_COUNT(known));
        ts_node_error_at_key(m->err, n, "");
        return ts_fail(m->err, TS_INVALID_ARGUMENT, "unknown key '" TS_FMT "'; %s%s%s",
                       TS_ARG(ts_view_cut(n->key, 0, 60)),
                       near ? "did you mean '"
                            : "known keys are receivers, processors, scorers, "
                              "exporters, extensions, service",
                       near ? near : "", near ? "'?" : "");
    }
    return true;
}

/* ---- the whole ---- */

struct ts_planned *ts_plan_find(struct ts_plan *plan, enum ts_component_kind kind, ts_view id)
{
    for (struct ts_planned *p = plan->components; p; p = p->next)
        if (p->component->kind == kind && ts_view_is(id, p->id))
            return p;
    return NULL;
}

/* Extensions are in no pipeline: the service itself uses them. */
static bool is_used(const struct ts_plan *plan, const struct ts_planned *p)
{
    return p->used ||
           (p->component->kind == TS_EXTENSION && plan->service.storage != TS_STORAGE_NONE);
}

static bool check_used(struct ts_planning *m)
{
    for (struct ts_planned *p = m->plan->components; p; p = p->next)
        if (is_used(m->plan, p) && !ts_plan_check(m, p))
            return false;
    return true;
}

struct ts_plan *ts_plan_scoring(struct ts_arena *arena, const struct ts_node *root,
                                struct ts_err *err)
{
    struct ts_plan *plan = ts_arena_alloc(arena, sizeof *plan);
    plan->arena = arena;
    struct ts_planning m = {plan, root, &plan->components, err};
    return check_top(&m) && read_section(&m, TS_SCORER) ? plan : NULL;
}

struct ts_plan *ts_plan_make(struct ts_arena *arena, const struct ts_node *root, struct ts_err *err)
{
    struct ts_plan *plan = ts_arena_alloc(arena, sizeof *plan);
    plan->arena = arena;
    struct ts_planning m = {plan, root, &plan->components, err};
    if (!check_top(&m) || !read_service(&m))
        return NULL;
    for (size_t kind = 0; kind < TS_SECTIONS; kind++)
        if (!read_section(&m, (enum ts_component_kind)kind))
            return NULL;
    if (!ts_plan_fill_in(&m) || !ts_plan_connect(&m) || !check_used(&m) ||
        !ts_plan_check_circle(&m) || !ts_plan_name_scorers(&m))
        return NULL;
    *err = (struct ts_err){0};
    return plan;
}
