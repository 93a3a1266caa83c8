#include "pipeline/scorer/local_search_terms.h"

#include "pipeline/scorer/local_fold.h"
#include "pipeline/scorer/local_numerals.h"
#include "tlm/text.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SHORTEST = 4, STEM = 5 };

/* ---- the table ---- */

void ts_search_terms_init(struct ts_search_terms *s, size_t keys)
{
    size_t slots = 64;
    while (slots < keys)
        slots *= 2;
    *s = (struct ts_search_terms){.mask = slots - 1};
    s->key = ts_alloc(slots * (sizeof *s->key + sizeof *s->found));
    s->found = (bool *)(s->key + slots);
}

void ts_search_terms_release(struct ts_search_terms *s)
{
    free(s->key);
    s->key = NULL;
}

static uint64_t hash_of(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

static bool *find_slot(const struct ts_search_terms *s, uint64_t key)
{
    uint64_t hash = hash_of(key);
    size_t at = (size_t)(hash >> 20) & s->mask;
    while (s->key[at] && s->key[at] != key)
        at = (at + 1) & s->mask;
    return s->key[at] ? &s->found[at] : NULL;
}

static uint8_t *filter_slot(struct ts_search_terms *s, uint64_t key)
{
    return &s->filter[hash_of(key) >> 52];
}

void ts_search_terms_add(struct ts_search_terms *s, uint64_t key)
{
    size_t at = (size_t)(hash_of(key) >> 20) & s->mask;
    while (s->key[at] && s->key[at] != key)
        at = (at + 1) & s->mask;
    if (s->key[at])
        return;
    s->key[at] = key;
    s->missing++;
    if (*filter_slot(s, key) < UINT8_MAX)
        ++*filter_slot(s, key);
}

static inline void mark(struct ts_search_terms *s, uint64_t key)
{
    uint8_t *pending = filter_slot(s, key);
    bool *found = *pending ? find_slot(s, key) : NULL;
    if (!found || *found)
        return;
    *found = true;
    s->missing--;
    if (*pending < UINT8_MAX)
        --*pending;
}

bool ts_search_terms_found(const struct ts_search_terms *s, uint64_t key)
{
    const bool *found = find_slot(s, key);
    return found && *found;
}

/* ---- words and numerals of a text ---- */

static inline bool is_word_byte(uint8_t c) /* ASCII */
{
    static const uint64_t bits[4] = {UINT64_C(0x03ff000000000000), UINT64_C(0x07fffffe87fffffe)};
    return bits[c >> 6] >> (c & 63) & 1;
}

bool ts_is_currency(const uint8_t *code)
{
    static const char codes[] = "USD EUR GBP JPY CHF CAD AUD NZD CNY INR SEK NOK DKK PLN CZK HUF "
                                "TRY BRL MXN ZAR KRW SGD HKD RUB UAH ";
    for (const char *c = codes; *c; c += 4)
        if (memcmp(code, c, 3) == 0)
            return true;
    return false;
}

static inline void cut_currency(ts_view text, struct ts_token *t)
{
    if (t->end - t->from > 3 && ts_text_is_digit(text.ptr[t->from + 3]) &&
        ts_is_currency(text.ptr + t->from))
        t->end = t->from + 3;
}

bool ts_token_next(ts_view t, size_t at, struct ts_token *out)
{
    size_t len;
    for (; at < t.len; at += len) {
        len = 1;
        if (is_word_byte(t.ptr[at]) ||
            (t.ptr[at] >= 0x80 && ts_text_is_word(ts_text_char(t, at, &len))))
            break;
    }
    if (at >= t.len)
        return false;
    *out = (struct ts_token){.from = at, .end = at, .ascii = true};
    out->numeral = ts_text_is_digit(t.ptr[at]);
    if (out->numeral)
        return true;
    for (;;) {
        while (at < t.len && is_word_byte(t.ptr[at]))
            at++;
        if (at >= t.len || t.ptr[at] < 0x80 || !ts_text_is_word(ts_text_char(t, at, &len)))
            break;
        out->ascii = false;
        at += len;
    }
    out->end = at;
    cut_currency(t, out);
    return true;
}

static uint64_t folded_key(ts_view word)
{
    int32_t first[STEM + 1];
    size_t n = ts_fold(word, first, STEM + 1);
    uint64_t more = (uint64_t)(n > STEM) << 40;
    uint64_t packed = 0;
    bool ascii = true;
    n = n > STEM ? STEM : n;
    for (size_t i = 0; i < n; i++) {
        ascii &= first[i] < 0x80;
        packed |= (uint64_t)((first[i] | 32) & 0x7f) << 8 * i; /* as ts_word_key does it */
    }
    return ascii ? packed | more : XXH3_64bits_withSeed(first, n * sizeof *first, more + 1);
}

uint64_t ts_word_key(ts_view text, const struct ts_token *t)
{
    static const uint64_t low[STEM + 1] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff};
    const uint8_t *p = text.ptr + t->from;
    size_t n = t->end - t->from;
    n -= n > SHORTEST && (p[n - 1] | 32) == 's';
    if (!t->ascii || t->from + 8 > text.len)
        return folded_key(ts_view_of(p, n));
    uint64_t all = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
                   (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32;
    uint64_t more = (uint64_t)(n > STEM) << 40;
    uint64_t upper = UINT64_C(0x2020202020);
    return ((all | upper) & low[n > STEM ? STEM : n]) | more;
}

/* ---- the context ---- */

/* "€5" holds "EUR". */
static void mark_signs(struct ts_search_terms *s, ts_view text)
{
    static const struct {
        const char *sign, *code;
    } signs[] = {{"$", "USD"}, {"\xe2\x82\xac", "EUR"}, {"\xc2\xa3", "GBP"}, {"\xc2\xa5", "JPY"}};
    for (size_t i = 0; i < TS_COUNT(signs); i++)
        if (ts_view_find(text, ts_view_str(signs[i].sign)) != SIZE_MAX)
            mark(s, folded_key(ts_view_str(signs[i].code)));
}

struct scan {
    struct ts_search_terms *s;
    struct ts_numeral_reader reader;
};

/* The words that are part of a date: "5 May 2024" holds "May". */
static void mark_words(struct scan *scan, size_t at, size_t end)
{
    struct ts_token t;
    while (ts_token_next(ts_view_cut(scan->reader.text, 0, end), at, &t)) {
        if (!t.numeral)
            mark(scan->s, ts_word_key(scan->reader.text, &t));
        at = t.numeral ? t.from + 1 : t.end;
    }
}

static size_t mark_numeral(struct scan *scan, size_t at)
{
    struct ts_numeral numeral;
    if (!scan->s->numerals) {
        while (at < scan->reader.text.len && ts_text_is_digit(scan->reader.text.ptr[at]))
            at++;
        return at;
    }
    ts_numeral_read(&scan->reader, at, &numeral);
    for (size_t i = 0; i < numeral.implied_count; i++)
        mark(scan->s, numeral.implied[i]);
    if (numeral.date)
        mark_words(scan, at, numeral.end);
    scan->reader.word_before = TS_NOTHING;
    return numeral.end;
}

/* Marks a word, or a numeral with all that belongs to it; returns its end. */
static inline size_t mark_token(struct scan *scan, const struct ts_token *t)
{
    if (t->numeral)
        return mark_numeral(scan, t->from);
    mark(scan->s, ts_word_key(scan->reader.text, t));
    scan->reader.word_before = ts_view_of(scan->reader.text.ptr + t->from, t->end - t->from);
    return t->end;
}

/* Bit 7 of each byte of x that is a word's; `x` has ASCII only. */
static inline uint64_t word_bytes(uint64_t x)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t lower = x | 0x20 * each;
    uint64_t letter = (lower + (0x80 - 'a') * each) & ~(lower + (0x7f - 'z') * each);
    uint64_t digit = (x + (0x80 - '0') * each) & ~(x + (0x7f - '9') * each);
    uint64_t underscore = 0x80 * each - (x ^ '_' * each);
    return (letter | digit | underscore) & 0x80 * each;
}

/* A bit for each of 64 bytes that is a word's; *plain is how many there are before one that is not
 * ASCII. */
static uint64_t word_bits(const uint8_t *p, size_t *plain)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t gather = UINT64_C(0x0002040810204081); /* bit 7 of byte i goes to bit 56 + i */
    uint64_t bits = 0;
    for (size_t i = 0; i < 64; i += 8, p += 8) {
        uint64_t x = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
                     (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
                     (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
        if (x & high) {
            *plain = i;
            return bits;
        }
        bits |= (word_bytes(x) * gather >> 56) << i;
    }
    *plain = 64;
    return bits;
}

/* The words that end among the next 64 bytes; returns where it stopped. The texts are long and most
 * words are not looked for, so what counts is to come from one to the next without looking at bytes. */
static size_t scan_block(struct scan *scan, size_t at)
{
    ts_view text = scan->reader.text;
    size_t plain;
    uint64_t bits = word_bits(text.ptr + at, &plain);
    for (uint64_t left = bits; left;) {
        size_t from = (size_t)__builtin_ctzll(left);
        uint64_t beyond = ~(left >> from);
        size_t end = beyond ? from + (size_t)__builtin_ctzll(beyond) : 64;
        struct ts_token t = {at + from, at + end, ts_text_is_digit(text.ptr[at + from]), true};
        if (end >= plain)
            return at + from;
        cut_currency(text, &t);
        size_t next = mark_token(scan, &t) - at;
        if (next >= plain)
            return at + next;
        left &= ~UINT64_C(0) << next;
    }
    return at + plain;
}

void ts_search_terms_scan(struct ts_search_terms *s, ts_view text)
{
    struct scan scan = {s, {.text = text}};
    struct ts_token t;
    if (s->currencies)
        mark_signs(s, scan.reader.text);
    for (size_t at = 0; s->missing > 0;) {
        size_t next = at + 64 <= scan.reader.text.len ? scan_block(&scan, at) : at;
        if (next == at) { /* the end, a long word, or one that is not ASCII */
            if (!ts_token_next(scan.reader.text, at, &t))
                break;
            next = mark_token(&scan, &t);
        }
        at = next;
    }
}
