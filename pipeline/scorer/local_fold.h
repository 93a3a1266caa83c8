/* local_fold.h - words without their case, by Unicode's full case folding (Straße is STRASSE). */
#ifndef TS_SCORER_LOCAL_FOLD_H
#define TS_SCORER_LOCAL_FOLD_H

#include "base/buf.h"

/* The first `room` folded characters of a text; returns how many. An invalid byte is U+FFFD. */
size_t ts_fold(ts_view text, int32_t *out, size_t room);
bool ts_fold_eq(ts_view a, ts_view b);
/* Appends a text folded, white space of any length and script as one space. False: out is full. */
bool ts_fold_append(struct ts_buf *out, ts_view text);

#endif
