/* attrs.c - reading attributes; see attrs.h. */
#include "llm/attrs.h"

#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

enum { HIGHEST_INDEX = 1000000 }; /* a larger number is part of a name, not a place in a list */

void ts_attrs_read(struct ts_arena *arena, ts_view message, uint32_t number, struct ts_attrs *out)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    size_t count = 0;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        count += f.number == number && f.wire == TS_WIRE_LEN;
    out->items = ts_arena_alloc(arena, count * sizeof *out->items);
    out->count = 0;
    c = ts_cursor_of(message);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == number && f.wire == TS_WIRE_LEN &&
            ts_attr_read(f.bytes, &out->items[out->count]))
            out->count++;
}

const struct ts_any *ts_attrs_get(const struct ts_attrs *attrs, const char *key)
{
    ts_view wanted = ts_view_str(key);
    for (size_t i = 0; i < attrs->count; i++)
        if (ts_view_eq(attrs->items[i].key, wanted))
            return &attrs->items[i].value;
    return NULL;
}

ts_view ts_any_text(const struct ts_any *any)
{
    if (!any)
        return TS_NOTHING;
    bool text =
        any->type == TS_ANY_STRING || (any->type == TS_ANY_BYTES && ts_utf8_valid(any->bytes));
    return text ? any->bytes : TS_NOTHING;
}

ts_view ts_attrs_text(const struct ts_attrs *attrs, const char *key)
{
    return ts_any_text(ts_attrs_get(attrs, key));
}

bool ts_any_int64(const struct ts_any *any, int64_t *out)
{
    if (!any)
        return false;
    if (any->type == TS_ANY_INT) {
        *out = any->i;
        return true;
    }
    if (any->type == TS_ANY_DOUBLE && any->d == floor(any->d) && fabs(any->d) < 9e15) {
        *out = (int64_t)any->d;
        return true;
    }
    return any->type == TS_ANY_STRING && ts_view_to_int64(ts_view_trim(any->bytes), out);
}

bool ts_any_double(const struct ts_any *any, double *out)
{
    int64_t i;
    if (any && any->type == TS_ANY_DOUBLE) {
        *out = any->d;
        return true;
    }
    if (!ts_any_int64(any, &i))
        return false;
    *out = (double)i;
    return true;
}

bool ts_any_true(const struct ts_any *any)
{
    ts_view text = ts_any_text(any);
    return any && ((any->type == TS_ANY_BOOL && any->i) || ts_view_eq_nocase(text, TS_LIT("true")));
}

/* ---- flattened lists ---- */

/* "<i>.suffix" or "<i>" behind a prefix. */
static bool split_index(ts_view rest, int64_t *index, ts_view *suffix)
{
    size_t n = 0;
    while (n < rest.len && rest.ptr[n] >= '0' && rest.ptr[n] <= '9')
        n++;
    bool ends = n == rest.len || rest.ptr[n] == '.';
    if (n == 0 || n > 7 || !ends || !ts_view_to_int64(ts_view_cut(rest, 0, n), index))
        return false;
    *suffix = n < rest.len ? ts_view_from(rest, n + 1) : TS_NOTHING;
    return *index <= HIGHEST_INDEX;
}

static int by_index(const void *a, const void *b)
{
    const struct ts_indexed_attr *x = a;
    const struct ts_indexed_attr *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void sort(struct ts_indexed_attrs *indexed)
{
    for (size_t i = 1; i < indexed->count; i++)
        if (indexed->items[i].index < indexed->items[i - 1].index) {
            qsort(indexed->items, indexed->count, sizeof *indexed->items, by_index);
            return;
        }
}

static void add_flat(struct ts_indexed_attrs *out, ts_view key, ts_view prefix,
                     const struct ts_any *value)
{
    struct ts_indexed_attr attr = {.value = value, .place = out->count};
    if (ts_view_starts(key, prefix) &&
        split_index(ts_view_from(key, prefix.len), &attr.index, &attr.suffix))
        out->items[out->count++] = attr;
}

void ts_attrs_indexed(struct ts_arena *arena, const struct ts_attrs *attrs, const char *prefix,
                      struct ts_indexed_attrs *out)
{
    ts_view wanted = ts_view_str(prefix);
    size_t most = 0;
    for (size_t i = 0; i < attrs->count; i++)
        most += ts_view_starts(attrs->items[i].key, wanted);
    *out = (struct ts_indexed_attrs){most ? ts_arena_alloc(arena, most * sizeof *out->items) : NULL,
                                     0};
    for (size_t i = 0; i < attrs->count && most; i++)
        add_flat(out, attrs->items[i].key, wanted, &attrs->items[i].value);
    sort(out);
}

void ts_indexed_attrs_below(struct ts_arena *arena, const struct ts_indexed_attrs *from,
                            const char *prefix, struct ts_indexed_attrs *out)
{
    ts_view wanted = ts_view_str(prefix);
    size_t most = 0;
    for (size_t i = 0; i < from->count; i++)
        most += ts_view_starts(from->items[i].suffix, wanted);
    *out = (struct ts_indexed_attrs){most ? ts_arena_alloc(arena, most * sizeof *out->items) : NULL,
                                     0};
    for (size_t i = 0; i < from->count && most; i++)
        add_flat(out, from->items[i].suffix, wanted, from->items[i].value);
    sort(out);
}

bool ts_indexed_attrs_next(struct ts_indexed_attrs *rest, struct ts_indexed_attrs *one)
{
    if (rest->count == 0)
        return false;
    size_t n = 1;
    while (n < rest->count && rest->items[n].index == rest->items[0].index)
        n++;
    *one = (struct ts_indexed_attrs){rest->items, n};
    rest->items += n;
    rest->count -= n;
    return true;
}

const struct ts_any *ts_indexed_attrs_get(const struct ts_indexed_attrs *one, const char *suffix)
{
    for (size_t i = 0; i < one->count; i++)
        if (ts_view_is(one->items[i].suffix, suffix))
            return one->items[i].value;
    return NULL;
}

ts_view ts_indexed_attrs_text(const struct ts_indexed_attrs *one, const char *suffix)
{
    return ts_any_text(ts_indexed_attrs_get(one, suffix));
}

bool ts_any_next(struct ts_cursor *items, struct ts_any *out)
{
    struct ts_field f;
    while (!ts_cursor_done(items) && ts_cursor_next(items, &f))
        if (f.number == TS_LIST_VALUES && f.wire == TS_WIRE_LEN)
            return ts_any_read(f.bytes, out);
    return false;
}
