/* words.h - the set of words of a text, and how much two sets share (tlm-algorithm §8.3).
 * A word is a maximal run of word characters, with its case. A set holds 64-bit hashes: small,
 * quick to compare, and free of content, so that it may be remembered after the text is gone. */
#ifndef TS_TLM_WORDS_H
#define TS_TLM_WORDS_H

#include "base/arena.h"

struct ts_words {
    const uint64_t *hash; /* ascending, distinct; XXH3 of the word's bytes */
    size_t count;
};

struct ts_words ts_words_of(struct ts_arena *arena, ts_view text);
/* max(0, |A∩B| - less) / max(1, |A∪B| - less); 0…1. `less` is 0 for the plain measure, for
 * structured outputs the number of their keys. Two empty sets: 0. */
double ts_words_jaccard(struct ts_words a, struct ts_words b, size_t less);

/* Walks over the words of a text: false at the end. *at starts at 0. */
bool ts_words_next(ts_view text, size_t *at, ts_view *word);

#endif
