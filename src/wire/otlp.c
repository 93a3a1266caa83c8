/* otlp.c - KeyValue and AnyValue. */
#include "wire/otlp.h"

bool ts_any_read(ts_view any_value, struct ts_any *out)
{
    struct ts_cursor c = ts_cursor_of(any_value);
    struct ts_field f;
    *out = (struct ts_any){0};
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        static const uint32_t wire[] = {0,           TS_WIRE_LEN, TS_WIRE_VARINT, TS_WIRE_VARINT,
                                        TS_WIRE_I64, TS_WIRE_LEN, TS_WIRE_LEN,    TS_WIRE_LEN};
        if (f.number >= TS_COUNT(wire) || f.wire != wire[f.number])
            continue; /* unknown to us: carried along, read as nothing */
        *out = (struct ts_any){.type = (int)f.number, .bytes = f.bytes};
        if (f.number == TS_ANY_DOUBLE)
            out->d = ts_field_double(&f);
        else if (f.number == TS_ANY_BOOL)
            out->i = f.value != 0;
        else
            out->i = (int64_t)f.value;
    }
    return true;
}

bool ts_attr_read(ts_view key_value, struct ts_attr *out)
{
    struct ts_cursor c = ts_cursor_of(key_value);
    struct ts_field f;
    ts_view value = TS_NOTHING;
    out->key = TS_NOTHING;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        if (f.wire != TS_WIRE_LEN)
            continue;
        if (f.number == TS_KV_KEY)
            out->key = f.bytes;
        else if (f.number == TS_KV_VALUE)
            value = f.bytes;
    }
    return ts_any_read(value, &out->value);
}

/* Items of an ArrayValue (AnyValue each) or a KeyValueList (KeyValue each). */
static bool check_list(ts_view list, bool pairs, int depth)
{
    struct ts_cursor c = ts_cursor_of(list);
    struct ts_field f;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        if (f.number != TS_LIST_VALUES || f.wire != TS_WIRE_LEN)
            continue;
        if (!pairs) {
            if (!ts_any_check(f.bytes, depth))
                return false;
            continue;
        }
        struct ts_cursor kv = ts_cursor_of(f.bytes);
        while (!ts_cursor_done(&kv)) {
            if (!ts_cursor_next(&kv, &f))
                return false;
            if (f.number == TS_KV_VALUE && f.wire == TS_WIRE_LEN && !ts_any_check(f.bytes, depth))
                return false;
        }
    }
    return true;
}

bool ts_any_check(ts_view any_value, int depth)
{
    struct ts_cursor c = ts_cursor_of(any_value);
    struct ts_field f;
    if (depth >= TS_ANY_MAX_DEPTH)
        return false;
    while (!ts_cursor_done(&c)) {
        if (!ts_cursor_next(&c, &f))
            return false;
        if (f.wire != TS_WIRE_LEN)
            continue;
        if ((f.number == TS_ANY_ARRAY && !check_list(f.bytes, false, depth + 1)) ||
            (f.number == TS_ANY_KVLIST && !check_list(f.bytes, true, depth + 1)))
            return false;
    }
    return true;
}
