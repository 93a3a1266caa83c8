/* parse.c - what both sets of rules share: tags, reasoning, answers. */
#include "tlm/parse.h"

#include "tlm/text.h"

#include <stdio.h>
#include <stdlib.h>

struct ts_parsed ts_tlm_parse(enum ts_tlm_compat compat, enum ts_tlm_form form, ts_view text)
{
    return compat == TS_TLM_REFERENCE ? ts_tlm_parse_reference(form, text)
                                      : ts_tlm_parse_recommended(form, text);
}

/* ---- tags ---- */

struct tag {
    char open[24], close[24];
};

static struct tag tag_of(const char *name)
{
    struct tag t;
    snprintf(t.open, sizeof t.open, "<%s>", name);
    snprintf(t.close, sizeof t.close, "</%s>", name);
    return t;
}

bool ts_tlm_tag_next(ts_view text, const char *name, size_t *at, ts_view *content)
{
    struct tag t = tag_of(name);
    ts_view close = ts_view_str(t.close);
    size_t open = ts_text_find(text, *at, ts_view_str(t.open), true);
    if (open == SIZE_MAX)
        return false;
    size_t from = open + strlen(t.open);
    size_t to = ts_text_find(text, from, close, true);
    if (to == SIZE_MAX)
        return false;
    *content = ts_view_cut(text, from, to - from);
    *at = to + close.len;
    return true;
}

ts_view ts_tlm_parse_reasoning(ts_view text, const char *name, bool nocase)
{
    const ts_view open = TS_LIT("<think>");
    const ts_view close = TS_LIT("</think>");
    struct tag t = tag_of(name);
    ts_view tag = ts_view_str(t.open);
    size_t from = ts_text_find(text, 0, open, nocase);
    size_t closed = ts_text_find_last(text, text.len, ts_view_str(t.close), nocase);
    if (from == SIZE_MAX || closed == SIZE_MAX)
        return TS_NOTHING;
    from += open.len;
    for (size_t to = from; (to = ts_text_find(text, to, close, nocase)) != SIZE_MAX; to++) {
        size_t at = to + close.len;
        size_t len;
        while (at < text.len && ts_text_is_space(ts_text_char(text, at, &len)))
            at += len;
        ts_view here = ts_view_cut(text, at, tag.len);
        bool opens = nocase ? ts_view_eq_nocase(here, tag) : ts_view_eq(here, tag);
        if (opens && closed >= at + tag.len)
            return ts_text_strip(ts_view_cut(text, from, to - from));
    }
    return TS_NOTHING;
}

/* The last </think> that is not quoted in the result. */
static size_t end_of_reasoning(ts_view text, const char *tag)
{
    const ts_view close = TS_LIT("</think>");
    size_t end = ts_text_find_last(text, text.len, close, true);
    if (end == SIZE_MAX || !tag)
        return end;
    struct tag t = tag_of(tag);
    size_t to = ts_text_find_last(text, text.len, ts_view_str(t.close), true);
    size_t from = to == SIZE_MAX ? to : ts_text_find_last(text, to, ts_view_str(t.open), true);
    bool quoted = from != SIZE_MAX && from < end && end < to;
    return quoted ? ts_text_find_last(text, from, close, true) : end;
}

bool ts_tlm_cut_reasoning(ts_view *text, const char *tag, ts_view *reasoning)
{
    const ts_view open = TS_LIT("<think>");
    const ts_view close = TS_LIT("</think>");
    size_t end;
    *reasoning = TS_NOTHING;
    for (int i = 0; i < 2 && (end = end_of_reasoning(*text, tag)) != SIZE_MAX; i++) {
        size_t begin = ts_text_find_last(*text, end, open, true);
        size_t from = begin == SIZE_MAX ? 0 : begin + open.len;
        ts_view behind = ts_text_strip(ts_view_from(*text, end + close.len));
        if (reasoning->len == 0)
            *reasoning = ts_text_strip(ts_view_cut(*text, from, end - from));
        bool first = begin != SIZE_MAX && begin > 0 && behind.len == 0; /* the result, then why */
        *text = first ? ts_text_strip(ts_view_cut(*text, 0, begin)) : behind;
        if (!first)
            break;
    }
    return !ts_view_eq_nocase(ts_view_cut(*text, 0, open.len), open);
}

ts_view ts_tlm_parse_issues(ts_view text)
{
    size_t at = 0;
    ts_view issues;
    ts_view score;
    if (!ts_tlm_tag_next(text, "issues", &at, &issues) ||
        !ts_tlm_tag_next(text, "score", &at, &score))
        return TS_NOTHING;
    return ts_text_strip(ts_text_skip_nonword(issues));
}

ts_view ts_tlm_parse_answer(ts_view text)
{
    const ts_view open = TS_LIT("<answer>");
    const ts_view close = TS_LIT("</answer>");
    size_t to = ts_text_find_last(text, text.len, close, false);
    size_t from = to == SIZE_MAX ? to : ts_text_find_last(text, to, open, false);
    if (from == SIZE_MAX)
        return text;
    from += open.len;
    if (from > to)
        return text;
    return ts_text_strip(ts_text_skip_nonword(ts_view_cut(text, from, to - from)));
}

/* ---- numbers ---- */

static size_t digits(ts_view t, size_t at)
{
    size_t n = 0;
    while (at + n < t.len && t.ptr[at + n] >= '0' && t.ptr[at + n] <= '9')
        n++;
    return n;
}

/* Is it digits[.digits][e[+-]digits], with a digit beside the point? */
static bool is_decimal(ts_view t)
{
    size_t whole = digits(t, 0);
    size_t at = whole;
    size_t part = 0;
    if (at < t.len && t.ptr[at] == '.') {
        part = digits(t, at + 1);
        at += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (at < t.len && (t.ptr[at] | 32) == 'e') {
        size_t sign = at + 1 < t.len && (t.ptr[at + 1] == '-' || t.ptr[at + 1] == '+');
        size_t power = digits(t, at + 1 + sign);
        at = power ? at + 1 + sign + power : at;
    }
    return at == t.len;
}

static double to_double(ts_view t)
{
    char copy[64];
    if (t.len < sizeof copy) {
        memcpy(copy, t.ptr, t.len);
        copy[t.len] = '\0';
        return strtod(copy, NULL);
    }
    char *heap_copy = ts_view_dup(t);
    double value = strtod(heap_copy, NULL);
    free(heap_copy);
    return value;
}

bool ts_tlm_number(ts_view text, double *out)
{
    static const char *const names[] = {"nan", "inf", "infinity"};
    ts_view t = ts_text_strip(text);
    bool minus = t.len > 0 && t.ptr[0] == '-';
    ts_view u = t.len > 0 && (minus || t.ptr[0] == '+') ? ts_view_from(t, 1) : t;
    for (size_t i = 0; i < TS_COUNT(names); i++)
        if (ts_view_eq_nocase(u, ts_view_str(names[i]))) {
            *out = i == 0 ? (double)__builtin_nanf("") : minus ? -__builtin_inf() : __builtin_inf();
            return true;
        }
    if (!is_decimal(u))
        return false;
    *out = to_double(t);
    return true;
}
