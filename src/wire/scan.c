/* scan.c - the walk, one function a level. */
#include "wire/scan.h"

struct walk {
    const uint8_t *base; /* first byte of the request, for offsets */
    bool strict_ids;
    void (*visit)(void *, const struct ts_span_at *);
    void *arg;
    struct ts_scan *out;
    struct ts_err *err;
};

static bool broken(const struct walk *w, const char *message, const uint8_t *at)
{
    return ts_fail(w->err, TS_INVALID_ARGUMENT,
                   "bytes do not parse as an OTLP trace request: %s is broken at byte %zu", message,
                   (size_t)(at - w->base));
}

/* KeyValue: its value is checked to the bottom, its key only for its place. */
static bool check_attribute(ts_view key_value)
{
    struct ts_cursor c = ts_cursor_of(key_value);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        if (f.number == TS_KV_VALUE && f.wire == TS_WIRE_LEN && !ts_any_check(f.bytes, 0))
            return false;
    }
    return true;
}

/* A message whose only nested part is a list of attributes: Resource, scope, event, link. */
static bool check_holder(ts_view message, uint32_t attributes)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        if (f.number == attributes && f.wire == TS_WIRE_LEN && !check_attribute(f.bytes))
            return false;
    }
    return true;
}

static bool odd_id(ts_view id, size_t size)
{
    static const uint8_t zero[16] = {0};
    return id.len != size || memcmp(id.ptr, zero, size) == 0;
}

static bool check_ids(const struct walk *w, ts_view trace_id, ts_view span_id, const uint8_t *at)
{
    if (!odd_id(trace_id, 16) && !odd_id(span_id, 8))
        return true;
    w->out->odd_ids++;
    if (!w->strict_ids)
        return true;
    return ts_fail(w->err, TS_INVALID_ARGUMENT,
                   "span at byte %zu has a trace id of %zu bytes and a span id of %zu; 16 and 8 "
                   "bytes, not all zero, are required",
                   (size_t)(at - w->base), trace_id.len, span_id.len);
}

static bool walk_span(const struct walk *w, ts_view span)
{
    enum { LINK_ATTRIBUTES = 4 };
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    ts_view trace_id = TS_NOTHING;
    ts_view span_id = TS_NOTHING;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return broken(w, "a span", c.at);
        if (f.wire != TS_WIRE_LEN)
            continue;
        bool ok = true;
        switch (f.number) {
        case TS_SPAN_TRACE_ID:
            trace_id = f.bytes;
            break;
        case TS_SPAN_SPAN_ID:
            span_id = f.bytes;
            break;
        case TS_SPAN_ATTRIBUTES:
            ok = check_attribute(f.bytes);
            break;
        case TS_SPAN_EVENTS:
            ok = check_holder(f.bytes, TS_EVENT_ATTRIBUTES);
            break;
        case TS_SPAN_LINKS:
            ok = check_holder(f.bytes, LINK_ATTRIBUTES);
            break;
        case TS_SPAN_STATUS:
            ok = check_holder(f.bytes, 0);
            break;
        default:
            break;
        }
        if (!ok)
            return broken(w, "an attribute, event, link or status of a span", f.start);
    }
    return check_ids(w, trace_id, span_id, span.ptr);
}

static bool walk_scope_spans(const struct walk *w, ts_view resource_spans, ts_view scope_spans)
{
    enum { SCOPE_ATTRIBUTES = 3 };
    struct ts_cursor c = ts_cursor_of(scope_spans);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return broken(w, "a ScopeSpans", c.at);
        if (f.wire != TS_WIRE_LEN)
            continue;
        if (f.number == TS_SS_SCOPE && !check_holder(f.bytes, SCOPE_ATTRIBUTES))
            return broken(w, "an instrumentation scope", f.start);
        if (f.number != TS_SS_SPANS)
            continue;
        if (!walk_span(w, f.bytes))
            return false;
        if (w->visit) {
            struct ts_span_at at = {resource_spans, scope_spans, f.bytes, f.start, w->out->spans};
            w->visit(w->arg, &at);
        }
        w->out->spans++;
    }
    return true;
}

static bool walk_resource_spans(const struct walk *w, ts_view resource_spans)
{
    struct ts_cursor c = ts_cursor_of(resource_spans);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return broken(w, "a ResourceSpans", c.at);
        if (f.wire != TS_WIRE_LEN)
            continue;
        if (f.number == TS_RS_RESOURCE && !check_holder(f.bytes, TS_RESOURCE_ATTRIBUTES))
            return broken(w, "a resource", f.start);
        if (f.number == TS_RS_SCOPE_SPANS && !walk_scope_spans(w, resource_spans, f.bytes))
            return false;
    }
    return true;
}

bool ts_scan(ts_view request, bool strict_ids, void (*visit)(void *, const struct ts_span_at *),
             void *arg, struct ts_scan *out, struct ts_err *err)
{
    *out = (struct ts_scan){0};
    struct walk w = {request.ptr, strict_ids, visit, arg, out, err};
    struct ts_cursor c = ts_cursor_of(request);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return broken(&w, "the request", c.at);
        if (f.number != TS_REQUEST_RESOURCE_SPANS)
            continue;
        if (f.wire != TS_WIRE_LEN)
            return broken(&w, "resource_spans", f.start);
        if (!walk_resource_spans(&w, f.bytes))
            return false;
    }
    return true;
}

static ts_view first_message(ts_view message, uint32_t number)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == number && f.wire == TS_WIRE_LEN)
            return f.bytes;
    return TS_NOTHING;
}

ts_view ts_span_resource(const struct ts_span_at *at)
{
    return first_message(at->resource_spans, TS_RS_RESOURCE);
}

ts_view ts_span_scope(const struct ts_span_at *at)
{
    return first_message(at->scope_spans, TS_SS_SCOPE);
}
