/* utf8.c - Unicode 15 table 3-7 as code. */
#include "base/utf8.h"

#define REPLACEMENT TS_LIT("\xEF\xBF\xBD")

/* Length of the code point at p, or 0; *bad is how many bytes a replacement stands for. */
static size_t sequence(const uint8_t *p, size_t left, size_t *bad)
{
    uint8_t c = p[0];
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    size_t need;
    *bad = 1;
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c <= 0xDF)
        need = 2;
    else if (c >= 0xE0 && c <= 0xEF)
        need = 3;
    else if (c >= 0xF0 && c <= 0xF4)
        need = 4;
    else
        return 0;
    if (c == 0xE0)
        low = 0xA0;
    else if (c == 0xED)
        high = 0x9F;
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < need; i++) {
        if (i >= left || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return need;
}

size_t ts_utf8_valid_prefix(ts_view v)
{
    size_t i = 0;
    while (i < v.len) {
        while (v.len - i >= 8) { /* eight ASCII bytes at a time */
            uint64_t word;
            memcpy(&word, v.ptr + i, 8);
            if (word & UINT64_C(0x8080808080808080))
                break;
            i += 8;
        }
        if (i == v.len)
            break;
        size_t bad;
        size_t n = sequence(v.ptr + i, v.len - i, &bad);
        if (n == 0)
            return i;
        i += n;
    }
    return i;
}

bool ts_utf8_append_repaired(struct ts_buf *out, ts_view v)
{
    while (v.len > 0) {
        size_t good = ts_utf8_valid_prefix(v);
        if (!ts_buf_add(out, v.ptr, good))
            return false;
        v = ts_view_from(v, good);
        if (v.len == 0)
            break;
        size_t bad;
        sequence(v.ptr, v.len, &bad);
        if (!ts_buf_add_view(out, REPLACEMENT))
            return false;
        v = ts_view_from(v, bad);
    }
    return true;
}

ts_view ts_utf8_repair(struct ts_arena *arena, ts_view v)
{
    if (ts_utf8_valid(v))
        return v;
    struct ts_buf out = TS_BUF_INIT;
    ts_utf8_append_repaired(&out, v);
    ts_view copy = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return copy;
}

size_t ts_utf8_length(ts_view v)
{
    size_t count = 0;
    for (size_t i = 0; i < v.len; count++) {
        size_t bad;
        size_t n = sequence(v.ptr + i, v.len - i, &bad);
        i += n ? n : bad;
    }
    return count;
}

ts_view ts_utf8_prefix(ts_view v, size_t chars)
{
    size_t i = 0;
    for (; i < v.len && chars > 0; chars--) {
        size_t bad;
        size_t n = sequence(v.ptr + i, v.len - i, &bad);
        i += n ? n : bad;
    }
    return ts_view_cut(v, 0, i);
}
