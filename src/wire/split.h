/* split.h - one part as several smaller ones; spans are the unit. */
#ifndef TS_WIRE_SPLIT_H
#define TS_WIRE_SPLIT_H

#include "wire/splice.h"

/* Cuts a part of two or more spans into pieces of at most `limit` bytes, as far as spans allow: a
 * span larger than that stands alone. Returns how many (≥ 1); the caller releases each piece and
 * frees the list. Every span is in exactly one piece, in order. */
size_t ts_part_split(const struct ts_part *part, size_t limit, struct ts_part **pieces);

#endif
