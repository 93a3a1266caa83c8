/* local_agreement.c - the same prompt answered twice says how sure the model is, at no extra call: this
 * is TLM's consistency (§8) with the samples that the stream brings by itself. Of each answer the word
 * set is kept as its smallest hashes, which is exact for short answers and an estimate for long ones,
 * and its beginning, to tell where another answer differs from it. */
#include "pipeline/scorer/local_agreement.h"

#include "base/lru.h"
#include "base/utf8.h"
#include "pipeline/scorer/local_signal.h"
#include "tlm/text.h"
#include "tlm/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

enum { ANSWERS = 8, WORDS = 128, BEGINNING = 160 };

struct answer {
    uint64_t span, text; /* hashes of trace and span id (0: none), and of the bytes */
    ts_time when;
    uint32_t words, kept;
    uint32_t begins; /* bytes of its beginning, which stand behind the hashes */
    bool whole;      /* the beginning is all of it */
    uint64_t hash[]; /* the `kept` smallest of `words`, ascending */
};

struct prompt {
    struct ts_lru_item item; /* by prompt_key */
    int count;
    struct answer *answers[ANSWERS]; /* the oldest first */
};

struct ts_agreement {
    pthread_mutex_t lock; /* guards all below */
    struct ts_lru lru;
};
_Static_assert(sizeof(XXH128_hash_t) == sizeof((struct ts_lru_item *)NULL)->key,
               "a key of the lru");

/* ---- keys ---- */

/* Of all roles and texts, each seeded by what went before. */
static XXH128_hash_t prompt_key(const struct ts_llm *llm)
{
    XXH128_hash_t key = {0, 0};
    for (size_t i = 0; i < llm->message_count; i++) {
        const ts_view parts[] = {llm->messages[i].role, llm->messages[i].content};
        for (size_t k = 0; k < TS_COUNT(parts); k++)
            key = XXH3_128bits_withSeed(parts[k].ptr, parts[k].len, key.low64 ^ key.high64);
    }
    return key;
}

static uint64_t span_hash(const struct ts_llm *llm)
{
    if (llm->span_id.len == 0)
        return 0;
    uint64_t trace = XXH3_64bits(llm->trace_id.ptr, llm->trace_id.len);
    return XXH3_64bits_withSeed(llm->span_id.ptr, llm->span_id.len, trace) | 1;
}

static size_t size_of(const struct answer *a)
{
    return sizeof *a + a->kept * sizeof a->hash[0] + a->begins;
}

static ts_view beginning_of(const struct answer *a)
{
    return ts_view_of(a->hash + a->kept, a->begins);
}

/* Bytes that fit, never cut inside a character. */
static ts_view cut_beginning(ts_view text)
{
    ts_view cut = ts_view_cut(text, 0, BEGINNING);
    size_t len = 0;
    if (cut.len < text.len) {
        size_t start = cut.len - 1;
        for (; cut.len - start < 4 && (text.ptr[start] & 0xc0) == 0x80;)
            start--;
        ts_text_char(text, start, &len);
        cut.len = start + len > cut.len ? start : cut.len;
    }
    return cut;
}

static struct answer *answer_of(const struct ts_llm *llm)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_words words = ts_words_of(arena, llm->response);
    ts_view begins = cut_beginning(llm->response);
    size_t kept = words.count < WORDS ? words.count : WORDS;
    struct answer *a = ts_alloc(sizeof *a + kept * sizeof a->hash[0] + begins.len);
    a->span = span_hash(llm);
    a->text = XXH3_64bits(llm->response.ptr, llm->response.len);
    a->words = (uint32_t)words.count;
    a->kept = (uint32_t)kept;
    a->begins = (uint32_t)begins.len;
    a->whole = begins.len == llm->response.len;
    if (kept > 0)
        memcpy(a->hash, words.hash, kept * sizeof(uint64_t));
    memcpy(a->hash + kept, begins.ptr, begins.len);
    ts_arena_free(arena);
    return a;
}

/* Jaccard from the smallest hashes: of the smallest of the union, how many are in both. Exact while
 * both sets are whole. */
static double similarity(const struct answer *a, const struct answer *b)
{
    size_t most = a->words > WORDS || b->words > WORDS ? WORDS : SIZE_MAX;
    size_t i = 0;
    size_t k = 0;
    size_t all = 0;
    size_t both = 0;
    if (a->text == b->text)
        return 1;
    while ((i < a->kept || k < b->kept) && all < most) {
        bool from_a = i < a->kept && (k >= b->kept || a->hash[i] <= b->hash[k]);
        bool from_b = k < b->kept && (i >= a->kept || b->hash[k] <= a->hash[i]);
        both += from_a && from_b;
        i += from_a;
        k += from_b;
        all++;
    }
    return all > 0 ? (double)both / (double)all : 0;
}

/* ---- prompts ---- */

static struct prompt *prompt_of(struct ts_lru_item *item)
{
    return TS_CONTAINER_OF(item, struct prompt, item);
}

static void drop(struct ts_lru_item *item)
{
    struct prompt *p = prompt_of(item);
    for (int i = 0; i < p->count; i++)
        free(p->answers[i]);
    free(p);
}

static struct prompt *find_or_add(struct ts_agreement *m, XXH128_hash_t key, ts_time now)
{
    struct ts_lru_item *item = ts_lru_find(&m->lru, &key, now);
    if (item)
        return prompt_of(item);
    struct prompt *p = ts_alloc(sizeof *p);
    ts_lru_add(&m->lru, &p->item, &key, sizeof *p, now);
    return p;
}

static void forget_first(struct ts_agreement *m, struct prompt *p)
{
    ts_lru_resize(&m->lru, &p->item, p->item.bytes - size_of(p->answers[0]));
    free(p->answers[0]);
    p->count--;
    memmove(p->answers, p->answers + 1, (size_t)p->count * sizeof p->answers[0]);
}

static void remember(struct ts_agreement *m, struct prompt *p, struct answer *a)
{
    if (p->count == ANSWERS)
        forget_first(m, p);
    a->when = p->item.used;
    p->answers[p->count++] = a;
    ts_lru_resize(&m->lru, &p->item, p->item.bytes + size_of(a));
}

/* ---- where two answers differ ----
 * Only this answer is quoted: the other may have been given to somebody else. */

/* A word of `text` that the other answer has for certain not. Of a sketch that is known of the
 * hashes below its largest. */
static ts_view word_missing(ts_view text, const struct answer *other)
{
    ts_view word;
    for (size_t at = 0; ts_words_next(text, &at, &word);) {
        uint64_t hash = XXH3_64bits(word.ptr, word.len);
        size_t i = 0;
        while (i < other->kept && other->hash[i] < hash)
            i++;
        bool has = i < other->kept ? other->hash[i] == hash : other->kept < other->words;
        if (!has)
            return word;
    }
    return TS_NOTHING;
}

/* Where `b` has the word in which they differ. */
static size_t first_difference(ts_view a, ts_view b)
{
    enum { SHORT = 16 }; /* so much that both have may be quoted */
    size_t at = 0;
    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
        at++;
    bool ends = at == a.len || at == b.len;
    while (at > 0 && ends && ts_view_trim(ts_view_cut(a, at - 1, 1)).len == 0)
        at--;
    while (at > 0 && a.ptr[at - 1] != ' ' && a.ptr[at - 1] != '\n')
        at--;
    return at < SHORT ? 0 : at;
}

static ts_view quote_from(struct ts_arena *arena, ts_view text, size_t from)
{
    enum { MOST = 60 };
    ts_view all = ts_view_trim(ts_view_from(text, from));
    ts_view cut = ts_utf8_prefix(all, MOST);
    return ts_arena_printf(arena, "%s" TS_FMT "%s", from > 0 ? "…" : "", TS_ARG(cut),
                           cut.len < all.len ? "…" : "");
}

static ts_view describe_difference(struct ts_arena *arena, ts_view text, const struct answer *other)
{
    ts_view begins = beginning_of(other);
    size_t at = first_difference(begins, text);
    if (!other->whole && ts_view_starts(text, begins)) {
        ts_view word = word_missing(text, other);
        if (word.len == 0)
            return TS_NOTHING;
        return ts_arena_printf(arena, " An earlier one does not say '" TS_FMT "'.",
                               TS_ARG(ts_local_quote(arena, word)));
    }
    return ts_arena_printf(arena, " An earlier one does not say '" TS_FMT "'.",
                           TS_ARG(quote_from(arena, text, at)));
}

/* ---- all of it ---- */

static void compare(const struct prompt *p, const struct answer *mine, struct ts_agreed *out,
                    const struct answer **least)
{
    double lowest = 2;
    *least = NULL;
    for (int i = 0; i < p->count; i++) {
        const struct answer *other = p->answers[i];
        if (mine->span && other->span == mine->span)
            continue;
        double alike = similarity(mine, other);
        bool same = other->text == mine->text;
        out->others++;
        out->identical += same;
        out->mean += alike;
        if (!same && alike < lowest) {
            lowest = alike;
            *least = other;
        }
    }
    out->mean = out->others > 0 ? out->mean / out->others : 0;
}

static bool has_span(const struct prompt *p, uint64_t span)
{
    for (int i = 0; i < p->count; i++)
        if (span && p->answers[i]->span == span)
            return true;
    return false;
}

void ts_agreement_look(struct ts_agreement *m, const struct ts_llm *llm, struct ts_arena *arena,
                       struct ts_agreed *out)
{
    *out = (struct ts_agreed){0};
    if (m->lru.max_bytes == 0 || llm->message_count == 0 || llm->response.len == 0)
        return;
    XXH128_hash_t key = prompt_key(llm);
    struct answer *mine = answer_of(llm);
    struct answer *shown = NULL; /* a copy: the text is looked at without the lock */
    const struct answer *least;
    pthread_mutex_lock(&m->lock);
    ts_time now = ts_now();
    struct prompt *p = find_or_add(m, key, now);
    while (p->count > 0 && p->answers[0]->when < now - m->lru.max_age)
        forget_first(m, p);
    compare(p, mine, out, &least);
    if (least) {
        shown = ts_arena_alloc(arena, size_of(least));
        memcpy(shown, least, size_of(least));
    }
    if (has_span(p, mine->span))
        free(mine);
    else
        remember(m, p, mine);
    ts_lru_trim(&m->lru, now);
    pthread_mutex_unlock(&m->lock);
    if (shown)
        out->piece = describe_difference(arena, llm->response, shown);
}

uint64_t ts_agreement_bytes(struct ts_agreement *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t bytes = m->lru.bytes;
    pthread_mutex_unlock(&m->lock);
    return bytes;
}

struct ts_agreement *ts_agreement_new(uint64_t max_bytes, ts_time max_age)
{
    struct ts_agreement *m = ts_alloc(sizeof *m);
    pthread_mutex_init(&m->lock, NULL);
    ts_lru_init(&m->lru, max_bytes, max_age, drop);
    return m;
}

void ts_agreement_free(struct ts_agreement *m)
{
    if (!m)
        return;
    ts_lru_release(&m->lru);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- the signal ---- */

void ts_local_agreement(struct ts_agreement *memory, const struct ts_llm *llm,
                        struct ts_arena *arena, struct ts_local_signal *out)
{
    const double full_weight =
        4; /* other answers from which on it counts in full; our own choice */
    struct ts_agreed agreed;
    ts_agreement_look(memory, llm, arena, &agreed);
    if (agreed.others == 0)
        return;
    out->present = true;
    out->score = agreed.mean;
    out->weight = agreed.others < full_weight ? agreed.others / full_weight : 1;
    out->text =
        ts_arena_printf(arena,
                        "Of %d other answer%s to the same prompt, %d %s the same; they are "
                        "alike by %.2f." TS_FMT,
                        agreed.others, agreed.others == 1 ? "" : "s", agreed.identical,
                        agreed.identical == 1 ? "is" : "are", agreed.mean, TS_ARG(agreed.piece));
}
