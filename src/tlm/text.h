/* text.h - characters as the reference's language sees them.
 * The specification's parsers and word sets are defined over Unicode word characters and white
 * space (tlm-algorithm §6.2, §8.3); these few functions are all that the rest needs of Unicode. */
#ifndef TS_TLM_TEXT_H
#define TS_TLM_TEXT_H

#include "base/view.h"

/* The code point at `at` (< v.len); its length in bytes goes to *len. An invalid byte is one
 * character of its own, -1. */
int32_t ts_text_char(ts_view v, size_t at, size_t *len);
/* The code point that ends before `at` (> 0), and where it starts. */
int32_t ts_text_char_before(ts_view v, size_t at, size_t *start);

static inline bool ts_text_is_ascii_letter(uint8_t c)
{
    return (uint8_t)((c | 32) - 'a') < 26;
}
static inline bool ts_text_is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}
static inline bool ts_text_is_ascii_word(uint8_t c)
{
    return ts_text_is_ascii_letter(c) || ts_text_is_digit(c) || c == '_';
}

/* Letters, digits and other numeric characters of any script, underscore; no combining marks. */
bool ts_text_is_word(int32_t c);
/* The end of the run of characters from `at` on that are (or are not) word characters. */
size_t ts_text_run(ts_view v, size_t at, bool word);
bool ts_text_is_space(int32_t c);
/* 0…9 of a decimal digit of any script; -1: none. */
int ts_text_digit(int32_t c);
/* No letter, digit or underscore touches the piece [from, to) of v. */
bool ts_text_stands_alone(ts_view v, size_t from, size_t to);

/* Without white space of any script at both ends. */
ts_view ts_text_strip(ts_view v);
/* Without non-word characters at the start / at both ends. */
ts_view ts_text_skip_nonword(ts_view v);
ts_view ts_text_trim_nonword(ts_view v);

bool ts_text_is_punctuation(uint8_t c); /* ASCII */

/* First / last place of `word` at or after `from`; ASCII letters without case when `nocase`.
 * SIZE_MAX: none. The last one starts before `end`. */
size_t ts_text_find(ts_view v, size_t from, ts_view word, bool nocase);
size_t ts_text_find_last(ts_view v, size_t end, ts_view word, bool nocase);

#endif
