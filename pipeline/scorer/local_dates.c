/* local_dates.c - a date is a year, a month and a day, in whatever order and words. */
#include "pipeline/scorer/local_dates.h"

#include "pipeline/scorer/local_fold.h"
#include "tlm/text.h"

struct date {
    unsigned year, month, day; /* 0: not said */
};

static void add_implied(struct ts_numeral *out, uint64_t key)
{
    out->implied[out->implied_count++] = key;
}

static uint64_t day_of(struct date d)
{
    return d.month * 32 + d.day;
}

/* A date with its year implies the day without it, and not the reverse: a text that has 5 May 2023 and
 * 7 May 2024 has no 5 May 2024. One that has 5 May, and 2024, may. */
static void set_date(struct ts_numeral *out, struct date d, bool in_words)
{
    uint64_t year = ts_numeral_key(TS_KEY_NUMBER, d.year, 0);
    uint64_t month = ts_numeral_key(TS_KEY_MONTH, d.year, d.month);
    uint64_t whole = ts_numeral_key(TS_KEY_DATE, d.year, day_of(d));
    uint64_t any_year = ts_numeral_key(TS_KEY_DAY, day_of(d), 0);
    uint64_t yearless = ts_numeral_key(TS_KEY_YEARLESS, day_of(d), 0);
    out->date = true;
    out->any[out->any_count++] = !d.day ? month : d.year ? whole : any_year;
    if (d.year)
        add_implied(out, year);
    if (d.year)
        add_implied(out, month);
    if (d.year && d.day)
        add_implied(out, whole);
    if (d.day)
        add_implied(out, any_year);
    if (d.day && !d.year)
        add_implied(out, yearless);
    if (d.day && in_words)
        add_implied(out, ts_numeral_key(TS_KEY_NUMBER, d.day, 0));
    if (d.year && d.day) {
        out->both[0] = yearless;
        out->both[1] = year;
    }
}

static bool is_date(struct date d)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= days[d.month - 1];
}

/* ---- in digits ---- */

struct part {
    unsigned value;
    size_t digits;
};

/* Three numbers with one and the same separator between, or two; else 0. */
static size_t split(ts_view t, struct part parts[3], char *separator)
{
    size_t n = 0;
    parts[0] = (struct part){0};
    for (size_t i = 0; i < t.len; i++) {
        if (ts_text_is_digit(t.ptr[i]) && parts[n].digits < 4) {
            parts[n].value = parts[n].value * 10 + t.ptr[i] - '0';
            parts[n].digits++;
        } else if (!ts_text_is_digit(t.ptr[i]) && n < 2 && parts[n].digits > 0 &&
                   (n == 0 || (char)t.ptr[i] == *separator)) {
            *separator = (char)t.ptr[i];
            parts[++n] = (struct part){0};
        } else {
            return 0;
        }
    }
    return parts[n].digits > 0 ? n + 1 : 0;
}

/* A point is always written between day and month, in this order. */
static bool year_last(const struct part *p, char separator, struct ts_numeral *out)
{
    struct date day_first = {p[2].value, p[1].value, p[0].value};
    struct date month_first = {p[2].value, p[0].value, p[1].value};
    bool a = is_date(day_first);
    bool b = is_date(month_first) && separator != '.';
    if (!a && !b)
        return false;
    if (a && b && p[0].value != p[1].value) {
        uint64_t order = p[0].value * 32 + p[1].value;
        out->date = true;
        out->any[out->any_count++] = ts_numeral_key(TS_KEY_EITHER, p[2].value, order);
        add_implied(out, out->any[0]);
        add_implied(out, ts_numeral_key(TS_KEY_NUMBER, p[2].value, 0));
        return true;
    }
    set_date(out, a ? day_first : month_first, false);
    return true;
}

bool ts_date_of_token(ts_view token, struct ts_numeral *out)
{
    struct part p[3];
    char separator = 0;
    size_t n = token.len <= 10 ? split(token, p, &separator) : 0;
    if (n == 3 && p[0].digits <= 2 && p[1].digits <= 2 && p[2].digits == 4)
        return year_last(p, separator, out);
    if (n == 3 && p[0].digits == 4 && p[1].digits <= 2 && p[2].digits <= 2) {
        struct date d = {p[0].value, p[1].value, p[2].value};
        if (is_date(d))
            set_date(out, d, false);
        return is_date(d);
    }
    if (n == 2 && separator == '-' && p[0].digits == 4 && p[1].digits == 2 && p[1].value >= 1 &&
        p[1].value <= 12) {
        set_date(out, (struct date){p[0].value, p[1].value, 0}, false);
        return true;
    }
    return false;
}

/* ---- with the month's name ---- */

/* English, German, French, Spanish, Italian, Dutch, Portuguese. */
static const struct {
    const char *name;
    unsigned month;
} months[] = {
    {"january", 1},   {"jan", 1},       {"januar", 1},     {"jänner", 1},     {"janvier", 1},
    {"enero", 1},     {"gennaio", 1},   {"januari", 1},    {"janeiro", 1},    {"february", 2},
    {"feb", 2},       {"februar", 2},   {"février", 2},    {"febrero", 2},    {"febbraio", 2},
    {"februari", 2},  {"fevereiro", 2}, {"march", 3},      {"mar", 3},        {"märz", 3},
    {"mars", 3},      {"marzo", 3},     {"maart", 3},      {"março", 3},      {"april", 4},
    {"apr", 4},       {"avril", 4},     {"abril", 4},      {"aprile", 4},     {"may", 5},
    {"mai", 5},       {"mayo", 5},      {"maggio", 5},     {"mei", 5},        {"maio", 5},
    {"june", 6},      {"jun", 6},       {"juni", 6},       {"juin", 6},       {"junio", 6},
    {"giugno", 6},    {"junho", 6},     {"july", 7},       {"jul", 7},        {"juli", 7},
    {"juillet", 7},   {"julio", 7},     {"luglio", 7},     {"julho", 7},      {"august", 8},
    {"aug", 8},       {"août", 8},      {"agosto", 8},     {"augustus", 8},   {"september", 9},
    {"sep", 9},       {"sept", 9},      {"septembre", 9},  {"septiembre", 9}, {"settembre", 9},
    {"setembro", 9},  {"october", 10},  {"oct", 10},       {"oktober", 10},   {"okt", 10},
    {"octobre", 10},  {"octubre", 10},  {"ottobre", 10},   {"outubro", 10},   {"november", 11},
    {"nov", 11},      {"novembre", 11}, {"noviembre", 11}, {"novembro", 11},  {"december", 12},
    {"dec", 12},      {"dezember", 12}, {"dez", 12},       {"décembre", 12},  {"diciembre", 12},
    {"dicembre", 12}, {"dezembro", 12}};

static unsigned month_of(ts_view word)
{
    for (size_t i = 0; i < TS_COUNT(months) && word.len >= 3; i++)
        if ((word.ptr[0] | 32) == months[i].name[0] &&
            ts_fold_eq(word, ts_view_str(months[i].name)))
            return months[i].month;
    return 0;
}

static size_t skip_word(ts_view t, size_t at, const char *const *words)
{
    for (; *words; words++) {
        ts_view word = ts_view_str(*words);
        if (ts_view_eq_nocase(ts_view_cut(t, at, word.len), word))
            return at + word.len;
    }
    return at;
}

static size_t skip_gap(ts_view t, size_t at)
{
    size_t from = at;
    while (at < t.len && at - from < 3 && (t.ptr[at] == ' ' || t.ptr[at] == '\n'))
        at++;
    if (at == from && ts_view_starts(ts_view_from(t, at), TS_LIT("\xc2\xa0")))
        at += 2;
    return at;
}

/* A year of four digits from `at` on; 0: none there. */
static unsigned year_at(ts_view t, size_t at, size_t *end)
{
    unsigned year = 0;
    size_t i = at;
    while (i < t.len && i - at < 5 && ts_text_is_digit(t.ptr[i]))
        year = year * 10 + t.ptr[i++] - '0';
    if (i - at != 4 || year < 1000)
        return 0;
    *end = i;
    return year;
}

/* "May 5, 2024", "May 5th", "May 2024": the month is the word before, with nothing but a gap between.
 * With a day it has a capital: only English puts it first, and there "may 5" is no date. */
static bool month_first(ts_view t, ts_view word, size_t at, size_t end, unsigned value,
                        struct ts_numeral *out)
{
    static const char *const ordinals[] = {"st", "nd", "rd", "th", NULL};
    size_t word_from = word.len > 0 ? (size_t)(word.ptr - t.ptr) : 0;
    size_t gap = word_from + word.len;
    gap += gap < at && t.ptr[gap] == '.';
    bool near = word.len > 0 && gap < at && skip_gap(t, gap) == at;
    struct date d = {.month = near ? month_of(word) : 0};
    if (d.month && end - at == 4) {
        d.year = value;
    } else if (d.month && !(word.ptr[0] & 32)) {
        d.day = value;
        size_t next = skip_word(t, end, ordinals);
        next += next < t.len && t.ptr[next] == ',';
        d.year = next < t.len ? year_at(t, skip_gap(t, next), &end) : 0;
    }
    if (!d.year && !is_date(d))
        return false;
    if (d.day && !is_date(d))
        return false;
    out->from = word_from;
    out->end = end;
    set_date(out, d, true);
    return true;
}

/* Months that are other words, too: "the 3 may be". */
static bool is_doubtful(ts_view month)
{
    return ts_view_is(month, "may") || ts_view_is(month, "march");
}

/* "5 May 2024", "5th of May", "5. Mai 2024", "5-May-2024", "5 de mayo de 2024" */
static bool day_first(ts_view t, size_t end, unsigned value, struct ts_numeral *out)
{
    static const char *const ordinals[] = {"st", "nd", "rd", "th", ".", "º", "er", NULL};
    static const char *const joining[] = {"of ", "de ", "do ", "del ", NULL};
    size_t at = skip_word(t, end, ordinals);
    at += at < t.len && t.ptr[at] == '-';
    size_t from = skip_word(t, skip_gap(t, at), joining);
    size_t word_end = from > end && from < t.len ? ts_text_run(t, from, true) : from;
    ts_view word = ts_view_cut(t, from, word_end - from);
    struct date d = {.month = month_of(word), .day = value};
    if (!is_date(d))
        return false;
    size_t last = word_end;
    at = word_end;
    at += at < t.len && (t.ptr[at] == '.' || t.ptr[at] == ',' || t.ptr[at] == '-');
    d.year = year_at(t, skip_word(t, skip_gap(t, at), joining), &last);
    if (!d.year && is_doubtful(word) && from - end < 4)
        return false;
    out->end = last;
    set_date(out, d, true);
    return true;
}

bool ts_date_in_words(ts_view text, ts_view before, size_t at, size_t end, unsigned value,
                      struct ts_numeral *out)
{
    bool day = end - at <= 2 && value >= 1 && value <= 31;
    bool year = end - at == 4 && value >= 1000;
    return ((day || year) && month_first(text, before, at, end, value, out)) ||
           (day && day_first(text, end, value, out));
}
