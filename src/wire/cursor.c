/* cursor.c - varints and tags. */
#include "wire/cursor.h"

bool ts_cursor_varint(struct ts_cursor *c, uint64_t *out)
{
    const uint8_t *p = c->at;
    if (p < c->end && *p < 0x80) { /* nearly always one byte */
        *out = *p;
        c->at = p + 1;
        return true;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && p < c->end; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            c->at = p;
            return true;
        }
    }
    return false;
}

static bool fixed(struct ts_cursor *c, size_t size, uint64_t *out)
{
    if ((size_t)(c->end - c->at) < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)c->at[i] << (8 * i);
    c->at += size;
    return true;
}

static bool field_body(struct ts_cursor *c, struct ts_field *out)
{
    switch (out->wire) {
    case TS_WIRE_VARINT:
        return ts_cursor_varint(c, &out->value);
    case TS_WIRE_I64:
        return fixed(c, 8, &out->value);
    case TS_WIRE_I32:
        return fixed(c, 4, &out->value);
    case TS_WIRE_LEN: {
        uint64_t len;
        if (!ts_cursor_varint(c, &len) || len > (uint64_t)(c->end - c->at))
            return false;
        out->bytes = ts_view_of(c->at, (size_t)len);
        c->at += len;
        return true;
    }
    default:
        return false;
    }
}

bool ts_cursor_next_any(struct ts_cursor *c, struct ts_field *out)
{
    uint64_t tag;
    out->start = c->at;
    out->value = 0;
    out->bytes = TS_NOTHING;
    if (!ts_cursor_varint(c, &tag) || tag > UINT32_MAX || tag < 8) {
        c->at = out->start;
        return false;
    }
    out->number = (uint32_t)(tag >> 3);
    out->wire = (uint32_t)(tag & 7);
    if (field_body(c, out))
        return true;
    c->at = out->start;
    return false;
}
