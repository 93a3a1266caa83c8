/* span.c - the text of an encoded span, redacted: values of attributes wherever they stand, and the
 * status message. Names, ids and times stay. */
#include "llm/redact/redact.h"

#include "base/utf8.h"
#include "wire/encode.h"
#include "wire/otlp.h"

#include <inttypes.h>

enum { LINK_ATTRIBUTES = 4 }; /* Span.Link */

struct rewrite {
    struct ts_redactor *redactor;
    struct ts_arena *arena;
};

/* A message with some of its fields rewritten. True: something in it changed. */
typedef bool rewrite_field(struct rewrite *x, const struct ts_field *f, struct ts_buf *out);

static bool rewrite_message(struct rewrite *x, ts_view message, rewrite_field *field,
                            struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    bool changed = false;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (field(x, &f, out))
            changed = true;
        else
            ts_buf_add_view(out, ts_field_raw(&f, &c));
    }
    return changed;
}

/* A field that is a message itself. */
static bool rewrite_inside(struct rewrite *x, const struct ts_field *f, rewrite_field *field,
                           struct ts_buf *out)
{
    struct ts_buf inner = TS_BUF_INIT;
    bool changed = f->wire == TS_WIRE_LEN && rewrite_message(x, f->bytes, field, &inner);
    if (changed)
        ts_put_bytes(out, f->number, ts_buf_view(&inner));
    ts_buf_release(&inner);
    return changed;
}

static bool rewrite_text(struct rewrite *x, uint32_t number, ts_view text, struct ts_buf *out)
{
    ts_view now;
    ts_redact_text(x->redactor, x->arena, text, &now); /* failed: nothing of it goes on */
    if (now.ptr == text.ptr)
        return false;
    ts_put_bytes(out, number, now);
    return true;
}

static bool rewrite_number(struct rewrite *x, uint64_t value, struct ts_buf *out)
{
    ts_view digits = ts_arena_printf(x->arena, "%" PRId64, (int64_t)value);
    return rewrite_text(x, TS_ANY_STRING, digits, out);
}

static rewrite_field rewrite_key_value;

static bool rewrite_any(struct rewrite *x, const struct ts_field *f, struct ts_buf *out);

static bool rewrite_items(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == TS_LIST_VALUES && rewrite_inside(x, f, rewrite_any, out);
}

static bool rewrite_pairs(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == TS_LIST_VALUES && rewrite_inside(x, f, rewrite_key_value, out);
}

static bool rewrite_any(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    bool text = f->wire == TS_WIRE_LEN && (f->number == TS_ANY_STRING ||
                                           (f->number == TS_ANY_BYTES && ts_utf8_valid(f->bytes)));
    if (text)
        return rewrite_text(x, f->number, f->bytes, out);
    if (f->number == TS_ANY_INT && f->wire == TS_WIRE_VARINT)
        return rewrite_number(x, f->value, out);
    if (f->number == TS_ANY_ARRAY)
        return rewrite_inside(x, f, rewrite_items, out);
    return f->number == TS_ANY_KVLIST && rewrite_inside(x, f, rewrite_pairs, out);
}

static bool rewrite_key_value(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == TS_KV_VALUE && rewrite_inside(x, f, rewrite_any, out);
}

static bool rewrite_event(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == TS_EVENT_ATTRIBUTES && rewrite_inside(x, f, rewrite_key_value, out);
}

static bool rewrite_link(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == LINK_ATTRIBUTES && rewrite_inside(x, f, rewrite_key_value, out);
}

static bool rewrite_status(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    return f->number == TS_STATUS_MESSAGE && f->wire == TS_WIRE_LEN &&
           rewrite_text(x, f->number, f->bytes, out);
}

static bool rewrite_span(struct rewrite *x, const struct ts_field *f, struct ts_buf *out)
{
    switch (f->number) {
    case TS_SPAN_ATTRIBUTES:
        return rewrite_inside(x, f, rewrite_key_value, out);
    case TS_SPAN_EVENTS:
        return rewrite_inside(x, f, rewrite_event, out);
    case TS_SPAN_LINKS:
        return rewrite_inside(x, f, rewrite_link, out);
    case TS_SPAN_STATUS:
        return rewrite_inside(x, f, rewrite_status, out);
    default:
        return false;
    }
}

bool ts_redact_span(struct ts_redactor *r, struct ts_arena *arena, ts_view span, struct ts_buf *out)
{
    struct rewrite x = {r, arena};
    if (rewrite_message(&x, span, rewrite_span, out))
        return true;
    ts_buf_clear(out);
    return false;
}
