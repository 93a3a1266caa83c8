/* local_search_terms.h - words and numerals that are looked for in long texts.
 * What an answer says goes into a small table of keys; each text of the context is scanned once against
 * it, until all is found. */
#ifndef TS_SCORER_LOCAL_SEARCH_TERMS_H
#define TS_SCORER_LOCAL_SEARCH_TERMS_H

#include "base/view.h"

struct ts_search_terms {
    uint8_t
        filter[1 << 12]; /* counts the keys not found yet by the top bits of their hash, 255: very
                              * many. Most words of a context end here */
    uint64_t *key;       /* open addressing, 0: empty */
    bool *found;
    size_t mask, missing;      /* `missing`: keys not found yet */
    bool currencies, numerals; /* a code of one, any of them is looked for */
};

/* Room for fewer than `keys`. */
void ts_search_terms_init(struct ts_search_terms *s, size_t keys);
void ts_search_terms_release(struct ts_search_terms *s);
void ts_search_terms_add(struct ts_search_terms *s, uint64_t key);
/* Marks as found what the text holds: keys of its words, and all that its numerals imply. */
void ts_search_terms_scan(struct ts_search_terms *s, ts_view text);
bool ts_search_terms_found(const struct ts_search_terms *s, uint64_t key);

/* ---- the same words for both sides ---- */

struct ts_token {
    size_t from, end;
    bool numeral; /* then `end` is not known: ts_numeral_read tells */
    bool ascii;
};
/* The first word or numeral at or after `at`; "USD1250" is one and then the other. False: none. */
bool ts_token_next(ts_view text, size_t at, struct ts_token *out);
/* Inflected words count as the same: the same first five letters without their case, without
 * the s of many, and more letters or none behind them. */
uint64_t ts_word_key(ts_view text, const struct ts_token *token);
/* Three letters that are the code of a currency. */
bool ts_is_currency(const uint8_t *code);

#endif
