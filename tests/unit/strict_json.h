/* strict_json.h - is this JSON as RFC 8259 has it, and nothing more? json.h takes more than it gives: what
 * we print must be read by those who take nothing extra. */
#ifndef TS_STRICT_JSON_H
#define TS_STRICT_JSON_H

#include "base/utf8.h"

struct ts_strict {
    const uint8_t *at, *end;
};

static inline void ts_strict_space(struct ts_strict *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static inline bool ts_strict_take(struct ts_strict *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

static inline size_t ts_strict_digits(struct ts_strict *s)
{
    size_t n = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; n++)
        s->at++;
    return n;
}

static inline bool ts_strict_number(struct ts_strict *s)
{
    ts_strict_take(s, "-");
    bool zero = s->at < s->end && *s->at == '0';
    size_t whole = ts_strict_digits(s);
    if (whole == 0 || (zero && whole > 1))
        return false;
    if (ts_strict_take(s, ".") && ts_strict_digits(s) == 0)
        return false;
    if (!ts_strict_take(s, "e") && !ts_strict_take(s, "E"))
        return true;
    if (!ts_strict_take(s, "+"))
        ts_strict_take(s, "-");
    return ts_strict_digits(s) > 0;
}

/* *unit: of \uXXXX; -1: no such escape. */
static inline bool ts_strict_escape(struct ts_strict *s, int *unit)
{
    *unit = -1;
    if (!ts_strict_take(s, "\\") || s->at == s->end)
        return false;
    uint8_t c = *s->at++;
    if (c != 'u')
        return strchr("\"\\/bfnrt", c) != NULL && c != 0;
    *unit = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        const char *digits = "0123456789abcdefABCDEF";
        const char *d = s->at < s->end && *s->at ? strchr(digits, *s->at) : NULL;
        if (!d)
            return false;
        int value = (int)(d - digits);
        *unit = *unit * 16 + (value > 15 ? value - 6 : value);
    }
    return true;
}

static inline bool ts_strict_string(struct ts_strict *s)
{
    int unit;
    if (!ts_strict_take(s, "\""))
        return false;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at < 0x20)
            return false;
        if (*s->at != '\\') {
            s->at++;
            continue;
        }
        if (!ts_strict_escape(s, &unit))
            return false;
        if (unit >= 0xDC00 && unit <= 0xDFFF) /* the second half, and no first */
            return false;
        if (unit >= 0xD800 && unit < 0xDC00 &&
            (!ts_strict_escape(s, &unit) || unit < 0xDC00 || unit > 0xDFFF))
            return false;
    }
    return ts_strict_take(s, "\"");
}

static inline bool ts_strict_value(struct ts_strict *s, int depth);

static inline bool ts_strict_members(struct ts_strict *s, bool object, int depth)
{
    const char *close = object ? "}" : "]";
    ts_strict_space(s);
    if (ts_strict_take(s, close))
        return true;
    do {
        ts_strict_space(s);
        if (object && !ts_strict_string(s))
            return false;
        ts_strict_space(s);
        if (object && !ts_strict_take(s, ":"))
            return false;
        if (!ts_strict_value(s, depth))
            return false;
    } while (ts_strict_take(s, ","));
    return ts_strict_take(s, close);
}

static inline bool ts_strict_value(struct ts_strict *s, int depth)
{
    if (depth > 200)
        return false;
    ts_strict_space(s);
    if (s->at == s->end)
        return false;
    bool ok = *s->at == '"'            ? ts_strict_string(s)
              : ts_strict_take(s, "{") ? ts_strict_members(s, true, depth + 1)
              : ts_strict_take(s, "[") ? ts_strict_members(s, false, depth + 1)
              : ts_strict_take(s, "true") || ts_strict_take(s, "false") || ts_strict_take(s, "null")
                  ? true
                  : ts_strict_number(s);
    ts_strict_space(s);
    return ok;
}

static inline bool ts_json_is_strict(ts_view text)
{
    struct ts_strict s = {text.ptr, text.ptr + text.len};
    return text.len > 0 && ts_utf8_valid(text) && ts_strict_value(&s, 0) && s.at == s.end;
}

#endif
