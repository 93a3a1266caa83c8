#include "pipeline/scorer/local_numerals.h"

#include "pipeline/scorer/local_dates.h"
#include "tlm/text.h"

#include <xxhash.h>

static uint64_t raw_key(ts_view t)
{
    return ts_numeral_key(TS_KEY_RAW, XXH3_64bits(t.ptr, t.len), t.len);
}

static bool digit_at(ts_view t, size_t at)
{
    return at < t.len && ts_text_is_digit(t.ptr[at]);
}

/* ---- how far it goes ---- */

static bool joins(uint8_t c)
{
    return c == ',' || c == '.' || c == ':' || c == '-' || c == '/';
}

/* ' ’ and spaces that do not break group thousands where three digits follow. */
static size_t group_mark(ts_view t, size_t at)
{
    static const char *const marks[] = {"'", "\xe2\x80\x99", "\xc2\xa0", "\xe2\x80\xaf",
                                        "\xe2\x80\x89"};
    if (t.ptr[at] != '\'' && t.ptr[at] < 0x80)
        return 0;
    for (size_t i = 0; i < TS_COUNT(marks); i++) {
        size_t len = strlen(marks[i]);
        if (ts_view_starts(ts_view_from(t, at), ts_view_of(marks[i], len)))
            return digit_at(t, at + len) && digit_at(t, at + len + 1) &&
                           digit_at(t, at + len + 2) && !digit_at(t, at + len + 3)
                       ? len
                       : 0;
    }
    return 0;
}

struct token {
    size_t end;
    unsigned marks; /* which joining characters are in it, a bit each */
    bool grouped;   /* with marks that only group */
};
enum { COMMA = 1, POINT = 2, COLON = 4, DASH = 8, SLASH = 16 };

static unsigned mark_of(uint8_t c)
{
    return c == ',' ? COMMA : c == '.' ? POINT : c == ':' ? COLON : c == '-' ? DASH : SLASH;
}

static struct token token_at(ts_view t, size_t at)
{
    struct token k = {.end = at};
    size_t group = 0;
    while (k.end < t.len) {
        if (ts_text_is_digit(t.ptr[k.end])) {
            k.end++;
        } else if (joins(t.ptr[k.end]) && digit_at(t, k.end + 1) &&
                   (!k.grouped || t.ptr[k.end] == ',' || t.ptr[k.end] == '.')) {
            k.marks |= mark_of(t.ptr[k.end]);
            k.end += 2;
        } else if (k.marks == 0 && (group = group_mark(t, k.end)) > 0 &&
                   (k.grouped || k.end - at <= 3)) {
            k.grouped = true;
            k.end += group + 3;
        } else {
            break;
        }
    }
    return k;
}

static ts_view cut_at(ts_view t, char c)
{
    const uint8_t *at = memchr(t.ptr, c, t.len);
    return at ? ts_view_cut(t, 0, (size_t)(at - t.ptr)) : t;
}

/* ---- numbers ---- */

/* A fraction for certain: not three digits behind the mark, and no other mark of the kind near. */
static bool marks_fraction(ts_view t, size_t at)
{
    size_t before = at;
    size_t end = at + 1;
    while (before > 0 && ts_text_is_digit(t.ptr[before - 1]))
        before--;
    while (digit_at(t, end))
        end++;
    bool again = end < t.len && joins(t.ptr[end]) && digit_at(t, end + 1);
    bool after_same =
        before > 1 && t.ptr[before - 1] == t.ptr[at] && ts_text_is_digit(t.ptr[before - 2]);
    return before < at && end > at + 1 && end != at + 4 && !again && !after_same;
}

static bool has_fraction(ts_view t, char mark)
{
    for (size_t at = 0; at < t.len; at++) {
        const uint8_t *next = memchr(t.ptr + at, mark, t.len - at);
        if (!next)
            return false;
        at = (size_t)(next - t.ptr);
        if (marks_fraction(t, at))
            return true;
    }
    return false;
}

/* Is a comma the decimal mark of this text? 1,000 and 1.000 alone cannot tell. */
static bool comma_is_decimal(struct ts_numeral_reader *r)
{
    if (r->comma == TS_COMMA_UNKNOWN)
        r->comma = has_fraction(r->text, ',') && !has_fraction(r->text, '.') ? TS_COMMA_DECIMAL
                                                                             : TS_COMMA_GROUPS;
    return r->comma == TS_COMMA_DECIMAL;
}

/* Does `mark` group the digits of t: one to three, then threes (or twos, as in India, but for the
 * last)? */
static bool groups(ts_view t, char mark)
{
    size_t run = 0;
    bool first = true;
    for (size_t i = 0; i < t.len; i++) {
        if ((char)t.ptr[i] != mark) {
            run++;
            continue;
        }
        if (run > 3 || run == 0 || (!first && run < 2))
            return false;
        first = false;
        run = 0;
    }
    return run == 3 && !first && t.ptr[0] != '0';
}

/* Where the fraction's mark is, t.len: there is none. False: no number. */
static bool find_point(struct ts_numeral_reader *r, ts_view t, unsigned marks, size_t *point,
                       bool *doubtful)
{
    *point = t.len;
    if ((marks & (COMMA | POINT)) == 0)
        return true;
    size_t last = t.len;
    while (ts_text_is_digit(t.ptr[last - 1]))
        last--;
    char mark = (char)t.ptr[--last];
    bool once = memchr(t.ptr, mark, last) == NULL;
    if ((marks & COMMA) && (marks & POINT)) {
        *point = last;
        return once && groups(ts_view_cut(t, 0, last), mark == ',' ? '.' : ',');
    }
    bool grouped = groups(t, mark);
    if (!once)
        return grouped;
    *doubtful = grouped;
    if (!grouped || (mark == ',') == comma_is_decimal(r))
        *point = last;
    return true;
}

/* The digits as one number without zeros at either end. */
static uint64_t value_key(ts_view t, size_t point)
{
    enum { MOST = 18 }; /* digits that surely fit; of longer ones the bytes count */
    uint64_t digits = 0;
    size_t places = 0;
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (!ts_text_is_digit(t.ptr[i]))
            continue;
        digits = digits * 10 + t.ptr[i] - '0';
        n += n > 0 || t.ptr[i] != '0';
        places += i > point;
    }
    if (n > MOST)
        return raw_key(t);
    for (; places > 0 && digits % 10 == 0; places--)
        digits /= 10;
    return ts_numeral_key(TS_KEY_NUMBER, digits, places);
}

static void add(struct ts_numeral *out, uint64_t key)
{
    out->implied[out->implied_count++] = key;
    out->any[out->any_count++] = key;
}

static bool set_number(struct ts_numeral_reader *r, ts_view t, unsigned marks,
                       struct ts_numeral *out)
{
    size_t point;
    bool doubtful = false;
    if ((marks & ~(unsigned)(COMMA | POINT)) || !find_point(r, t, marks, &point, &doubtful))
        return false;
    add(out, value_key(t, point));
    if (doubtful) /* the same spelling is the same, whatever it means */
        add(out, raw_key(t));
    return true;
}

/* ---- all of it ---- */

/* Several numerals with a mark between - a range, a list, times - are read one by one. */
static ts_view first_of_several(ts_view t, unsigned marks)
{
    if ((marks & SLASH) && marks != SLASH)
        return cut_at(t, '/');
    if (marks & DASH)
        return cut_at(t, '-');
    if (marks & COMMA)
        return cut_at(t, ',');
    return t;
}

static unsigned marks_of(ts_view t)
{
    unsigned marks = 0;
    for (size_t i = 0; i < t.len; i++)
        if (!ts_text_is_digit(t.ptr[i]))
            marks |= mark_of(t.ptr[i]);
    return marks;
}

static void set_grouped(ts_view t, struct ts_numeral *out)
{
    uint8_t plain[64];
    size_t n = 0;
    size_t point = SIZE_MAX;
    for (size_t i = 0; i < t.len && n < sizeof plain; i++) {
        if (t.ptr[i] == ',' || t.ptr[i] == '.')
            point = n;
        if (ts_text_is_digit(t.ptr[i]) || n == point)
            plain[n++] = t.ptr[i];
    }
    add(out, value_key(ts_view_of(plain, n), point));
}

static void read_token(struct ts_numeral_reader *r, size_t at, ts_view t, unsigned marks,
                       struct ts_numeral *out)
{
    bool dated = marks == DASH || marks == POINT || marks == SLASH;
    out->end = at + t.len;
    if (dated && ts_date_of_token(t, out)) {
        bool time = out->end + 1 < r->text.len && r->text.ptr[out->end] == 'T' &&
                    digit_at(r->text, out->end + 1); /* 2024-05-05T06:30 */
        out->end += time;
        return;
    }
    if (set_number(r, t, marks, out))
        return;
    ts_view one = first_of_several(t, marks);
    if (one.len < t.len) {
        read_token(r, at, one, marks_of(one), out);
        return;
    }
    while (marks == COLON && t.len > 1 && t.ptr[0] == '0' && digit_at(t, 1))
        t = ts_view_from(t, 1); /* 06:30 */
    add(out, raw_key(t));
}

void ts_numeral_read(struct ts_numeral_reader *r, size_t at, struct ts_numeral *out)
{
    struct token k = token_at(r->text, at);
    ts_view t = ts_view_cut(r->text, at, k.end - at);
    *out = (struct ts_numeral){.from = at, .end = k.end};
    unsigned value = 0;
    for (size_t i = 0; i < t.len && i < 4 && k.marks == 0; i++)
        value = value * 10 + t.ptr[i] - '0';
    if (k.grouped)
        set_grouped(t, out);
    else if (k.marks || t.len > 4 ||
             !ts_date_in_words(r->text, r->word_before, at, k.end, value, out))
        read_token(r, at, t, k.marks, out);
}
