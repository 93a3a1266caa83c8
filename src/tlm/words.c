#include "tlm/words.h"

#include "base/buf.h"
#include "tlm/text.h"

#include <stdlib.h>
#include <xxhash.h>

bool ts_words_next(ts_view text, size_t *at, ts_view *word)
{
    size_t from = ts_text_run(text, *at, false);
    size_t to = ts_text_run(text, from, true);
    *at = to;
    *word = ts_view_cut(text, from, to - from);
    return to > from;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Distinct hashes in an open table of `slots`, a power of two above their number. */
static size_t collect(uint64_t *table, size_t slots, ts_view text)
{
    size_t at = 0;
    size_t n = 0;
    ts_view word;
    while (ts_words_next(text, &at, &word)) {
        uint64_t hash = XXH3_64bits(word.ptr, word.len);
        hash |= hash == 0; /* 0 is an empty slot */
        size_t i = (size_t)hash & (slots - 1);
        while (table[i] && table[i] != hash)
            i = (i + 1) & (slots - 1);
        n += table[i] == 0;
        table[i] = hash;
    }
    return n;
}

struct ts_words ts_words_of(struct ts_arena *arena, ts_view text)
{
    size_t slots = 16;
    while (slots < text.len) /* a word and its gap are two bytes: half full at most */
        slots *= 2;
    uint64_t *table = ts_alloc(slots * sizeof *table);
    size_t n = collect(table, slots, text);
    uint64_t *hash = ts_arena_alloc(arena, (n ? n : 1) * sizeof *hash);
    for (size_t i = 0, k = 0; k < n; i++)
        if (table[i])
            hash[k++] = table[i];
    free(table);
    qsort(hash, n, sizeof *hash, ascending);
    return (struct ts_words){hash, n};
}

/* Size of the intersection. */
static size_t shared_words(struct ts_words a, struct ts_words b)
{
    size_t i = 0;
    size_t k = 0;
    size_t shared = 0;
    while (i < a.count && k < b.count) {
        if (a.hash[i] == b.hash[k]) {
            shared++;
            i++;
            k++;
        } else if (a.hash[i] < b.hash[k]) {
            i++;
        } else {
            k++;
        }
    }
    return shared;
}

double ts_words_jaccard(struct ts_words a, struct ts_words b, size_t less)
{
    size_t shared = shared_words(a, b);
    size_t all = a.count + b.count - shared;
    double above = shared > less ? (double)(shared - less) : 0;
    double below = all > less ? (double)(all - less) : 1;
    return above / below;
}
