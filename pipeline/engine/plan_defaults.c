/* plan_defaults.c - what a file leaves out: no receivers means otlp, no processors and no pipelines trust, no
 * file at all the drop-in in front of Phoenix. */
#include "net/endpoint.h"
#include "pipeline/engine/plan_internal.h"

#include <stdlib.h>

static bool has_kind(const struct ts_plan *plan, enum ts_component_kind kind)
{
    for (const struct ts_planned *p = plan->components; p; p = p->next)
        if (p->component->kind == kind)
            return true;
    return false;
}

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

bool ts_plan_fill_in(struct ts_planning *m)
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
