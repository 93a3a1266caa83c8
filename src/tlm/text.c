#include "tlm/text.h"

#include <string.h>
#include <strings.h>
#include <utf8proc.h>

int32_t ts_text_char(ts_view v, size_t at, size_t *len)
{
    uint8_t first = v.ptr[at];
    *len = 1;
    if (first < 0x80)
        return first;
    utf8proc_int32_t c;
    utf8proc_ssize_t n =
        utf8proc_iterate(v.ptr + at, (utf8proc_ssize_t)(v.len - at < 4 ? v.len - at : 4), &c);
    if (n <= 0)
        return -1;
    *len = (size_t)n;
    return c;
}

int32_t ts_text_char_before(ts_view v, size_t at, size_t *start)
{
    size_t back = at - 1;
    while (back > 0 && at - back < 4 && (v.ptr[back] & 0xc0) == 0x80)
        back--;
    size_t len;
    int32_t c = ts_text_char(v, back, &len);
    if (back + len != at) { /* stray continuation bytes */
        *start = at - 1;
        return -1;
    }
    *start = back;
    return c;
}

bool ts_text_is_word(int32_t c)
{
    if (c < 0)
        return false;
    if (c < 0x80)
        return ts_text_is_ascii_word((uint8_t)c);
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

size_t ts_text_run(ts_view v, size_t at, bool word)
{
    while (at < v.len) {
        uint8_t c = v.ptr[at];
        size_t len = 1;
        bool is = c < 0x80 ? ts_text_is_ascii_word(c) : ts_text_is_word(ts_text_char(v, at, &len));
        if (is != word)
            break;
        at += len;
    }
    return at;
}

bool ts_text_is_space(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int ts_text_digit(int32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9' ? c - '0' : -1;
    if (utf8proc_category(c) != UTF8PROC_CATEGORY_ND)
        return -1;
    int32_t zero = c; /* digits stand in tens without a gap, some tens side by side */
    while (utf8proc_category(zero - 1) == UTF8PROC_CATEGORY_ND)
        zero--;
    return (int)(c - zero) % 10;
}

bool ts_text_stands_alone(ts_view v, size_t from, size_t to)
{
    size_t other;
    return !(from > 0 && ts_text_is_word(ts_text_char_before(v, from, &other))) &&
           !(to < v.len && ts_text_is_word(ts_text_char(v, to, &other)));
}

static ts_view skip(ts_view v, bool (*is)(int32_t), bool wanted)
{
    size_t at = 0;
    size_t len;
    while (at < v.len && is(ts_text_char(v, at, &len)) == wanted)
        at += len;
    return ts_view_from(v, at);
}

static ts_view cut_end(ts_view v, bool (*is)(int32_t), bool wanted)
{
    size_t start;
    while (v.len > 0 && is(ts_text_char_before(v, v.len, &start)) == wanted)
        v.len = start;
    return v;
}

ts_view ts_text_strip(ts_view v)
{
    return cut_end(skip(v, ts_text_is_space, true), ts_text_is_space, true);
}

ts_view ts_text_skip_nonword(ts_view v)
{
    return skip(v, ts_text_is_word, false);
}

ts_view ts_text_trim_nonword(ts_view v)
{
    return cut_end(ts_text_skip_nonword(v), ts_text_is_word, false);
}

bool ts_text_is_punctuation(uint8_t c)
{
    return c > ' ' && c < 0x7f && (c == '_' || !ts_text_is_word(c));
}

static bool fits(ts_view v, size_t at, ts_view word, bool nocase)
{
    if (at + word.len > v.len)
        return false;
    if (word.len > 0 && ((v.ptr[at] ^ word.ptr[0]) & ~(nocase ? 0x20 : 0)) != 0)
        return false; /* one byte decides most places */
    return nocase ? strncasecmp((const char *)v.ptr + at, (const char *)word.ptr, word.len) == 0
                  : memcmp(v.ptr + at, word.ptr, word.len) == 0;
}

size_t ts_text_find(ts_view v, size_t from, ts_view word, bool nocase)
{
    if (!nocase) {
        size_t at = ts_view_find(ts_view_from(v, from), word);
        return at == SIZE_MAX ? at : from + at;
    }
    for (size_t at = from; at + word.len <= v.len; at++)
        if (fits(v, at, word, true))
            return at;
    return SIZE_MAX;
}

size_t ts_text_find_last(ts_view v, size_t end, ts_view word, bool nocase)
{
    for (size_t at = end < v.len ? end : v.len; at-- > 0;)
        if (fits(v, at, word, nocase))
            return at;
    return SIZE_MAX;
}
