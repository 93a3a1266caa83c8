/* parse_recommended.c - the recommended rules (D19; tlm-vectors.md, Rules that the fact sheet leaves
 * open): a closed tag is believed and nothing else; without one, the last plain word or number.
 * What is not understood is absent, never a guess. */
#include "tlm/parse.h"

#include "tlm/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

enum scale { OF_100, OF_10, OF_5 };

struct number {
    ts_view text; /* the number itself */
    double value;
    bool percent;
    double over; /* "/n"; 0: none */
    size_t end;
};

/* ---- numbers: [+-]digits[.digits][e…], then % or /n ---- */

static size_t digits(ts_view t, size_t at)
{
    size_t from = at;
    while (at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9')
        at++;
    return at - from;
}

static size_t spaces(ts_view t, size_t at)
{
    size_t from = at;
    while (at < t.len && (t.ptr[at] == ' ' || t.ptr[at] == '\t'))
        at++;
    return at - from;
}

/* The end of the digits that begin at `at`. */
static size_t number_end(ts_view t, size_t at)
{
    at += digits(t, at);
    if (at + 1 < t.len && t.ptr[at] == '.' && digits(t, at + 1) > 0)
        at += 1 + digits(t, at + 1);
    if (at < t.len && (t.ptr[at] | 32) == 'e') {
        size_t sign = at + 1 < t.len && (t.ptr[at + 1] == '-' || t.ptr[at + 1] == '+');
        size_t power = digits(t, at + 1 + sign);
        at += power > 0 ? 1 + sign + power : 0;
    }
    return at;
}

/* Not preceded by a letter, digit, underscore or point. */
static bool may_begin(ts_view t, size_t at)
{
    if (at == 0)
        return true;
    size_t start;
    int32_t before = ts_text_char_before(t, at, &start);
    return before != '.' && !ts_text_is_word(before);
}

static void read_suffix(ts_view t, struct number *n)
{
    size_t at = n->end + spaces(t, n->end);
    if (at < t.len && t.ptr[at] == '%') {
        n->percent = true;
        n->end = at + 1;
    } else if (at < t.len && t.ptr[at] == '/') {
        size_t from = at + 1 + spaces(t, at + 1);
        size_t to = digits(t, from) > 0 ? number_end(t, from) : from;
        if (to > from && ts_tlm_number(ts_view_cut(t, from, to - from), &n->over))
            n->end = to;
    }
}

static bool number_word_at(ts_view t, size_t at, struct number *n)
{
    static const char *const words[] = {"zero", "one",   "two",   "three", "four", "five",
                                        "six",  "seven", "eight", "nine",  "ten"};
    for (size_t i = 0; i < TS_COUNT(words); i++) {
        ts_view word = ts_view_str(words[i]);
        if (!ts_view_eq_nocase(ts_view_cut(t, at, word.len), word) ||
            !ts_text_stands_alone(t, at, at + word.len))
            continue;
        *n = (struct number){
            .text = ts_view_cut(t, at, word.len), .value = (double)i, .end = at + word.len};
        return true;
    }
    return false;
}

static bool number_at(ts_view t, size_t at, bool words, struct number *n)
{
    if (!may_begin(t, at))
        return false;
    uint8_t c = t.ptr[at];
    if (words && isalpha(c) && number_word_at(t, at, n)) {
        read_suffix(t, n);
        return true;
    }
    size_t from = at + (c == '+' || c == '-');
    if (digits(t, from) == 0)
        return false;
    *n = (struct number){.end = number_end(t, from)};
    n->text = ts_view_cut(t, at, n->end - at);
    if (!ts_tlm_number(n->text, &n->value))
        return false;
    read_suffix(t, n);
    return true;
}

/* The first number of the text, or the last. */
static bool find_number(ts_view t, bool last, bool words, struct number *out)
{
    bool found = false;
    for (size_t at = 0; at < t.len;) {
        struct number n;
        if (!number_at(t, at, words, &n)) {
            at++;
            continue;
        }
        *out = n;
        found = true;
        if (!last)
            return true;
        at = n.end;
    }
    return found;
}

static double clip(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static double on_scale(const struct number *n, enum scale scale)
{
    static const double top[] = {100, 10, 5};
    if (n->percent)
        return clip(n->value / 100);
    if (n->over > 0 && n->over != top[scale])
        return clip(n->value / n->over);
    return clip(scale == OF_5 ? (n->value - 1) / 4 : n->value / top[scale]);
}

static bool tagged_number(ts_view t, const char *tag, bool first, bool words, enum scale scale,
                          struct ts_parsed *p)
{
    ts_view content;
    ts_view inside = TS_NOTHING;
    size_t at = 0;
    bool closed = false;
    while (!(closed && first) && ts_tlm_tag_next(t, tag, &at, &content)) {
        inside = content;
        closed = true;
    }
    struct number n;
    if (!find_number(closed ? inside : t, !closed, words, &n))
        return false;
    p->text = n.text;
    p->mapped = on_scale(&n, scale);
    return !isnan(p->mapped);
}

static bool label_rating(ts_view t, struct ts_parsed *p)
{
    const ts_view label = TS_LIT("rating");
    struct number n;
    size_t at = ts_text_find_last(t, t.len, label, true);
    bool found = at != SIZE_MAX && find_number(ts_view_from(t, at + label.len), false, true, &n);
    if (!found && !find_number(t, true, true, &n))
        return false;
    p->text = n.text;
    p->mapped = on_scale(&n, OF_5);
    return true;
}

/* ---- words ---- */

static bool is_verdict(ts_view word, const char *yes, const char *no, struct ts_parsed *p)
{
    bool is_yes = ts_view_eq_nocase(word, ts_view_str(yes));
    if (!is_yes && !ts_view_eq_nocase(word, ts_view_str(no)))
        return false;
    p->text = word;
    p->mapped = is_yes ? 1 : 0;
    return true;
}

/* The verdict that begins at `at` and stands alone. */
static bool verdict_at(ts_view t, size_t at, const char *yes, const char *no, struct ts_parsed *p)
{
    const char *const both[] = {yes, no};
    for (size_t i = 0; i < 2; i++) {
        ts_view word = ts_view_cut(t, at, strlen(both[i]));
        if (is_verdict(word, yes, no, p) && ts_text_stands_alone(t, at, at + word.len))
            return true;
    }
    return false;
}

static bool last_verdict(ts_view t, bool in_brackets, const char *yes, const char *no,
                         struct ts_parsed *p)
{
    for (size_t at = t.len; at-- > 0;)
        if ((!in_brackets || (at > 0 && t.ptr[at - 1] == '(')) && verdict_at(t, at, yes, no, p) &&
            (!in_brackets || ts_view_starts(ts_view_from(t, at + p->text.len), TS_LIT(")"))))
            return true;
    return false;
}

static bool tagged_verdict(ts_view t, const char *tag, const char *yes, const char *no,
                           struct ts_parsed *p)
{
    bool closed = false;
    bool found = false;
    ts_view content;
    for (size_t at = 0; ts_tlm_tag_next(t, tag, &at, &content);) {
        closed = true;
        found |= is_verdict(ts_text_trim_nonword(content), yes, no, p);
    }
    return closed ? found : last_verdict(t, true, yes, no, p) || last_verdict(t, false, yes, no, p);
}

/* ---- A or B ---- */

/* "choice", up to four non-word characters, then a letter that stands alone. */
static bool choice_at(ts_view t, size_t at, struct ts_parsed *p)
{
    const ts_view label = TS_LIT("choice");
    size_t len;
    at += label.len;
    for (int gap = 0; gap <= 4 && at < t.len; gap++, at += len) {
        if (ts_text_is_word(ts_text_char(t, at, &len)))
            return verdict_at(t, at, "a", "b", p);
    }
    return false;
}

static bool choice(ts_view t, struct ts_parsed *p)
{
    for (size_t at = t.len; (at = ts_text_find_last(t, at, TS_LIT("choice"), true)) != SIZE_MAX;)
        if (choice_at(t, at, p))
            return true;
    if (last_verdict(t, true, "a", "b", p))
        return true;
    for (size_t at = t.len; at-- > 0;)
        if ((t.ptr[at] == 'A' || t.ptr[at] == 'B') && verdict_at(t, at, "a", "b", p))
            return true;
    return false;
}

struct ts_parsed ts_tlm_parse_recommended(enum ts_tlm_form form, ts_view t)
{
    struct ts_parsed p = {false, TS_NOTHING, NAN};
    switch (form) {
    case TS_FORM_SCORE_100:
        p.found = tagged_number(t, "score", true, false, OF_100, &p);
        break;
    case TS_FORM_SCORE_OF_10: /* the same question, thought about: the same answer */
    case TS_FORM_SCORE_10:
        p.found = tagged_number(t, "score", false, true, OF_10, &p);
        break;
    case TS_FORM_RATING_10:
        p.found = tagged_number(t, "rating", false, true, OF_10, &p);
        break;
    case TS_FORM_RATING_5:
        p.found = tagged_number(t, "rating", false, true, OF_5, &p);
        break;
    case TS_FORM_TRUE_FALSE:
        p.found = tagged_verdict(t, "choice", "true", "false", &p);
        break;
    case TS_FORM_YES_NO_CHOICE:
        p.found = tagged_verdict(t, "choice", "yes", "no", &p);
        break;
    case TS_FORM_YES_NO_ANSWER:
        p.found = tagged_verdict(t, "answer", "yes", "no", &p);
        break;
    case TS_FORM_AB:
    case TS_FORM_AB_STRICT:
        p.found = choice(t, &p);
        break;
    case TS_FORM_RATING_LABEL:
        p.found = label_rating(t, &p);
        break;
    default: /* JSON replies: structured.c */
        break;
    }
    if (!p.found)
        p.mapped = NAN;
    return p;
}
