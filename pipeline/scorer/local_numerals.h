/* local_numerals.h - numbers, times and dates of a text, one key for all spellings of the same.
 * 1.000,50 is 1,000.50 is 1000.5; 2024-05-05 is 5 May 2024 is May 5, 2024 is 5.5.2024. What can be read in
 * two ways (05/06/2024) is the same only when it is written in the same order. */
#ifndef TS_SCORER_LOCAL_NUMERALS_H
#define TS_SCORER_LOCAL_NUMERALS_H

#include "pipeline/scorer/local_numeral_key.h"

/* A text while its numerals are read; zeroed but for `text`. */
struct ts_numeral_reader {
    ts_view text;
    ts_view word_before; /* the last one, which may be a month; set and emptied by the caller */
    enum {
        TS_COMMA_UNKNOWN,
        TS_COMMA_GROUPS,
        TS_COMMA_DECIMAL
    } comma; /* found when first needed */
};

/* Reads the numeral whose first digit is at `at`. */
void ts_numeral_read(struct ts_numeral_reader *reader, size_t at, struct ts_numeral *out);

#endif
