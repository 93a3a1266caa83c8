/* hex.c - digits from a table, both ways; no format string is read for each byte. */
#include "base/hex.h"

static void put_digits(ts_view bytes, uint8_t *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[bytes.ptr[i] & 15];
    }
}

bool ts_hex_add(struct ts_buf *out, ts_view bytes)
{
    uint8_t *room = ts_buf_reserve(out, 2 * bytes.len);
    if (!room)
        return false;
    put_digits(bytes, room);
    out->len += 2 * bytes.len;
    return true;
}

ts_view ts_hex_copy(struct ts_arena *arena, ts_view bytes)
{
    uint8_t *text = ts_arena_alloc(arena, 2 * bytes.len + 1);
    put_digits(bytes, text);
    return ts_view_of(text, 2 * bytes.len);
}

static int value_of(uint8_t digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

bool ts_hex_read(ts_view text, struct ts_buf *out)
{
    uint8_t *room = text.len % 2 == 0 ? ts_buf_reserve(out, text.len / 2) : NULL;
    if (!room)
        return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = value_of(text.ptr[i]);
        int low = value_of(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        room[i / 2] = (uint8_t)(high << 4 | low);
    }
    out->len += text.len / 2;
    return true;
}
