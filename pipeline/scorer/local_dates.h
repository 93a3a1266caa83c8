/* local_dates.h - dates in digits and in words, one key for all spellings of the same day. */
#ifndef TS_SCORER_LOCAL_DATES_H
#define TS_SCORER_LOCAL_DATES_H

#include "pipeline/scorer/local_numeral_key.h"

/* 2024-05-05, 5.5.2024, 5/13/2024, 2024-05 …: the whole of `token`. False: it is no date. */
bool ts_date_of_token(ts_view token, struct ts_numeral *out);
/* The number `value` of one to four digits in [at, end) of the text with the name of a month before or
 * behind it. `before` is the last word before it, a piece of the text; empty: none. */
bool ts_date_in_words(ts_view text, ts_view before, size_t at, size_t end, unsigned value,
                      struct ts_numeral *out);

#endif
