/* repair.h - a request whose text is UTF-8, for backends that throw away what is not.
 * Done only after a backend has refused the original (R-15: bytes are forwarded untouched). */
#ifndef TS_WIRE_REPAIR_H
#define TS_WIRE_REPAIR_H

#include "wire/splice.h"

/* The part as one payload with every invalid piece of every string field replaced by U+FFFD, unknown
 * fields and field order kept. NULL when all its text is valid UTF-8 already. */
struct ts_payload *ts_part_repair_text(const struct ts_part *part);

#endif
