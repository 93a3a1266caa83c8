#include "llm/dialect/events.h"

static bool starts_with_any(ts_view name, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (ts_view_starts(name, ts_view_str(*prefixes)))
            return true;
    return false;
}

static ts_view event_name(ts_view event)
{
    struct ts_cursor c = ts_cursor_of(event);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_EVENT_NAME && f.wire == TS_WIRE_LEN)
            return f.bytes;
    return TS_NOTHING;
}

bool ts_event_next(struct ts_reader *r, const char *const *prefixes, size_t *at,
                   struct ts_span_event *out)
{
    struct ts_cursor c = ts_cursor_of(ts_view_from(r->span, *at));
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != TS_SPAN_EVENTS || f.wire != TS_WIRE_LEN)
            continue;
        *at = (size_t)(c.at - r->span.ptr);
        out->name = event_name(f.bytes);
        if (!starts_with_any(out->name, prefixes))
            continue;
        ts_attrs_read(r->arena, f.bytes, TS_EVENT_ATTRIBUTES, &out->attrs);
        return true;
    }
    return false;
}
