/* encode.c - lengths are computed first, so nothing is moved afterwards. */
#include "wire/encode.h"

size_t ts_varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

bool ts_put_varint(struct ts_buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return ts_buf_add(out, bytes, n);
}

bool ts_put_tag(struct ts_buf *out, uint32_t number, enum ts_wire wire)
{
    return ts_put_varint(out, (uint64_t)number << 3 | wire);
}

bool ts_put_bytes(struct ts_buf *out, uint32_t number, ts_view bytes)
{
    return ts_put_tag(out, number, TS_WIRE_LEN) && ts_put_varint(out, bytes.len) &&
           ts_buf_add_view(out, bytes);
}

static bool put_fixed(struct ts_buf *out, uint32_t number, enum ts_wire wire, uint64_t value,
                      size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return ts_put_tag(out, number, wire) && ts_buf_add(out, bytes, size);
}

bool ts_put_fixed32(struct ts_buf *out, uint32_t number, uint32_t value)
{
    return put_fixed(out, number, TS_WIRE_I32, value, 4);
}

bool ts_put_fixed64(struct ts_buf *out, uint32_t number, uint64_t value)
{
    return put_fixed(out, number, TS_WIRE_I64, value, 8);
}

static size_t bytes_size(size_t len) /* with a one-byte tag */
{
    return 1 + ts_varint_size(len) + len;
}

/* KeyValue up to and with the head of its AnyValue, whose content has `any` bytes. */
static bool put_attr_head(struct ts_buf *out, uint32_t number, ts_view key, size_t any)
{
    return ts_put_tag(out, number, TS_WIRE_LEN) &&
           ts_put_varint(out, bytes_size(key.len) + bytes_size(any)) &&
           ts_put_bytes(out, TS_KV_KEY, key) && ts_put_tag(out, TS_KV_VALUE, TS_WIRE_LEN) &&
           ts_put_varint(out, any);
}

bool ts_put_attr_text(struct ts_buf *out, uint32_t number, ts_view key, ts_view text)
{
    return put_attr_head(out, number, key, bytes_size(text.len)) &&
           ts_put_bytes(out, TS_ANY_STRING, text);
}

bool ts_put_attr_double(struct ts_buf *out, uint32_t number, ts_view key, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_attr_head(out, number, key, 9) && ts_put_fixed64(out, TS_ANY_DOUBLE, bits);
}

bool ts_put_attr_int(struct ts_buf *out, uint32_t number, ts_view key, int64_t value)
{
    return put_attr_head(out, number, key, 1 + ts_varint_size((uint64_t)value)) &&
           ts_put_tag(out, TS_ANY_INT, TS_WIRE_VARINT) && ts_put_varint(out, (uint64_t)value);
}
