/* plan.c - from the tree of a file to components with settings (otlp-and-collector.md 2.2).
 * What a file leaves out is filled in: no receivers means otlp, no service means one pipeline of all
 * that is defined, no file at all means the drop-in in front of Phoenix. */
#include "pipeline/engine/plan.h"

#include "net/endpoint.h"
#include "pipeline/engine/plan_internal.h"
#include "pipeline/scorer.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const sections[] = {"receivers", "processors", "scorers", "exporters",
                                       "extensions"};

/* ---- service ---- */

#define AT(field) offsetof(struct ts_service_config, field)
static const struct ts_setting metrics_table[] = {
    {.key = "endpoint",
     .kind = TS_TEXT,
     .offset = 0,
     .default_text = "${env:TRUSTSPAN_METRICS_ENDPOINT:-localhost:8888}",
     .help = "where GET /metrics is served; empty: nowhere"},
    {0},
};
static const struct ts_setting logs_table[] = {
    {.key = "level",
     .kind = TS_TEXT,
     .offset = 0,
     .default_text = "info",
     .help = "debug, info, warn or error"},
    {0},
};
static const struct ts_setting telemetry_table[] = {
    {.key = "metrics",
     .kind = TS_BLOCK,
     .offset = AT(telemetry.metrics) - AT(telemetry),
     .sub = metrics_table,
     .help = "counters"},
    {.key = "logs",
     .kind = TS_BLOCK,
     .offset = AT(telemetry.logs) - AT(telemetry),
     .sub = logs_table,
     .help = "on standard error"},
    {0},
};
const struct ts_setting ts_service_table[] = {
    {.key = "extensions", .kind = TS_TEXTS, .offset = AT(extensions), .help = "ids to start"},
    {.key = "pipelines",
     .kind = TS_TREE,
     .offset = AT(pipelines),
     .help =
         "traces, traces/name: {receivers, processors, exporters}; left out: one of all that is "
         "defined"},
    {.key = "storage",
     .kind = TS_ENUM,
     .offset = AT(storage),
     .default_text = "file_storage",
     .choices = "file_storage|none",
     .help = "none keeps waiting requests in memory only"},
    {.key = "memory_limit",
     .kind = TS_SIZE,
     .offset = AT(memory_limit),
     .default_text = "64MiB",
     .min = "1MiB",
     .max = "1024GiB",
     .help = "of requests in memory; the rest waits on disk"},
    {.key = "loops",
     .kind = TS_INT,
     .offset = AT(loops),
     .default_text = "1",
     .min = "1",
     .max = "64",
     .help = "threads that score and patch"},
    {.key = "grpc_threads",
     .kind = TS_INT,
     .offset = AT(grpc_threads),
     .default_text = "1",
     .min = "1",
     .max = "64",
     .help = "threads of gRPC"},
    {.key = "shutdown_timeout",
     .kind = TS_DURATION,
     .offset = AT(shutdown_timeout),
     .default_text = "25s",
     .min = "1s",
     .max = "1h",
     .help = "for a graceful stop"},
    {.key = "telemetry",
     .kind = TS_BLOCK,
     .offset = AT(telemetry),
     .sub = telemetry_table,
     .help = "of trustspan itself"},
    {0},
};

static bool read_service(struct ts_planning *m)
{
    const struct ts_node *node = ts_node_get(m->root, "service");
    return ts_settings_load(m->plan->arena, ts_service_table, node, "service", &m->plan->service,
                            m->err);
}

/* ---- one component ---- */

static bool is_id(ts_view id)
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
    ts_node_error_at_key(m->err, node, sections[kind]);
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
    p->path = (const char *)ts_arena_printf(arena, "%s::%s", sections[component->kind], p->id).ptr;
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
    const struct ts_node *section = ts_node_get(m->root, sections[kind]);
    if (section && section->kind != TS_NODE_MAP && section->kind != TS_NODE_NULL) {
        ts_node_error_at(m->err, section, sections[kind]);
        return ts_fail(m->err, TS_INVALID_ARGUMENT, "a map of ids is wanted here");
    }
    for (const struct ts_node *n = section ? section->first : NULL; n; n = n->next) {
        ts_view id = ts_view_trim(n->key);
        if (!is_id(id)) {
            ts_node_error_at(m->err, n, sections[kind]);
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

/* ---- what is connected ---- */

struct ts_planned *ts_plan_find(struct ts_plan *plan, enum ts_component_kind kind, ts_view id)
{
    for (struct ts_planned *p = plan->components; p; p = p->next)
        if (p->component->kind == kind && ts_view_is(id, p->id))
            return p;
    return NULL;
}

static bool has_kind(const struct ts_plan *plan, enum ts_component_kind kind)
{
    for (const struct ts_planned *p = plan->components; p; p = p->next)
        if (p->component->kind == kind)
            return true;
    return false;
}

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
    const struct ts_node *list = ts_node_get(pipeline, sections[kind]);
    for (const struct ts_node *n = list ? list->first : NULL; n; n = n->next) {
        struct ts_planned *p = ts_plan_find(m->plan, kind, n->text);
        ts_node_error_at(m->err, n, "service::pipelines");
        if (!p)
            return ts_fail(m->err, TS_INVALID_ARGUMENT, "%s '" TS_FMT "' is not defined under %s",
                           ts_component_kind_name(kind), TS_ARG(ts_view_cut(n->text, 0, 80)),
                           sections[kind]);
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
    if (signal)
        return signal;
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

/* ---- defaults ---- */

static struct ts_planned *add_default(struct ts_planning *m, enum ts_component_kind kind,
                                      const char *type, const char *yaml)
{
    struct ts_node *node =
        ts_node_parse(m->plan->arena, "default configuration", ts_view_str(yaml), m->err);
    if (!node)
        return NULL;
    return ts_plan_add(m, ts_component_find(kind, ts_view_str(type)), ts_view_str(type), node);
}

/* host:port of the gRPC side of what PHOENIX_COLLECTOR_ENDPOINT or OTEL_EXPORTER_OTLP_* name:
 * Phoenix's own rule is the URL's host on PHOENIX_GRPC_PORT, unless the URL says 4317 (phoenix.md
 * 5.2). */
static const char *default_target(struct ts_arena *arena)
{
    static const char *const names[] = {"PHOENIX_COLLECTOR_ENDPOINT",
                                        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                                        "OTEL_EXPORTER_OTLP_ENDPOINT"};
    const char *port = getenv("PHOENIX_GRPC_PORT");
    ts_view url = TS_NOTHING;
    size_t which = 0;
    for (; which < TS_COUNT(names) && url.len == 0; which++)
        url = ts_view_str(getenv(names[which]));
    if (url.len == 0)
        return (const char *)ts_arena_printf(arena, "http://localhost:%s", port ? port : "4317")
            .ptr;
    if (which > 1) /* OTEL_*: used as it is */
        return (const char *)ts_arena_copy(arena, url).ptr;
    struct ts_endpoint e = ts_endpoint_of(url);
    bool v6 = ts_view_find(e.host, TS_LIT(":")) != SIZE_MAX;
    return (const char *)ts_arena_printf(
               arena, v6 ? TS_FMT "://[" TS_FMT "]:%s" : TS_FMT "://" TS_FMT ":%s",
               TS_ARG(e.scheme.len > 0 ? e.scheme : TS_LIT("http")), TS_ARG(e.host),
               port ? port : "4317")
        .ptr;
}

static bool default_exporters(struct ts_planning *m)
{
    struct ts_arena *arena = m->plan->arena;
    const char *root = getenv("PHOENIX_ENDPOINT");
    if (!root || !*root)
        root = getenv("PHOENIX_COLLECTOR_ENDPOINT");
    if (!root || !*root)
        root = "http://localhost:6006";
    ts_view grpc = ts_arena_printf(
        arena, "{endpoint: \"%s\", headers: {%s}}", default_target(arena),
        getenv("PHOENIX_API_KEY") ? "authorization: \"Bearer ${env:PHOENIX_API_KEY}\"" : "");
    ts_view rest = ts_arena_printf(arena, "{endpoint: \"%s\"}", root);
    return add_default(m, TS_EXPORTER, "otlp_grpc", (const char *)grpc.ptr) &&
           add_default(m, TS_EXPORTER, "phoenix", (const char *)rest.ptr);
}

static bool fill_in(struct ts_planning *m)
{
    struct ts_plan *plan = m->plan;
    bool drop_in = !has_kind(plan, TS_EXPORTER) && !has_kind(plan, TS_RECEIVER);
    if (!has_kind(plan, TS_RECEIVER) &&
        !add_default(m, TS_RECEIVER, "otlp", "{protocols: {grpc: {}}}"))
        return false;
    if (!has_kind(plan, TS_PROCESSOR) && !plan->service.pipelines &&
        !add_default(m, TS_PROCESSOR, "trust", "{}"))
        return false;
    if (drop_in && !default_exporters(m))
        return false;
    if (!has_kind(plan, TS_EXPORTER))
        return ts_fail(m->err, TS_INVALID_ARGUMENT,
                       "no exporter is defined; add exporters: {otlp_grpc: {endpoint: host:4317}}");
    if (!has_kind(plan, TS_EXTENSION) && plan->service.storage == TS_STORAGE_FILE &&
        !add_default(m, TS_EXTENSION, "file_storage", "{}"))
        return false;
    return true;
}

/* ---- rules across components ---- */

/* A text setting by its dotted key, whatever the component; NULL: it has none. */
static const char *text_setting(const struct ts_planned *p, const char *dotted)
{
    const struct ts_setting *row = p->component->settings;
    const char *at = p->config;
    while (row->key) {
        size_t len = strcspn(dotted, ".");
        if (strlen(row->key) != len || strncmp(row->key, dotted, len) != 0) {
            row++;
            continue;
        }
        at += row->offset;
        if (row->kind == TS_TEXT)
            return *(const char *const *)(const void *)at;
        if (row->kind != TS_BLOCK || dotted[len] == '\0')
            return NULL;
        dotted += len + 1;
        row = row->sub;
    }
    return NULL;
}

/* The names of this machine are one: none. */
static ts_view host_of(const struct ts_endpoint *e)
{
    static const char *const here[] = {"localhost", "127.0.0.1", "0.0.0.0", "::", "::1"};
    for (size_t i = 0; i < TS_COUNT(here); i++)
        if (ts_view_is(e->host, here[i]))
            return TS_NOTHING;
    return e->host;
}

static bool is_same_place(const char *one, const char *other)
{
    struct ts_endpoint a = ts_endpoint_of(ts_view_str(one));
    struct ts_endpoint b = ts_endpoint_of(ts_view_str(other));
    if (a.port.len == 0 || b.port.len == 0) /* a unix socket, or what no rule knows */
        return ts_view_eq(a.path, b.path) && ts_view_eq(a.address, b.address);
    return ts_view_eq(a.port, b.port) && ts_view_eq(host_of(&a), host_of(&b));
}

/* Spans sent to oneself would go round for ever. */
static bool check_circle(struct ts_planning *m)
{
    for (const struct ts_planned *x = m->plan->components; x; x = x->next) {
        const char *to =
            x->used && x->component->kind == TS_EXPORTER ? text_setting(x, "endpoint") : NULL;
        for (const struct ts_planned *r = m->plan->components; to && r; r = r->next) {
            const char *from = r->used && r->component->kind == TS_RECEIVER
                                   ? text_setting(r, "protocols.grpc.endpoint")
                                   : NULL;
            if (!from || !is_same_place(from, to))
                continue;
            ts_fail_in(m->err, "%s::endpoint", x->path);
            return ts_fail(m->err, TS_INVALID_ARGUMENT,
                           "'%s' is where trustspan itself listens; name the backend's OTLP port "
                           "(drop-in: move Phoenix with PHOENIX_GRPC_PORT=4327, for both)",
                           to);
        }
    }
    return true;
}

static bool check_used(struct ts_planning *m)
{
    for (struct ts_planned *p = m->plan->components; p; p = p->next)
        if (p->used && !ts_plan_check(m, p))
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
    for (size_t kind = 0; kind < TS_COUNT(sections); kind++)
        if (!read_section(&m, (enum ts_component_kind)kind))
            return NULL;
    if (!fill_in(&m))
        return NULL;
    if (!plan->service.pipelines)
        connect_all(&m);
    else if (!read_pipelines(&m))
        return NULL;
    if (!check_used(&m) || !check_circle(&m) || !ts_plan_name_scorers(&m))
        return NULL;
    *err = (struct ts_err){0};
    return plan;
}
