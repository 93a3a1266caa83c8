/* view.c - the few view operations that need a loop. */
#include "base/view.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool ts_view_starts_nocase(ts_view v, ts_view prefix)
{
    if (v.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (lower(v.ptr[i]) != lower(prefix.ptr[i]))
            return false;
    return true;
}

bool ts_view_eq_nocase(ts_view a, ts_view b)
{
    return a.len == b.len && ts_view_starts_nocase(a, b);
}

size_t ts_view_find(ts_view v, ts_view needle)
{
    if (needle.len == 0)
        return 0;
    if (v.len < needle.len)
        return SIZE_MAX;
    const uint8_t *at = memmem(v.ptr, v.len, needle.ptr, needle.len);
    return at ? (size_t)(at - v.ptr) : SIZE_MAX;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

ts_view ts_view_trim(ts_view v)
{
    while (v.len > 0 && is_space(v.ptr[0])) {
        v.ptr++;
        v.len--;
    }
    while (v.len > 0 && is_space(v.ptr[v.len - 1]))
        v.len--;
    return v;
}

bool ts_view_to_int64(ts_view v, int64_t *out)
{
    bool negative = v.len > 0 && v.ptr[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == v.len)
        return false;
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t n = 0;
    for (; i < v.len; i++) {
        uint8_t digit = (uint8_t)(v.ptr[i] - '0');
        if (digit > 9 || n > (limit - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}
