/* local_grounding.c - does the response say more than the retrieved context holds? Looked for in the
 * documents, and in the messages (what repeats the question is no invention): figures (numbers,
 * dates, times), names, quotations, and the other content words. Figures, names and quotations weigh
 * more: they are what is made up most, and what cannot be said in other words.
 * The response is short and the context long: what the response says goes into a small table, and the
 * context is walked once, past it, until all is found. */
#include "pipeline/scorer/local.h"

#include "pipeline/scorer/local_figures.h"
#include "pipeline/scorer/local_fold.h"
#include "tlm/text.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SHORTEST = 4, STEM = 5, SHOWN = 3, QUOTES = 8, MOST_TEXT = 1 << 20 };
/* Our own choice: one wrong figure shows among a dozen words, and a few words are little evidence. */
static const double hard_weight = 3, full_weight = 12;

/* ---- what is looked for ---- */

struct sought {
    uint8_t waiting[1 << 12]; /* keys not found yet by the top bits of their place, 255: very many.
                               * Most words of a context end here */
    uint64_t *key;            /* open table, 0: empty */
    bool *found;
    size_t mask, left;        /* `left`: not found yet */
    bool currencies, figures; /* a code of one, any of them is looked for */
};

static uint64_t place_of(uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15);
}

static bool *find_slot(const struct sought *s, uint64_t key)
{
    uint64_t place = place_of(key);
    size_t at = (size_t)(place >> 20) & s->mask;
    while (s->key[at] && s->key[at] != key)
        at = (at + 1) & s->mask;
    return s->key[at] ? &s->found[at] : NULL;
}

static uint8_t *waiting_of(struct sought *s, uint64_t key)
{
    return &s->waiting[place_of(key) >> 52];
}

static void seek(struct sought *s, uint64_t key)
{
    size_t at = (size_t)(place_of(key) >> 20) & s->mask;
    while (s->key[at] && s->key[at] != key)
        at = (at + 1) & s->mask;
    if (s->key[at])
        return;
    s->key[at] = key;
    s->left++;
    if (*waiting_of(s, key) < UINT8_MAX)
        ++*waiting_of(s, key);
}

static inline void mark(struct sought *s, uint64_t key)
{
    uint8_t *waiting = waiting_of(s, key);
    bool *found = *waiting ? find_slot(s, key) : NULL;
    if (!found || *found)
        return;
    *found = true;
    s->left--;
    if (*waiting < UINT8_MAX)
        --*waiting;
}

static bool was_found(const struct sought *s, uint64_t key)
{
    const bool *found = find_slot(s, key);
    return found && *found;
}

/* ---- words and figures of a text ---- */

struct token {
    size_t from, end;
    bool figure; /* then `end` is not known yet */
    bool ascii;
};

static inline bool is_word_byte(uint8_t c) /* ASCII */
{
    static const uint64_t bits[4] = {UINT64_C(0x03ff000000000000), UINT64_C(0x07fffffe87fffffe)};
    return bits[c >> 6] >> (c & 63) & 1;
}

/* "USD1250": the code, and then the figure. */
static bool is_currency(const uint8_t *code)
{
    static const char codes[] = "USD EUR GBP JPY CHF CAD AUD NZD CNY INR SEK NOK DKK PLN CZK HUF "
                                "TRY BRL MXN ZAR KRW SGD HKD RUB UAH ";
    for (const char *c = codes; *c; c += 4)
        if (memcmp(code, c, 3) == 0)
            return true;
    return false;
}

static inline void cut_currency(ts_view text, struct token *t)
{
    if (t->end - t->from > 3 && ts_text_is_digit(text.ptr[t->from + 3]) &&
        is_currency(text.ptr + t->from))
        t->end = t->from + 3;
}

static inline bool next_token(ts_view t, size_t at, struct token *out)
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
    *out = (struct token){.from = at, .end = at, .ascii = true};
    out->figure = ts_text_is_digit(t.ptr[at]);
    if (out->figure)
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

/* Inflected words are taken for one another: the same first letters, without the s of many, and more
 * letters or none behind them. */
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
        packed |= (uint64_t)((first[i] | 32) & 0x7f) << 8 * i; /* as word_key does it */
    }
    return ascii ? packed | more : XXH3_64bits_withSeed(first, n * sizeof *first, more + 1);
}

static inline uint64_t word_key(ts_view text, const struct token *t)
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
static void mark_signs(struct sought *s, ts_view text)
{
    static const struct {
        const char *sign, *code;
    } signs[] = {{"$", "USD"}, {"\xe2\x82\xac", "EUR"}, {"\xc2\xa3", "GBP"}, {"\xc2\xa5", "JPY"}};
    for (size_t i = 0; i < TS_COUNT(signs); i++)
        if (ts_view_find(text, ts_view_str(signs[i].sign)) != SIZE_MAX)
            mark(s, folded_key(ts_view_str(signs[i].code)));
}

struct walk {
    struct sought *s;
    struct ts_figures f;
};

/* The words that a date took up: "5 May 2024" holds "May". */
static void mark_words(struct walk *w, size_t at, size_t end)
{
    struct token t;
    while (next_token(ts_view_cut(w->f.text, 0, end), at, &t)) {
        if (!t.figure)
            mark(w->s, word_key(w->f.text, &t));
        at = t.figure ? t.from + 1 : t.end;
    }
}

static size_t mark_figure(struct walk *w, size_t at)
{
    struct ts_figure figure;
    if (!w->s->figures) {
        while (at < w->f.text.len && ts_text_is_digit(w->f.text.ptr[at]))
            at++;
        return at;
    }
    ts_figure_read(&w->f, at, &figure);
    for (size_t i = 0; i < figure.says_count; i++)
        mark(w->s, figure.says[i]);
    if (figure.date)
        mark_words(w, at, figure.end);
    w->f.word_from = w->f.word_end = 0;
    return figure.end;
}

/* Marks a word, or a figure with all that belongs to it; returns its end. */
static inline size_t mark_token(struct walk *w, const struct token *t)
{
    if (t->figure)
        return mark_figure(w, t->from);
    mark(w->s, word_key(w->f.text, t));
    w->f.word_from = t->from;
    w->f.word_end = t->end;
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
static size_t walk_block(struct walk *w, size_t at)
{
    ts_view text = w->f.text;
    size_t plain;
    uint64_t bits = word_bits(text.ptr + at, &plain);
    for (uint64_t left = bits; left;) {
        size_t from = (size_t)__builtin_ctzll(left);
        uint64_t beyond = ~(left >> from);
        size_t end = beyond ? from + (size_t)__builtin_ctzll(beyond) : 64;
        struct token t = {at + from, at + end, ts_text_is_digit(text.ptr[at + from]), true};
        if (end >= plain)
            return at + from;
        cut_currency(text, &t);
        size_t next = mark_token(w, &t) - at;
        if (next >= plain)
            return at + next;
        left &= ~UINT64_C(0) << next;
    }
    return at + plain;
}

static void walk_context(struct sought *s, ts_view text)
{
    struct walk w = {s, {.text = ts_view_cut(text, 0, MOST_TEXT)}};
    struct token t;
    if (s->currencies)
        mark_signs(s, w.f.text);
    for (size_t at = 0; s->left > 0;) {
        size_t next = at + 64 <= w.f.text.len ? walk_block(&w, at) : at;
        if (next == at) { /* the end, a long word, or one that is not ASCII */
            if (!next_token(w.f.text, at, &t))
                break;
            next = mark_token(&w, &t);
        }
        at = next;
    }
}

/* ---- what the response says ---- */

struct piece {
    ts_view text;
    bool hard; /* a figure or a name */
    uint64_t any[2];
    size_t any_count;
    uint64_t both[2]; /* as in struct ts_figure */
};

struct reading {
    struct ts_figures f; /* of the response */
    struct ts_buf pieces;
    uint64_t numbers[16]; /* a bit for each number of a list so far */
    bool currencies, figures;
};

static bool ends_sentence(uint8_t c)
{
    return c == '.' || c == '!' || c == '?' || c == ':' || c == '\n' || c == '"' || c == '*' ||
           c == '-' || c == '(';
}

static bool is_name(ts_view text, const struct token *t, size_t gap)
{
    size_t len;
    int32_t folded;
    bool begins = gap == 0; /* a sentence, so a capital is no name */
    for (size_t i = gap; i < t->from; i++)
        begins |= ends_sentence(text.ptr[i]);
    if (begins || t->end - t->from < 2)
        return false;
    int32_t first = ts_text_char(text, t->from, &len);
    return ts_fold(ts_view_cut(text, t->from, len), &folded, 1) == 1 && folded != first;
}

/* Words that say nothing by themselves, by their first letter, a row ending with an empty one; of
 * other languages the length has to do. */
static const char fillers['z' - 'a' + 1][9][12] = {
    ['a' - 'a'] = {"about", "also", "after", "according", "answer"},
    ['b' - 'a'] = {"been", "because", "before", "between", "both", "based"},
    ['c' - 'a'] = {"could", "context"},
    ['d' - 'a'] = {"does", "document"},
    ['e' - 'a'] = {"each"},
    ['f' - 'a'] = {"from"},
    ['h' - 'a'] = {"have", "however"},
    ['i' - 'a'] = {"into", "information"},
    ['m' - 'a'] = {"more", "most"},
    ['o' - 'a'] = {"only", "other"},
    ['p' - 'a'] = {"provided", "percent", "percentage", "prozent"},
    ['r' - 'a'] = {"response"},
    ['s' - 'a'] = {"should", "some", "such"},
    ['t' - 'a'] = {"that", "this", "their", "there", "they", "than", "then", "these", "those"},
    ['v' - 'a'] = {"very"},
    ['w' - 'a'] = {"with", "were", "which", "will", "would", "when", "where", "what", "while"},
    ['y' - 'a'] = {"your"},
};

static bool is_filler(ts_view word)
{
    if (!ts_text_is_ascii_letter(word.ptr[0]))
        return false;
    const char(*known)[12] = fillers[(word.ptr[0] | 32) - 'a'];
    for (; (*known)[0]; known++)
        if (ts_view_eq_nocase(word, ts_view_str(*known)))
            return true;
    return false;
}

static void add_piece(struct reading *r, const struct piece *p)
{
    ts_buf_add(&r->pieces, p, sizeof *p);
}

static void add_word(struct reading *r, const struct token *t, size_t gap)
{
    struct piece p = {.text = ts_view_cut(r->f.text, t->from, t->end - t->from), .any_count = 1};
    p.hard = is_name(r->f.text, t, gap);
    p.any[0] = word_key(r->f.text, t);
    r->f.word_from = t->from;
    r->f.word_end = t->end;
    r->currencies |= p.text.len == 3 && is_currency(p.text.ptr);
    if (p.hard || (p.text.len >= SHORTEST && !is_filler(p.text)))
        add_piece(r, &p);
}

/* "2." or "2)" where a line begins, behind a "1." before it: it counts, and says nothing. */
static bool is_list_number(struct reading *r, size_t from, size_t end)
{
    ts_view t = r->f.text;
    unsigned n = 0;
    size_t at = from;
    while (at > 0 && t.ptr[at - 1] && strchr(" \t*#>_(-", t.ptr[at - 1]))
        at--;
    if ((at > 0 && t.ptr[at - 1] != '\n') || end - from > 3 || end + 1 >= t.len ||
        (t.ptr[end] != '.' && t.ptr[end] != ')') || !strchr(" \t*_", t.ptr[end + 1]))
        return false;
    for (size_t i = from; i < end; i++) {
        if (!ts_text_is_digit(t.ptr[i]))
            return false;
        n = n * 10 + t.ptr[i] - '0';
    }
    bool follows = n <= 1 || r->numbers[(n - 1) / 64] >> (n - 1) % 64 & 1;
    if (follows)
        r->numbers[n / 64] |= UINT64_C(1) << n % 64;
    return follows;
}

static size_t add_figure(struct reading *r, size_t at)
{
    struct ts_figure f;
    ts_figure_read(&r->f, at, &f);
    struct piece p = {.text = ts_view_cut(r->f.text, f.from, f.end - f.from), .hard = true};
    r->f.word_from = r->f.word_end = 0;
    if (!f.date && is_list_number(r, at, f.end))
        return f.end;
    memcpy(p.any, f.any, sizeof p.any);
    memcpy(p.both, f.both, sizeof p.both);
    p.any_count = f.any_count;
    r->figures = true;
    size_t last = r->pieces.len - sizeof p; /* the month before is part of the date */
    if (f.from < at && r->pieces.len > 0 &&
        ((struct piece *)(void *)(r->pieces.ptr + last))->text.ptr == p.text.ptr)
        r->pieces.len = last;
    add_piece(r, &p);
    return f.end;
}

static void read_response(struct reading *r)
{
    struct token t;
    for (size_t at = 0; next_token(r->f.text, at, &t);) {
        if (t.figure) {
            at = add_figure(r, t.from);
            continue;
        }
        add_word(r, &t, at);
        at = t.end;
    }
}

static const struct piece *pieces_of(const struct reading *r, size_t *count)
{
    *count = r->pieces.len / sizeof(struct piece);
    return (const struct piece *)(const void *)r->pieces.ptr;
}

static void seek_all(struct sought *s, const struct reading *r)
{
    size_t count;
    const struct piece *p = pieces_of(r, &count);
    size_t slots = 64;
    while (slots < 4 * count) /* two keys a piece, but for few: half full at most */
        slots *= 2;
    *s = (struct sought){.mask = slots - 1, .currencies = r->currencies, .figures = r->figures};
    s->key = ts_alloc(slots * (sizeof *s->key + sizeof *s->found));
    s->found = (bool *)(s->key + slots);
    for (; count-- > 0; p++) {
        for (size_t i = 0; i < p->any_count; i++)
            seek(s, p->any[i]);
        for (size_t i = 0; i < 2 && p->both[0]; i++)
            seek(s, p->both[i]);
    }
}

/* ---- what is missing ---- */

struct tally {
    double all, grounded; /* weighted */
    size_t hard, hard_missing, words, words_missing;
    ts_view shown[SHOWN]; /* hard pieces that are missing, else words */
    size_t shown_count, shown_hard;
};

static void show(struct tally *t, ts_view text, bool hard)
{
    for (size_t i = 0; i < t->shown_count; i++)
        if (ts_view_eq(t->shown[i], text))
            return;
    if (t->shown_count < SHOWN) {
        t->shown[t->shown_count++] = text;
        t->shown_hard += hard;
    } else if (hard && t->shown_hard < SHOWN) { /* in place of a word */
        t->shown[t->shown_hard++] = text;
    }
}

static void count(struct tally *t, ts_view text, bool hard, bool found)
{
    double weight = hard ? hard_weight : 1;
    t->all += weight;
    t->grounded += found ? weight : 0;
    t->hard += hard;
    t->words += !hard;
    t->hard_missing += hard && !found;
    t->words_missing += !hard && !found;
    if (!found)
        show(t, text, hard);
}

static void count_pieces(struct tally *t, const struct sought *s, const struct reading *r)
{
    size_t count_of;
    const struct piece *p = pieces_of(r, &count_of);
    for (; count_of-- > 0; p++) {
        bool found = p->both[0] && was_found(s, p->both[0]) && was_found(s, p->both[1]);
        for (size_t i = 0; i < p->any_count; i++)
            found = found || was_found(s, p->any[i]);
        count(t, p->text, p->hard, found);
    }
}

static void walk_all(struct sought *s, const struct ts_llm *llm)
{
    for (size_t i = 0; i < llm->document_count; i++)
        walk_context(s, llm->documents[i].content);
    for (size_t i = 0; i < llm->message_count; i++)
        walk_context(s, llm->messages[i].content);
}

static bool stands_somewhere(const struct ts_llm *llm, struct ts_buf *known, ts_view text)
{
    for (size_t i = 0; known->len == 0 && i < llm->document_count + llm->message_count; i++) {
        size_t k = i - llm->document_count;
        ts_view one =
            i < llm->document_count ? llm->documents[i].content : llm->messages[k].content;
        ts_fold_append(known, ts_view_cut(one, 0, MOST_TEXT));
        ts_buf_add_byte(known, 0); /* nothing is quoted across two texts */
    }
    struct ts_buf folded = TS_BUF_INIT;
    ts_fold_append(&folded, text);
    bool stands = ts_view_find(ts_buf_view(known), ts_buf_view(&folded)) != SIZE_MAX;
    ts_buf_release(&folded);
    return stands;
}

/* Text in double quotes of two words and more: to be found as it is. */
static void count_quotations(struct tally *t, const struct ts_llm *llm)
{
    static const struct {
        ts_view open, close;
    } marks[] = {{TS_LIT("\""), TS_LIT("\"")},
                 {TS_LIT("\xe2\x80\x9c"), TS_LIT("\xe2\x80\x9d")},
                 {TS_LIT("\xc2\xab"), TS_LIT("\xc2\xbb")}};
    ts_view r = ts_view_cut(llm->response, 0, MOST_TEXT);
    struct ts_buf known = TS_BUF_INIT; /* all texts folded, with the first quotation */
    int quotes = 0;
    for (size_t m = 0; m < TS_COUNT(marks); m++)
        for (size_t at = 0; quotes < QUOTES;) {
            size_t from = ts_text_find(r, at, marks[m].open, false);
            if (from == SIZE_MAX)
                break;
            from += marks[m].open.len;
            size_t to = ts_text_find(r, from, marks[m].close, false);
            if (to == SIZE_MAX)
                break;
            at = to + marks[m].close.len;
            ts_view quote = ts_view_trim(ts_view_cut(r, from, to - from));
            while (quote.len > 0 && ts_text_is_punctuation(quote.ptr[quote.len - 1]))
                quote.len--; /* the sentence's own */
            if (quote.len < 6 || quote.len > 200 || ts_view_find(quote, TS_LIT(" ")) == SIZE_MAX)
                continue;
            quotes++;
            count(t, quote, true, stands_somewhere(llm, &known, quote));
        }
    ts_buf_release(&known);
}

static ts_view say(struct ts_arena *arena, const struct tally *t)
{
    struct ts_buf out = TS_BUF_INIT;
    size_t missing = t->hard_missing + t->words_missing;
    if (missing == 0) {
        ts_buf_printf(&out,
                      "The context holds all %zu figures and names and all %zu other words "
                      "of the response that were looked for.",
                      t->hard, t->words);
    } else {
        ts_buf_add_str(&out, "The context does not hold ");
        for (size_t i = 0; i < t->shown_count; i++)
            ts_buf_printf(&out, "%s'" TS_FMT "'", i ? ", " : "",
                          TS_ARG(ts_local_quote(arena, t->shown[i])));
        if (missing > t->shown_count)
            ts_buf_printf(&out, " and %zu more", missing - t->shown_count);
        ts_buf_printf(&out, " of %zu figures, names, quotations and %zu other words.", t->hard,
                      t->words);
    }
    ts_view text = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return text;
}

void ts_local_grounding(struct ts_agreement *memory, const struct ts_llm *llm,
                        struct ts_arena *arena, struct ts_signal *out)
{
    (void)memory;
    if (llm->document_count == 0 || llm->response.len == 0)
        return;
    struct reading r = {.f.text = ts_view_cut(llm->response, 0, MOST_TEXT), .pieces = TS_BUF_INIT};
    struct tally t = {0};
    struct sought s;
    read_response(&r);
    seek_all(&s, &r);
    walk_all(&s, llm);
    count_pieces(&t, &s, &r);
    count_quotations(&t, llm);
    free(s.key);
    ts_buf_release(&r.pieces);
    if (t.all == 0)
        return;
    out->speaks = true;
    out->score = t.grounded / t.all;
    out->weight = t.all < full_weight ? t.all / full_weight : 1;
    out->text = say(arena, &t);
}
