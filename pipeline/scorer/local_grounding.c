/* local_grounding.c - does the response say more than the retrieved context holds? Looked for in the
 * documents, and in the messages (what repeats the question is no invention): figures (numbers,
 * dates, times), names, quotations, and the other content words. Figures, names and quotations weigh
 * more: they are what is made up most, and what cannot be said in other words.
 * The response is read into pieces with the keys that a text must hold; local_sought.c finds them. */
#include "pipeline/scorer/local.h"

#include "pipeline/scorer/local_figures.h"
#include "pipeline/scorer/local_fold.h"
#include "pipeline/scorer/local_sought.h"
#include "tlm/text.h"

enum { SHORTEST = 4, SHOWN = 3, QUOTES = 8, MOST_TEXT = 1 << 20 };
/* Our own choice: one wrong figure shows among a dozen words, and a few words are little evidence. */
static const double hard_weight = 3, full_weight = 12;

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

static bool is_name(ts_view text, const struct ts_token *t, size_t gap)
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

static void add_word(struct reading *r, const struct ts_token *t, size_t gap)
{
    struct piece p = {.text = ts_view_cut(r->f.text, t->from, t->end - t->from), .any_count = 1};
    p.hard = is_name(r->f.text, t, gap);
    p.any[0] = ts_word_key(r->f.text, t);
    r->f.word_from = t->from;
    r->f.word_end = t->end;
    r->currencies |= p.text.len == 3 && ts_is_currency(p.text.ptr);
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
    struct ts_token t;
    for (size_t at = 0; ts_token_next(r->f.text, at, &t);) {
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

static void seek_all(struct ts_sought *s, const struct reading *r)
{
    size_t count;
    const struct piece *p = pieces_of(r, &count);
    ts_sought_init(s, 4 * count); /* a date has three keys */
    s->currencies = r->currencies;
    s->figures = r->figures;
    for (; count-- > 0; p++) {
        for (size_t i = 0; i < p->any_count; i++)
            ts_sought_add(s, p->any[i]);
        for (size_t i = 0; i < 2 && p->both[0]; i++)
            ts_sought_add(s, p->both[i]);
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

static void count_pieces(struct tally *t, const struct ts_sought *s, const struct reading *r)
{
    size_t count_of;
    const struct piece *p = pieces_of(r, &count_of);
    for (; count_of-- > 0; p++) {
        bool found = p->both[0] && ts_sought_found(s, p->both[0]) && ts_sought_found(s, p->both[1]);
        for (size_t i = 0; i < p->any_count; i++)
            found = found || ts_sought_found(s, p->any[i]);
        count(t, p->text, p->hard, found);
    }
}

static void walk_all(struct ts_sought *s, const struct ts_llm *llm)
{
    for (size_t i = 0; i < llm->document_count; i++)
        ts_sought_walk(s, ts_view_cut(llm->documents[i].content, 0, MOST_TEXT));
    for (size_t i = 0; i < llm->message_count; i++)
        ts_sought_walk(s, ts_view_cut(llm->messages[i].content, 0, MOST_TEXT));
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
    struct ts_sought s;
    read_response(&r);
    seek_all(&s, &r);
    walk_all(&s, llm);
    count_pieces(&t, &s, &r);
    count_quotations(&t, llm);
    ts_sought_release(&s);
    ts_buf_release(&r.pieces);
    if (t.all == 0)
        return;
    out->speaks = true;
    out->score = t.grounded / t.all;
    out->weight = t.all < full_weight ? t.all / full_weight : 1;
    out->text = say(arena, &t);
}
