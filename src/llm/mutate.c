#include "llm/mutate.h"

#include "json/json.h"
#include "wire/encode.h"
#include "wire/otlp.h"

#include <inttypes.h>

enum { MOST_NESTED = 3 }; /* JSON in a string in JSON */

/* ---- which inputs there are ---- */

/* Places in flattened lists as '*': "a.0.b" and "a.1.b" are one thing to a reader. */
static ts_view without_places(struct ts_arena *arena, ts_view key)
{
    struct ts_buf out = TS_BUF_INIT;
    while (key.len > 0) {
        size_t end = ts_view_find(key, TS_LIT("."));
        ts_view part = ts_view_cut(key, 0, end);
        int64_t number;
        ts_buf_add_view(&out, ts_view_to_int64(part, &number) ? TS_LIT("*") : part);
        if (end != SIZE_MAX)
            ts_buf_add_byte(&out, '.');
        key = end == SIZE_MAX ? TS_NOTHING : ts_view_from(key, end + 1);
    }
    ts_view copy = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return copy;
}

struct inputs {
    struct ts_arena *arena;
    struct ts_input *items;
    size_t count, room;
};

static void add(struct inputs *x, ts_view label, const uint8_t *field, const uint8_t *inner)
{
    x->items = ts_arena_more(x->arena, x->items, x->count, &x->room, sizeof *x->items);
    x->items[x->count++] = (struct ts_input){label, field, inner};
}

static void add_event(struct inputs *x, const struct ts_field *event)
{
    struct ts_cursor c = ts_cursor_of(event->bytes);
    struct ts_field f;
    struct ts_attr attr;
    ts_view name = TS_NOTHING;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_EVENT_NAME)
            name = f.bytes;
    c = ts_cursor_of(event->bytes);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == TS_EVENT_NAME)
            add(x, ts_arena_printf(x->arena, "event " TS_FMT, TS_ARG(name)), event->start, f.start);
        else if (f.number == TS_EVENT_ATTRIBUTES && ts_attr_read(f.bytes, &attr))
            add(x,
                ts_arena_printf(x->arena, "event " TS_FMT ": " TS_FMT, TS_ARG(name),
                                TS_ARG(attr.key)),
                event->start, f.start);
    }
}

void ts_inputs_read(struct ts_arena *arena, ts_view span, struct ts_input **out, size_t *count)
{
    struct inputs x = {.arena = arena};
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    struct ts_attr attr;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == TS_SPAN_ATTRIBUTES && ts_attr_read(f.bytes, &attr))
            add(&x, without_places(arena, attr.key), f.start, NULL);
        else if (f.number == TS_SPAN_EVENTS)
            add_event(&x, &f);
        else if (f.number == TS_SPAN_NAME)
            add(&x, TS_LIT("span name"), f.start, NULL);
        else if (f.number == TS_SPAN_STATUS)
            add(&x, TS_LIT("status"), f.start, NULL);
        else if (f.number == TS_SPAN_DROPPED_ATTRIBUTES)
            add(&x, TS_LIT("dropped_attributes_count"), f.start, NULL);
    }
    *out = x.items;
    *count = x.count;
}

/* ---- changing one ---- */

struct mutation {
    struct ts_arena *arena;
    bool whole;
};

static ts_view mutate_text(const struct mutation *v, ts_view text, int nested);

static void mutate_json(const struct mutation *v, cJSON *item, int nested)
{
    if (cJSON_IsString(item))
        cJSON_SetValuestring(item,
                             (const char *)mutate_text(v, ts_json_text(item), nested + 1).ptr);
    else if (cJSON_IsNumber(item))
        cJSON_SetNumberValue(item, item->valuedouble + 1);
    else if (cJSON_IsBool(item))
        item->type = cJSON_IsTrue(item) ? cJSON_False : cJSON_True;
    for (cJSON *child = item->child; child; child = child->next)
        mutate_json(v, child, nested);
}

static ts_view mutate_json_text(const struct mutation *v, ts_view text, int nested)
{
    cJSON *tree = ts_json_parse(text, NULL, &(struct ts_err){0});
    if (!tree)
        return TS_NOTHING;
    ts_view before = ts_json_print(v->arena, tree);
    mutate_json(v, tree, nested);
    ts_view after = ts_json_print(v->arena, tree);
    cJSON_Delete(tree);
    return ts_view_eq(before, after) ? TS_NOTHING : after;
}

static ts_view mutate_text(const struct mutation *v, ts_view text, int nested)
{
    ts_view inner = ts_view_trim(text);
    ts_view changed = TS_NOTHING;
    int64_t number;
    if (v->whole)
        return inner.len > 1 && inner.ptr[0] == '{'   ? TS_LIT("{\"~\":0}")
               : inner.len > 1 && inner.ptr[0] == '[' ? TS_LIT("[\"~\"]")
                                                      : TS_LIT("~");
    if (ts_view_to_int64(inner, &number) && number < INT64_MAX)
        return ts_arena_printf(v->arena, "%" PRId64, number + 1);
    if (inner.len > 1 && memchr("{[\"", inner.ptr[0], 3) && nested < MOST_NESTED)
        changed = mutate_json_text(v, text, nested);
    if (changed.len > 0)
        return changed;
    uint8_t *longer = ts_arena_alloc(v->arena, text.len + 2);
    if (text.len)
        memcpy(longer, text.ptr, text.len);
    longer[text.len] = '~';
    return ts_view_of(longer, text.len + 1);
}

static void mutate_any(const struct mutation *v, ts_view any, struct ts_buf *out);

/* The fields `number` of a message are messages themselves, and are changed by `mutate`; others stay. */
static void mutate_inside(const struct mutation *v, ts_view message, uint32_t number,
                          void (*mutate)(const struct mutation *, ts_view, struct ts_buf *),
                          struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != number || f.wire != TS_WIRE_LEN) {
            ts_buf_add_view(out, ts_field_raw(&f, &c));
            continue;
        }
        struct ts_buf inner = TS_BUF_INIT;
        mutate(v, f.bytes, &inner);
        ts_put_bytes(out, number, ts_buf_view(&inner));
        ts_buf_release(&inner);
    }
}

static void mutate_pair(const struct mutation *v, ts_view pair, struct ts_buf *out)
{
    mutate_inside(v, pair, TS_KV_VALUE, mutate_any, out);
}

static void mutate_any(const struct mutation *v, ts_view any, struct ts_buf *out)
{
    struct ts_any value;
    struct ts_buf list = TS_BUF_INIT;
    if (!ts_any_read(any, &value))
        return;
    switch (value.type) {
    case TS_ANY_STRING:
    case TS_ANY_BYTES:
        ts_put_bytes(out, (uint32_t)value.type, mutate_text(v, value.bytes, 0));
        break;
    case TS_ANY_BOOL:
    case TS_ANY_INT:
        ts_put_tag(out, (uint32_t)value.type, TS_WIRE_VARINT);
        ts_put_varint(out, value.type == TS_ANY_BOOL ? !value.i : (uint64_t)value.i + 1);
        break;
    case TS_ANY_DOUBLE:
        value.d += 1;
        uint64_t bits;
        memcpy(&bits, &value.d, sizeof bits);
        ts_put_fixed64(out, TS_ANY_DOUBLE, bits);
        break;
    case TS_ANY_ARRAY:
    case TS_ANY_KVLIST:
        mutate_inside(v, value.bytes, TS_LIST_VALUES,
                      value.type == TS_ANY_ARRAY ? mutate_any : mutate_pair, &list);
        ts_put_bytes(out, (uint32_t)value.type, ts_buf_view(&list));
        ts_buf_release(&list);
        break;
    default:
        break;
    }
}

static void mutate_status(ts_view status, struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(status);
    struct ts_field f;
    uint64_t code = 0;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_STATUS_CODE)
            code = f.value;
    ts_put_tag(out, TS_STATUS_CODE, TS_WIRE_VARINT);
    ts_put_varint(out, code == TS_STATUS_CODE_ERROR ? 0 : TS_STATUS_CODE_ERROR);
}

static void mutate_event(const struct mutation *v, ts_view event, const uint8_t *inner,
                         struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(event);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        struct ts_buf pair = TS_BUF_INIT;
        if (f.start != inner) {
            ts_buf_add_view(out, ts_field_raw(&f, &c));
        } else if (f.number == TS_EVENT_NAME) {
            ts_put_bytes(out, f.number, mutate_text(v, f.bytes, 0));
        } else {
            mutate_pair(v, f.bytes, &pair);
            ts_put_bytes(out, f.number, ts_buf_view(&pair));
        }
        ts_buf_release(&pair);
    }
}

/* What the field holds, changed. */
static void mutate_field(const struct mutation *v, const struct ts_field *f,
                         const struct ts_input *input, struct ts_buf *out)
{
    switch (f->number) {
    case TS_SPAN_ATTRIBUTES:
        mutate_pair(v, f->bytes, out);
        break;
    case TS_SPAN_EVENTS:
        mutate_event(v, f->bytes, input->inner, out);
        break;
    case TS_SPAN_STATUS:
        mutate_status(f->bytes, out);
        break;
    default:
        ts_buf_add_view(out, mutate_text(v, f->bytes, 0));
        break;
    }
}

bool ts_input_mutate(struct ts_arena *arena, ts_view span, const struct ts_input *input, bool whole,
                     struct ts_buf *out)
{
    const struct mutation v = {arena, whole};
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.start != input->field) {
            ts_buf_add_view(out, ts_field_raw(&f, &c));
        } else if (f.number == TS_SPAN_DROPPED_ATTRIBUTES) {
            ts_put_tag(out, f.number, TS_WIRE_VARINT);
            ts_put_varint(out, f.value == 0);
        } else {
            struct ts_buf content = TS_BUF_INIT;
            mutate_field(&v, &f, input, &content);
            ts_put_bytes(out, f.number, ts_buf_view(&content));
            ts_buf_release(&content);
        }
    }
    return !ts_view_eq(ts_buf_view(out), span);
}

/* ---- taking some out ---- */

/* Is the part that begins here among them? The inputs stand in the order of the span. */
static bool is_out(const struct ts_input *inputs, size_t from, size_t to, const uint8_t *field,
                   const uint8_t *inner)
{
    for (size_t i = from; i < to && inputs[i].field <= field; i++)
        if (inputs[i].field == field && inputs[i].inner == inner)
            return true;
    return false;
}

static void remove_in_event(const struct ts_field *event, const struct ts_input *inputs,
                            size_t from, size_t to, struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(event->bytes);
    struct ts_field f;
    struct ts_buf left = TS_BUF_INIT;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (!is_out(inputs, from, to, event->start, f.start))
            ts_buf_add_view(&left, ts_field_raw(&f, &c));
    ts_put_bytes(out, event->number, ts_buf_view(&left));
    ts_buf_release(&left);
}

void ts_inputs_remove(ts_view span, const struct ts_input *inputs, size_t from, size_t to,
                      struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == TS_SPAN_EVENTS)
            remove_in_event(&f, inputs, from, to, out);
        else if (!is_out(inputs, from, to, f.start, NULL))
            ts_buf_add_view(out, ts_field_raw(&f, &c));
    }
}
