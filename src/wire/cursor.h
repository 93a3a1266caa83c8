/* cursor.h - one step at a time over protobuf bytes, never past their end, without allocating.
 * Format: https://protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) are
 * refused: OTLP has none and protobuf-c does not read them either. */
#ifndef TS_WIRE_CURSOR_H
#define TS_WIRE_CURSOR_H

#include "base/view.h"

enum ts_wire { TS_WIRE_VARINT = 0, TS_WIRE_I64 = 1, TS_WIRE_LEN = 2, TS_WIRE_I32 = 5 };

struct ts_cursor {
    const uint8_t *at, *end;
};

struct ts_field {
    uint32_t number;      /* 1 … 2^29-1 */
    uint32_t wire;        /* enum ts_wire */
    uint64_t value;       /* VARINT, I64, I32 */
    ts_view bytes;        /* LEN: the content */
    const uint8_t *start; /* first byte of the tag; the field ends where the cursor stands */
};

static inline struct ts_cursor ts_cursor_of(ts_view v)
{
    return (struct ts_cursor){v.ptr, v.ptr ? v.ptr + v.len : v.ptr};
}

static inline bool ts_cursor_done(const struct ts_cursor *c)
{
    return c->at == c->end;
}

/* Reads a varint of at most ten bytes; false at the end or when it is longer. */
bool ts_cursor_varint(struct ts_cursor *c, uint64_t *out);
bool ts_cursor_next_any(struct ts_cursor *c, struct ts_field *out);

/* Reads the next field. False: the bytes do not parse (call only while !ts_cursor_done). After a
 * false the cursor stands at the bad field's first byte. Nearly all fields of a span have a tag and a
 * length of one byte each: they are read here, the others by ts_cursor_next_any, which reads all. */
static inline bool ts_cursor_next(struct ts_cursor *c, struct ts_field *out)
{
    const uint8_t *at = c->at;
    bool brief = c->end - at >= 2 && (at[0] & 0x87) == TS_WIRE_LEN && at[0] >= 8 && at[1] < 0x80;
    if (!brief || at[1] > c->end - at - 2)
        return ts_cursor_next_any(c, out);
    *out = (struct ts_field){at[0] >> 3, TS_WIRE_LEN, 0, ts_view_of(at + 2, at[1]), at};
    c->at = at + 2 + at[1];
    return true;
}

static inline ts_view ts_field_raw(const struct ts_field *f, const struct ts_cursor *c)
{
    return ts_view_of(f->start, (size_t)(c->at - f->start));
}

/* IEEE bits of an I64 field. */
static inline double ts_field_double(const struct ts_field *f)
{
    double d;
    memcpy(&d, &f->value, sizeof d);
    return d;
}

#endif
