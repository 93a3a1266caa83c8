/* hex.h - bytes as pairs of hexadecimal digits: how OTLP/JSON and all tools write trace and span ids. */
#ifndef TS_BASE_HEX_H
#define TS_BASE_HEX_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends two lower-case digits a byte. False, and nothing appended, when the limit would be passed. */
bool ts_hex_add(struct ts_buf *out, ts_view bytes);
/* The same, as text of the arena: NUL-terminated behind its length. */
ts_view ts_hex_copy(struct ts_arena *arena, ts_view bytes);
/* Appends the bytes that `text` writes in digits of either case. False, and nothing appended, when it
 * is not pairs of digits throughout, or the limit would be passed. */
bool ts_hex_read(ts_view text, struct ts_buf *out);

#endif
