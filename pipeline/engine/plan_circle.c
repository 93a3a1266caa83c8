/* plan_circle.c - no exporter may send to where a receiver listens. */
#include "net/endpoint.h"
#include "pipeline/engine/plan_internal.h"

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
bool ts_plan_check_circle(struct ts_planning *m)
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
