/* local_grounding.c - does the response say more than the retrieved context holds? Looked for in the
 * documents, and in the messages (what repeats the question is no invention): numerals (numbers,
 * dates, times), names, quotations, and the other content words. Numerals, names and quotations have
 * more weight: they are what is made up most, and what cannot be said in other words ("exact" below).
 * The response is read into terms with the keys that a text must hold; local_search_terms.c finds them. */
#include "pipeline/scorer/local_signal.h"

#include "pipeline/scorer/local_fold.h"
#include "pipeline/scorer/local_numerals.h"
#include "pipeline/scorer/local_search_terms.h"
#include "tlm/text.h"

#include <assert.h>

enum { SHORTEST = 4, SHOWN = 3, QUOTES = 8, MOST_TEXT = 1 << 20 };
/* Our own choice: one wrong number shows among a dozen words, and a few words are little evidence. */
static const double exact_weight = 3, full_weight = 12;

/* ---- what the response says ---- */

struct term {
    ts_view text;
    bool exact; /* a numeral or a name */
    uint64_t any[2];
    size_t any_count;
    uint64_t both[2]; /* as in struct ts_numeral */
};

struct extraction {
    struct ts_numeral_reader reader; /* of the response */
    struct ts_buf terms;
    uint64_t list_numbers[16]; /* a bit for each number of a list so far */
    bool currencies, numerals;
};

static bool ends_sentence(uint8_t c)
{
    return c == '.' || c == '!' || c == '?' || c == ':' || c == '\n' || c == '"' || c == '*' ||
           c == '-' || c == '(';
}

static bool is_name(ts_view text, const struct ts_token *t, size_t gap)
{
    size_t len;
    int32_t folded;
    bool begins = gap == 0; /* a sentence, so a capital is no name */
    assert(text.ptr);       /* a token stands in it */
    for (size_t i = gap; i < t->from; i++)
        begins |= ends_sentence(text.ptr[i]);
    if (begins || t->end - t->from < 2)
        return false;
    int32_t first = ts_text_char(text, t->from, &len);
    return ts_fold(ts_view_cut(text, t->from, len), &folded, 1) == 1 && folded != first;
}

/* Stop words, which say nothing by themselves, by their first letter, a row ending with an empty one; of
 * other languages the length has to do. */
static const char stop_words['z' - 'a' + 1][9][12] = {
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

static bool is_stop_word(ts_view word)
{
    if (!ts_text_is_ascii_letter(word.ptr[0]))
        return false;
    const char(*known)[12] = stop_words[(word.ptr[0] | 32) - 'a'];
    for (; (*known)[0]; known++)
        if (ts_view_eq_nocase(word, ts_view_str(*known)))
            return true;
    return false;
}

static void add_term(struct extraction *x, const struct term *p)
{
    ts_buf_add(&x->terms, p, sizeof *p);
}

static void add_word(struct extraction *x, const struct ts_token *t, size_t gap)
{
    struct term p = {.text = ts_view_cut(x->reader.text, t->from, t->end - t->from),
                     .any_count = 1};
    p.exact = is_name(x->reader.text, t, gap);
    p.any[0] = ts_word_key(x->reader.text, t);
    x->reader.word_before = p.text;
    x->currencies |= p.text.len == 3 && ts_is_currency(p.text.ptr);
    if (p.exact || (p.text.len >= SHORTEST && !is_stop_word(p.text)))
        add_term(x, &p);
}

/* "2." or "2)" where a line begins, behind a "1." before it: it counts, and says nothing. */
static bool is_list_number(struct extraction *x, size_t from, size_t end)
{
    ts_view t = x->reader.text;
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
    bool follows = n <= 1 || x->list_numbers[(n - 1) / 64] >> (n - 1) % 64 & 1;
    if (follows)
        x->list_numbers[n / 64] |= UINT64_C(1) << n % 64;
    return follows;
}

static size_t add_numeral(struct extraction *x, size_t at)
{
    struct ts_numeral n;
    ts_numeral_read(&x->reader, at, &n);
    struct term p = {.text = ts_view_cut(x->reader.text, n.from, n.end - n.from), .exact = true};
    x->reader.word_before = TS_NOTHING;
    if (!n.date && is_list_number(x, at, n.end))
        return n.end;
    memcpy(p.any, n.any, sizeof p.any);
    memcpy(p.both, n.both, sizeof p.both);
    p.any_count = n.any_count;
    x->numerals = true;
    size_t last = x->terms.len - sizeof p; /* the month before is part of the date */
    if (n.from < at && x->terms.len > 0 &&
        ((struct term *)(void *)(x->terms.ptr + last))->text.ptr == p.text.ptr)
        x->terms.len = last;
    add_term(x, &p);
    return n.end;
}

static void read_response(struct extraction *x)
{
    struct ts_token t;
    for (size_t at = 0; ts_token_next(x->reader.text, at, &t);) {
        if (t.numeral) {
            at = add_numeral(x, t.from);
            continue;
        }
        add_word(x, &t, at);
        at = t.end;
    }
}

static const struct term *terms_of(const struct extraction *x, size_t *count)
{
    *count = x->terms.len / sizeof(struct term);
    return (const struct term *)(const void *)x->terms.ptr;
}

static void add_search_terms(struct ts_search_terms *s, const struct extraction *x)
{
    size_t count;
    const struct term *p = terms_of(x, &count);
    ts_search_terms_init(s, 4 * count); /* a date has three keys */
    s->currencies = x->currencies;
    s->numerals = x->numerals;
    for (; count-- > 0; p++) {
        for (size_t i = 0; i < p->any_count; i++)
            ts_search_terms_add(s, p->any[i]);
        for (size_t i = 0; i < 2 && p->both[0]; i++)
            ts_search_terms_add(s, p->both[i]);
    }
}

/* ---- what is missing ---- */

struct tally {
    double all, grounded; /* weighted */
    size_t exact, exact_missing, words, words_missing;
    ts_view shown[SHOWN]; /* exact ones that are missing, else words */
    size_t shown_count, shown_exact;
};

static void show(struct tally *t, ts_view text, bool exact)
{
    for (size_t i = 0; i < t->shown_count; i++)
        if (ts_view_eq(t->shown[i], text))
            return;
    if (t->shown_count < SHOWN) {
        t->shown[t->shown_count++] = text;
        t->shown_exact += exact;
    } else if (exact && t->shown_exact < SHOWN) { /* in place of a word */
        t->shown[t->shown_exact++] = text;
    }
}

static void count(struct tally *t, ts_view text, bool exact, bool found)
{
    double weight = exact ? exact_weight : 1;
    t->all += weight;
    t->grounded += found ? weight : 0;
    t->exact += exact;
    t->words += !exact;
    t->exact_missing += exact && !found;
    t->words_missing += !exact && !found;
    if (!found)
        show(t, text, exact);
}

static void count_terms(struct tally *t, const struct ts_search_terms *s,
                        const struct extraction *x)
{
    size_t left;
    const struct term *p = terms_of(x, &left);
    for (; left-- > 0; p++) {
        bool found = p->both[0] && ts_search_terms_found(s, p->both[0]) &&
                     ts_search_terms_found(s, p->both[1]);
        for (size_t i = 0; i < p->any_count; i++)
            found = found || ts_search_terms_found(s, p->any[i]);
        count(t, p->text, p->exact, found);
    }
}

static void scan_context(struct ts_search_terms *s, const struct ts_llm *llm)
{
    for (size_t i = 0; i < llm->document_count; i++)
        ts_search_terms_scan(s, ts_view_cut(llm->documents[i].content, 0, MOST_TEXT));
    for (size_t i = 0; i < llm->message_count; i++)
        ts_search_terms_scan(s, ts_view_cut(llm->messages[i].content, 0, MOST_TEXT));
}

/* Does `text` stand in a document or message? `known` gets all of them, when it is empty. */
static bool is_quoted(const struct ts_llm *llm, struct ts_buf *known, ts_view text)
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
    bool found = ts_view_find(ts_buf_view(known), ts_buf_view(&folded)) != SIZE_MAX;
    ts_buf_release(&folded);
    return found;
}

struct quotation_marks {
    ts_view open, close;
};

/* The next text between these marks at or after *at, without the punctuation at its end, which is the
 * sentence's own; *at moves behind it. False: none. */
static bool next_quotation(ts_view text, const struct quotation_marks *marks, size_t *at,
                           ts_view *quote)
{
    size_t from = ts_text_find(text, *at, marks->open, false);
    if (from == SIZE_MAX)
        return false;
    from += marks->open.len;
    size_t to = ts_text_find(text, from, marks->close, false);
    if (to == SIZE_MAX)
        return false;
    *at = to + marks->close.len;
    *quote = ts_view_trim(ts_view_cut(text, from, to - from));
    while (quote->len > 0 && ts_text_is_punctuation(quote->ptr[quote->len - 1]))
        quote->len--;
    return true;
}

/* Text in double quotes of two words and more: to be found as it is. */
static void count_quotations(struct tally *t, const struct ts_llm *llm)
{
    static const struct quotation_marks marks[] = {{TS_LIT("\""), TS_LIT("\"")},
                                                   {TS_LIT("\xe2\x80\x9c"), TS_LIT("\xe2\x80\x9d")},
                                                   {TS_LIT("\xc2\xab"), TS_LIT("\xc2\xbb")}};
    ts_view response = ts_view_cut(llm->response, 0, MOST_TEXT);
    struct ts_buf known = TS_BUF_INIT; /* all texts folded, with the first quotation */
    ts_view quote;
    int quotes = 0;
    for (size_t m = 0; m < TS_COUNT(marks); m++)
        for (size_t at = 0; quotes < QUOTES && next_quotation(response, &marks[m], &at, &quote);) {
            if (quote.len < 6 || quote.len > 200 || ts_view_find(quote, TS_LIT(" ")) == SIZE_MAX)
                continue;
            quotes++;
            count(t, quote, true, is_quoted(llm, &known, quote));
        }
    ts_buf_release(&known);
}

static ts_view describe(struct ts_arena *arena, const struct tally *t)
{
    struct ts_buf out = TS_BUF_INIT;
    size_t missing = t->exact_missing + t->words_missing;
    if (missing == 0) {
        ts_buf_printf(&out,
                      "The context holds all %zu figures and names and all %zu other words "
                      "of the response that were looked for.",
                      t->exact, t->words);
    } else {
        ts_buf_add_str(&out, "The context does not hold ");
        for (size_t i = 0; i < t->shown_count; i++)
            ts_buf_printf(&out, "%s'" TS_FMT "'", i ? ", " : "",
                          TS_ARG(ts_local_quote(arena, t->shown[i])));
        if (missing > t->shown_count)
            ts_buf_printf(&out, " and %zu more", missing - t->shown_count);
        ts_buf_printf(&out, " of %zu figures, names, quotations and %zu other words.", t->exact,
                      t->words);
    }
    ts_view text = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return text;
}

void ts_local_grounding(struct ts_agreement *memory, const struct ts_llm *llm,
                        struct ts_arena *arena, struct ts_local_signal *out)
{
    (void)memory;
    if (llm->document_count == 0 || llm->response.len == 0)
        return;
    struct extraction x = {.reader.text = ts_view_cut(llm->response, 0, MOST_TEXT),
                           .terms = TS_BUF_INIT};
    struct tally t = {0};
    struct ts_search_terms s;
    read_response(&x);
    add_search_terms(&s, &x);
    scan_context(&s, llm);
    count_terms(&t, &s, &x);
    count_quotations(&t, llm);
    ts_search_terms_release(&s);
    ts_buf_release(&x.terms);
    if (t.all == 0)
        return;
    out->present = true;
    out->score = t.grounded / t.all;
    out->weight = t.all < full_weight ? t.all / full_weight : 1;
    out->text = describe(arena, &t);
}
