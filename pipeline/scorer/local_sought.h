/* local_sought.h - words and figures that are looked for in long texts.
 * What an answer says goes into a small table of keys; each text of the context is walked once, past it,
 * until all is found. */
#ifndef TS_SCORER_LOCAL_SOUGHT_H
#define TS_SCORER_LOCAL_SOUGHT_H

#include "base/view.h"

struct ts_sought {
    uint8_t waiting[1 << 12]; /* keys not found yet by the top bits of their place, 255: very many.
                               * Most words of a context end here */
    uint64_t *key;            /* open table, 0: empty */
    bool *found;
    size_t mask, left;        /* `left`: not found yet */
    bool currencies, figures; /* a code of one, any of them is looked for */
};

/* Room for fewer than `keys`. */
void ts_sought_init(struct ts_sought *s, size_t keys);
void ts_sought_release(struct ts_sought *s);
void ts_sought_add(struct ts_sought *s, uint64_t key);
/* Finds what the text holds: keys of its words, and of its figures all that they say. */
void ts_sought_walk(struct ts_sought *s, ts_view text);
bool ts_sought_found(const struct ts_sought *s, uint64_t key);

/* ---- the same words for both sides ---- */

struct ts_token {
    size_t from, end;
    bool figure; /* then `end` is not known: ts_figure_read tells */
    bool ascii;
};
/* The first word or figure at or after `at`; "USD1250" is one and then the other. False: none. */
bool ts_token_next(ts_view text, size_t at, struct ts_token *out);
/* Inflected words are taken for one another: the same first five letters without their case, without
 * the s of many, and more letters or none behind them. */
uint64_t ts_word_key(ts_view text, const struct ts_token *word);
/* Three letters that are the code of a currency. */
bool ts_is_currency(const uint8_t *code);

#endif
