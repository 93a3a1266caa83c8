#include "tlm/words.h"

#include "tlm/text.h"

#include <stdlib.h>
#include <xxhash.h>

bool ts_words_next(ts_view text, size_t *at, ts_view *word)
{
    size_t len;
    size_t from = *at;
    while (from < text.len && !ts_text_is_word(ts_text_char(text, from, &len)))
        from += len;
    size_t to = from;
    while (to < text.len && ts_text_is_word(ts_text_char(text, to, &len)))
        to += len;
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

struct ts_words ts_words_of(struct ts_arena *arena, ts_view text)
{
    size_t at = 0;
    size_t n = 0;
    ts_view word;
    while (ts_words_next(text, &at, &word))
        n++;
    uint64_t *hash = ts_arena_alloc(arena, (n ? n : 1) * sizeof *hash);
    at = n = 0;
    while (ts_words_next(text, &at, &word))
        hash[n++] = XXH3_64bits(word.ptr, word.len);
    qsort(hash, n, sizeof *hash, ascending);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || hash[i] != hash[kept - 1])
            hash[kept++] = hash[i];
    return (struct ts_words){hash, kept};
}

size_t ts_words_shared(struct ts_words a, struct ts_words b)
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
    size_t shared = ts_words_shared(a, b);
    size_t all = a.count + b.count - shared;
    double above = shared > less ? (double)(shared - less) : 0;
    double below = all > less ? (double)(all - less) : 1;
    return above / below;
}
