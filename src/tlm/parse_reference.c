/* parse_reference.c - the reference's parsers to the letter (§6.2). Their oddities are part of the
 * contract of `compat: reference`: a greedy prefix lets the last place win, so "10" at the end of a
 * text is read as "0". */
#include "tlm/parse.h"

#include "base/buf.h"
#include "tlm/text.h"

#include <math.h>

static const char *const numbers[] = {
    "10",  "0",   "1",     "2",    "3",    "4",   "5",     "6",     "7",    "8",   "9", "zero",
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", NULL};
static const char *const one_to_five[] = {"1",   "2",     "3",    "4",    "5", "one",
                                          "two", "three", "four", "five", NULL};
static const char *const digits_1_to_5[] = {"1", "2", "3", "4", "5", NULL};
static const char *const true_false[] = {"true", "false", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};
static const char *const a_b[] = {"a", "b", NULL};
static const char *const capital_a_b[] = {"A", "B", NULL};
static const char *const any_a_b[] = {"A", "B", "a", "b", NULL};

/* ---- places ---- */

/* The word of the list that stands at `at`; empty: none. */
static ts_view word_at(ts_view t, size_t at, const char *const *words, bool nocase)
{
    for (size_t i = 0; words[i]; i++) {
        ts_view word = ts_view_str(words[i]);
        ts_view here = ts_view_cut(t, at, word.len);
        if (nocase ? ts_view_eq_nocase(here, word) : ts_view_eq(here, word))
            return here;
    }
    return TS_NOTHING;
}

static ts_view last_word(ts_view t, const char *const *words)
{
    for (size_t at = t.len; at-- > 0;) {
        ts_view found = word_at(t, at, words, true);
        if (found.len > 0)
            return found;
    }
    return TS_NOTHING;
}

static ts_view last_in_brackets(ts_view t, const char *const *words)
{
    for (size_t at = t.len; at-- > 0;) {
        ts_view found = t.ptr[at] == '(' ? word_at(t, at + 1, words, true) : TS_NOTHING;
        if (found.len > 0 && ts_view_starts(ts_view_from(t, at + 1 + found.len), TS_LIT(")")))
            return found;
    }
    return TS_NOTHING;
}

/* Does `close` come after nothing but characters of the class? */
static bool reaches(ts_view t, size_t at, ts_view close, bool only_space)
{
    size_t len;
    for (;; at += len) {
        if (ts_view_eq_nocase(ts_view_cut(t, at, close.len), close))
            return true;
        if (at >= t.len)
            return false;
        int32_t c = ts_text_char(t, at, &len);
        if (only_space ? !ts_text_is_space(c) : ts_text_is_word(c))
            return false;
    }
}

/* The last <tag> whose content is one of the words with nothing but white space, or nothing but
 * non-word characters, around it. */
static ts_view last_tag_holding(ts_view t, const char *open, const char *close,
                                const char *const *words, bool only_space)
{
    ts_view tag = ts_view_str(open);
    for (size_t end = t.len, at; (at = ts_text_find_last(t, end, tag, true)) != SIZE_MAX;
         end = at) {
        size_t from = at + tag.len;
        size_t len;
        while (from < t.len) {
            int32_t c = ts_text_char(t, from, &len);
            if (only_space ? !ts_text_is_space(c) : ts_text_is_word(c))
                break;
            from += len;
        }
        ts_view found = word_at(t, from, words, true);
        if (found.len > 0 && reaches(t, from + found.len, ts_view_str(close), only_space))
            return found;
    }
    return TS_NOTHING;
}

/* ---- labels, by the first pattern that fits ---- */

struct label_pattern {
    const char *before;  /* the label with what stands in front of it; "*" is any spaces */
    bool colon_optional; /* else the colon is part of `before` */
    bool no_colon;
    bool gap_optional; /* the one non-word character behind */
    bool nocase;
    bool words; /* the ratings' words count, too */
};

static const struct label_pattern label_patterns[] = {
    {"\n L:", false, true, false, false, true}, {" L:", false, true, false, false, false},
    {"\nL:", false, true, false, false, false}, {"\n*L", true, false, false, false, false},
    {" L", false, true, true, false, true},     {"\n L:", false, true, false, true, true},
    {" L:", false, true, false, true, true},    {"\nL:", false, true, false, true, true},
    {"L", true, false, false, true, true},
};

/* Behind `pattern.before` at `at`, or SIZE_MAX. */
static size_t label_at(ts_view t, size_t at, const struct label_pattern *pattern, ts_view label)
{
    for (const char *p = pattern->before; *p; p++) {
        if (*p == '*') {
            while (at < t.len && t.ptr[at] == ' ')
                at++;
        } else if (*p == 'L') {
            ts_view here = ts_view_cut(t, at, label.len);
            if (pattern->nocase ? !ts_view_eq_nocase(here, label) : !ts_view_eq(here, label))
                return SIZE_MAX;
            at += label.len;
        } else if (at < t.len && t.ptr[at] == (uint8_t)*p) {
            at++;
        } else {
            return SIZE_MAX;
        }
    }
    return at;
}

/* The value behind an optional gap and an optional bracket. */
static ts_view value_behind(ts_view t, size_t at, bool gap, const char *const *values, bool nocase)
{
    size_t len = 0;
    if (gap) {
        if (at >= t.len || ts_text_is_word(ts_text_char(t, at, &len)))
            return TS_NOTHING;
        at += len;
    }
    if (at < t.len && t.ptr[at] == '(') {
        ts_view found = word_at(t, at + 1, values, nocase);
        if (found.len > 0)
            return found;
    }
    return word_at(t, at, values, nocase);
}

static ts_view match_at(ts_view t, size_t at, const struct label_pattern *pattern, ts_view label,
                        const char *const *values)
{
    at = label_at(t, at, pattern, label);
    if (at == SIZE_MAX)
        return TS_NOTHING;
    ts_view found = TS_NOTHING;
    if (pattern->colon_optional && at < t.len && t.ptr[at] == ':')
        found = value_behind(t, at + 1, true, values, pattern->nocase);
    if (found.len == 0)
        found = value_behind(t, at, true, values, pattern->nocase);
    if (found.len == 0 && pattern->gap_optional)
        found = value_behind(t, at, false, values, pattern->nocase);
    return found;
}

static ts_view find_labelled(ts_view t, const char *label, bool rating)
{
    for (size_t i = 0; i < TS_COUNT(label_patterns); i++) {
        const char *const *values = !rating                   ? capital_a_b
                                    : label_patterns[i].words ? one_to_five
                                                              : digits_1_to_5;
        for (size_t at = t.len; at-- > 0;) {
            ts_view found = match_at(t, at, &label_patterns[i], ts_view_str(label), values);
            if (found.len > 0)
                return found;
        }
    }
    return TS_NOTHING;
}

/* ---- parsers ---- */

static bool any_score(ts_view t, ts_view *out)
{
    size_t at = 0;
    if (ts_tlm_tag_next(t, "score", &at, out)) {
        *out = ts_text_strip(*out);
        return true;
    }
    for (size_t end = t.len; end > 0; end = at)
        if (ts_text_digit(ts_text_char_before(t, end, &at)) >= 0) {
            *out = ts_view_cut(t, at, end - at);
            return true;
        }
    return false;
}

static bool tagged_number(ts_view t, const char *tag, const char *const *words, ts_view *out)
{
    bool score = strcmp(tag, "score") == 0;
    *out = last_tag_holding(t, score ? "<score>" : "<rating>", score ? "</score>" : "</rating>",
                            words, false);
    if (out->len == 0)
        *out = last_word(t, words);
    if (out->len > 0)
        return true;
    size_t at = 0;
    bool found = !score && ts_tlm_tag_next(t, tag, &at, out);
    *out = ts_text_strip(*out);
    return found;
}

static bool tagged_true_false(ts_view t, ts_view *out)
{
    size_t at = 0;
    if (ts_tlm_tag_next(t, "choice", &at, out)) {
        *out = ts_text_strip(*out);
        return true;
    }
    *out = last_in_brackets(t, true_false);
    if (out->len == 0)
        *out = last_word(t, true_false);
    return out->len > 0;
}

static bool tagged_yes_no(ts_view t, const char *open, const char *close, ts_view *out)
{
    *out = last_tag_holding(t, open, close, yes_no, true);
    if (out->len == 0)
        *out = last_tag_holding(t, open, close, yes_no, false);
    if (out->len == 0)
        *out = last_in_brackets(t, yes_no);
    if (out->len == 0)
        *out = last_word(t, yes_no);
    return out->len > 0;
}

static bool strict_choice(ts_view t, ts_view *out)
{
    const ts_view label = TS_LIT("Choice: ");
    for (int bracket = 1; bracket >= 0; bracket--)
        for (size_t at = 0; (at = ts_text_find(t, at, label, false)) != SIZE_MAX; at++) {
            size_t value = at + label.len;
            if (bracket && !(value < t.len && t.ptr[value] == '['))
                continue;
            *out = word_at(t, value + (size_t)bracket, any_a_b, false);
            bool closed = !bracket || ts_view_starts(ts_view_from(t, value + 2), TS_LIT("]"));
            if (out->len > 0 && closed)
                return true;
        }
    return false;
}

/* The last "A) Correct", its bracket and its space optional, in any case. */
static ts_view last_verdict(ts_view t, const char *letter, const char *verdict)
{
    ts_view word = ts_view_str(verdict);
    for (size_t end = t.len, at;
         (at = ts_text_find_last(t, end, ts_view_str(letter), true)) != SIZE_MAX; end = at) {
        size_t from = at + 1;
        from += from < t.len && t.ptr[from] == ')';
        from += from < t.len && t.ptr[from] == ' ';
        if (ts_view_eq_nocase(ts_view_cut(t, from, word.len), word))
            return ts_view_cut(t, at, 1);
    }
    return TS_NOTHING;
}

static bool choice(ts_view t, ts_view *out)
{
    *out = find_labelled(t, "Choice", false);
    if (out->len == 0)
        *out = last_verdict(t, "A", "Correct");
    if (out->len == 0)
        *out = last_verdict(t, "B", "Incorrect");
    if (out->len == 0)
        *out = last_in_brackets(t, a_b);
    if (out->len == 0)
        *out = last_word(t, a_b);
    return out->len > 0;
}

static bool rating_label(ts_view t, ts_view *out)
{
    *out = find_labelled(t, "Rating", true);
    if (out->len == 0)
        *out = last_word(t, one_to_five);
    return out->len > 0;
}

/* ---- mappings (§6.1): exact strings ---- */

struct entry {
    const char *text;
    double value;
};
static const struct entry m10[] = {
    {"0", 0},      {"1", .1},     {"2", .2},     {"3", .3},    {"4", .4},    {"5", .5},
    {"6", .6},     {"7", .7},     {"8", .8},     {"9", .9},    {"10", 1},    {"zero", 0},
    {"one", .1},   {"two", .2},   {"three", .3}, {"four", .4}, {"five", .5}, {"six", .6},
    {"seven", .7}, {"eight", .8}, {"nine", .9},  {"ten", 1},   {NULL, 0}};
static const struct entry m5[] = {{"1", 0},      {"2", .25},  {"3", .5},    {"4", .75},
                                  {"5", 1},      {"one", 0},  {"two", .25}, {"three", .5},
                                  {"four", .75}, {"five", 1}, {NULL, 0}};
static const struct entry words[] = {
    {"True", 1}, {"true", 1}, {"False", 0}, {"false", 0}, {"Yes", 1}, {"yes", 1}, {"No", 0},
    {"no", 0},   {"A", 1},    {"a", 1},     {"B", 0},     {"b", 0},   {NULL, 0}};

static double look_up(const struct entry *map, ts_view text)
{
    for (; map->text; map++)
        if (ts_view_is(text, map->text))
            return map->value;
    return 0.5;
}

/* As float() of Python: digits of any script, underscores between them. */
static double map100(ts_view text)
{
    struct ts_buf plain = TS_BUF_INIT;
    double value;
    size_t len;
    bool digit = false;
    for (size_t at = 0; at < text.len; at += len) {
        size_t next;
        int n = ts_text_digit(ts_text_char(text, at, &len));
        bool joins = text.ptr[at] == '_' && digit && at + 1 < text.len &&
                     ts_text_digit(ts_text_char(text, at + 1, &next)) >= 0;
        digit = n >= 0;
        if (n >= 0)
            ts_buf_add_byte(&plain, (uint8_t)('0' + n));
        else if (!joins)
            ts_buf_add_view(&plain, ts_view_cut(text, at, len));
    }
    bool ok = ts_tlm_number(ts_buf_view(&plain), &value);
    ts_buf_release(&plain);
    return ok ? value / 100 : 0.5;
}

/* The piece of the reply that holds the result. */
static bool find_text(enum ts_tlm_form form, ts_view t, ts_view *out)
{
    switch (form) {
    case TS_FORM_SCORE_100:
    case TS_FORM_SCORE_OF_10:
        return any_score(t, out);
    case TS_FORM_SCORE_10:
        return tagged_number(t, "score", numbers, out);
    case TS_FORM_RATING_10:
        return tagged_number(t, "rating", numbers, out);
    case TS_FORM_RATING_5:
        return tagged_number(t, "rating", one_to_five, out);
    case TS_FORM_TRUE_FALSE:
        return tagged_true_false(t, out);
    case TS_FORM_YES_NO_CHOICE:
        return tagged_yes_no(t, "<choice>", "</choice>", out);
    case TS_FORM_YES_NO_ANSWER:
        return tagged_yes_no(t, "<answer>", "</answer>", out);
    case TS_FORM_AB:
        return choice(t, out);
    case TS_FORM_AB_STRICT:
        return strict_choice(t, out);
    case TS_FORM_RATING_LABEL:
        return rating_label(t, out);
    default: /* JSON replies: structured.c */
        return false;
    }
}

static double map_text(enum ts_tlm_form form, ts_view text)
{
    switch (form) {
    case TS_FORM_SCORE_100:
        return map100(text);
    case TS_FORM_SCORE_10:
    case TS_FORM_SCORE_OF_10:
    case TS_FORM_RATING_10:
        return look_up(m10, text);
    case TS_FORM_RATING_5:
    case TS_FORM_RATING_LABEL:
        return look_up(m5, text);
    case TS_FORM_FIELDS_ACCURACY:
    case TS_FORM_FIELDS_RATING:
    case TS_FORM_FIELDS_WORDS:
    case TS_FORM_FIELDS_SCORES:
        return NAN;
    default:
        return look_up(words, text);
    }
}

struct ts_parsed ts_tlm_parse_reference(enum ts_tlm_form form, ts_view t)
{
    struct ts_parsed p = {false, TS_NOTHING, NAN};
    p.found = find_text(form, t, &p.text);
    p.mapped = map_text(form, p.text);
    return p;
}
