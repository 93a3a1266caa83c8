/* local_grounding.c - does the response say more than the retrieved context holds? Looked for in the
 * documents, and in the messages (what repeats the question is no invention): figures (numbers,
 * dates, times), names, quotations, and the other content words. Figures, names and quotations weigh
 * more: they are what is made up most, and what cannot be said in other words.
 * All comparing is of hashes in one open table; the text is walked once. */
#include "pipeline/scorer/local.h"

#include "tlm/text.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SHORTEST = 4, STEM = 5, LONGEST_WORD = 64, SHOWN = 3, QUOTES = 8, MOST_TEXT = 1 << 20 };
/* Our own choice: one wrong figure shows among a dozen words, and a few words are little evidence. */
static const double hard_weight = 3, full_weight = 12;

enum piece_kind { NOTHING, WORD, NAME, FIGURE };

/* ---- the table of what is known ---- */

struct known {
    uint64_t *slot;
    size_t mask;
};

static bool known_find(const struct known *k, uint64_t hash, uint64_t **slot)
{
    size_t at = (size_t)hash & k->mask;
    hash |= hash == 0;
    while (k->slot[at] && k->slot[at] != hash)
        at = (at + 1) & k->mask;
    *slot = &k->slot[at];
    return k->slot[at] != 0;
}

static bool is_known(const struct known *k, uint64_t hash)
{
    uint64_t *slot;
    return known_find(k, hash, &slot);
}

static void know(const struct known *k, uint64_t hash)
{
    uint64_t *slot;
    if (!known_find(k, hash, &slot))
        *slot = hash | (hash == 0);
}

/* ---- pieces of a text ---- */

struct piece {
    enum piece_kind kind;
    ts_view text;
    uint64_t hash, stem; /* of the lower-case word, of its beginning; of the figure's normal form */
};

struct walk {
    ts_view text;
    size_t at;
    bool after_stop; /* a sentence begins here, so a capital is no name */
};

/* "1,000.50" and "1000.5" are one number; "06:30" and "2024-05-01" stay as they are. */
static uint64_t figure_hash(ts_view t)
{
    uint8_t plain[LONGEST_WORD];
    size_t n = 0;
    bool point = false;
    bool number = true;
    for (size_t i = 0; i < t.len; i++)
        number &= ts_text_is_digit(t.ptr[i]) || t.ptr[i] == ',' || t.ptr[i] == '.';
    for (size_t i = 0; i < t.len && n < sizeof plain; i++) {
        if (number && t.ptr[i] == ',')
            continue;
        if (number && n == 0 && t.ptr[i] == '0' && i + 1 < t.len && ts_text_is_digit(t.ptr[i + 1]))
            continue;
        point |= t.ptr[i] == '.';
        plain[n++] = t.ptr[i];
    }
    while (number && point && n > 0 && (plain[n - 1] == '0' || plain[n - 1] == '.')) {
        bool end = plain[n - 1] == '.';
        n--;
        if (end)
            break;
    }
    return XXH3_64bits(plain, n);
}

static size_t figure_end(ts_view t, size_t at)
{
    while (at < t.len) {
        bool joins = strchr(",.:-/", t.ptr[at]) && t.ptr[at] && at + 1 < t.len &&
                     ts_text_is_digit(t.ptr[at + 1]);
        if (!ts_text_is_digit(t.ptr[at]) && !joins)
            break;
        at++;
    }
    return at;
}

static void hash_word(ts_view word, struct piece *p)
{
    uint8_t lower[LONGEST_WORD];
    size_t n = word.len < sizeof lower ? word.len : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = word.ptr[i] | (uint8_t)((uint8_t)(word.ptr[i] - 'A') < 26 ? 32 : 0);
    p->hash = XXH3_64bits(lower, n);
    p->stem = n > STEM ? XXH3_64bits_withSeed(lower, STEM, 1) : p->hash;
}

static bool ends_sentence(uint8_t c)
{
    return c == '.' || c == '!' || c == '?' || c == ':' || c == '\n' || c == '"' || c == '*' ||
           c == '-' || c == '(';
}

static bool next_piece(struct walk *w, struct piece *p)
{
    ts_view t = w->text;
    size_t len;
    for (; w->at < t.len; w->at += len) {
        uint8_t c = t.ptr[w->at];
        len = 1;
        if (ts_text_is_digit(c) || ts_text_is_ascii_letter(c))
            break;
        if (c >= 0x80 && ts_text_is_word(ts_text_char(t, w->at, &len)))
            break;
        w->after_stop |= ends_sentence(c);
    }
    if (w->at >= t.len)
        return false;
    bool figure = ts_text_is_digit(t.ptr[w->at]);
    size_t end = figure ? figure_end(t, w->at) : ts_text_run(t, w->at, true);
    *p = (struct piece){.kind = FIGURE, .text = ts_view_cut(t, w->at, end - w->at)};
    if (figure) {
        p->hash = figure_hash(p->text);
    } else {
        bool capital = (uint8_t)(t.ptr[w->at] - 'A') < 26;
        hash_word(p->text, p);
        p->kind = capital && !w->after_stop && p->text.len > 1 ? NAME
                  : p->text.len >= SHORTEST                    ? WORD
                                                               : NOTHING;
    }
    w->at = end > w->at ? end : w->at + 1;
    w->after_stop = false;
    return true;
}

/* Words that say nothing by themselves; of other languages the length has to do. */
static bool is_filler(ts_view word)
{
    static const char *const fillers[] = {
        "that",    "this",    "with",     "from",     "have",        "been",   "were",
        "which",   "their",   "there",    "they",     "will",        "would",  "could",
        "should",  "about",   "into",     "also",     "than",        "then",   "when",
        "where",   "what",    "your",     "more",     "most",        "some",   "such",
        "only",    "other",   "these",    "those",    "because",     "after",  "before",
        "between", "both",    "each",     "while",    "very",        "does",   "according",
        "based",   "context", "document", "provided", "information", "answer", "response",
        "however"};
    for (size_t i = 0; i < TS_COUNT(fillers); i++)
        if ((word.ptr[0] | 32) == fillers[i][0] && ts_view_eq_nocase(word, ts_view_str(fillers[i])))
            return true;
    return false;
}

/* ---- what is known ---- */

static size_t text_known(const struct ts_llm *llm)
{
    size_t bytes = 0;
    for (size_t i = 0; i < llm->document_count; i++)
        bytes += llm->documents[i].content.len;
    for (size_t i = 0; i < llm->message_count; i++)
        bytes += llm->messages[i].content.len;
    return bytes;
}

static void learn(const struct known *k, ts_view text)
{
    struct walk w = {.text = ts_view_cut(text, 0, MOST_TEXT)};
    struct piece p;
    while (next_piece(&w, &p)) {
        know(k, p.hash);
        if (p.kind != FIGURE)
            know(k, p.stem);
    }
}

static struct known learn_all(const struct ts_llm *llm)
{
    size_t slots = 64;
    while (slots < text_known(llm)) /* a word is four bytes and two hashes: half full at most */
        slots *= 2;
    struct known k = {ts_alloc(slots * sizeof *k.slot), slots - 1};
    for (size_t i = 0; i < llm->document_count; i++)
        learn(&k, llm->documents[i].content);
    for (size_t i = 0; i < llm->message_count; i++)
        learn(&k, llm->messages[i].content);
    return k;
}

static bool stands_somewhere(const struct ts_llm *llm, ts_view text)
{
    for (size_t i = 0; i < llm->document_count; i++)
        if (ts_text_find(llm->documents[i].content, 0, text, true) != SIZE_MAX)
            return true;
    for (size_t i = 0; i < llm->message_count; i++)
        if (ts_text_find(llm->messages[i].content, 0, text, true) != SIZE_MAX)
            return true;
    return false;
}

/* ---- what is said ---- */

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

static void count_pieces(struct tally *t, const struct ts_llm *llm, const struct known *k)
{
    struct walk w = {.text = ts_view_cut(llm->response, 0, MOST_TEXT), .after_stop = true};
    struct piece p;
    while (next_piece(&w, &p)) {
        bool hard = p.kind == FIGURE || p.kind == NAME;
        if (p.kind == NOTHING || (p.kind == WORD && is_filler(p.text)))
            continue;
        bool found = is_known(k, p.hash) || (p.kind != FIGURE && is_known(k, p.stem));
        count(t, p.text, hard, found);
    }
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
            count(t, quote, true, stands_somewhere(llm, quote));
        }
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
    struct known k = learn_all(llm);
    struct tally t = {0};
    count_pieces(&t, llm, &k);
    count_quotations(&t, llm);
    free(k.slot);
    if (t.all == 0)
        return;
    out->speaks = true;
    out->score = t.grounded / t.all;
    out->weight = t.all < full_weight ? t.all / full_weight : 1;
    out->text = say(arena, &t);
}
