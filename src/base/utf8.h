/* utf8.h - is it UTF-8, and what to do when it is not.
 * Forwarded bytes are never repaired; the copy that a scorer or a JSON API gets is. */
#ifndef TS_BASE_UTF8_H
#define TS_BASE_UTF8_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/view.h"

/* Length of the longest valid prefix; == v.len when all of it is valid. ASCII runs at memory speed.
 * Follows Unicode 15 table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t ts_utf8_valid_prefix(ts_view v);
static inline bool ts_utf8_valid(ts_view v)
{
    return ts_utf8_valid_prefix(v) == v.len;
}

/* Appends `v` with every maximal invalid piece replaced by U+FFFD. False when out is full. */
bool ts_utf8_append_repaired(struct ts_buf *out, ts_view v);
/* `v` itself when valid, else a repaired copy in the arena. */
ts_view ts_utf8_repair(struct ts_arena *arena, ts_view v);
/* Number of code points; invalid pieces count one each. */
size_t ts_utf8_length(ts_view v);
/* The first `chars` code points of `v`, never cut inside one. */
ts_view ts_utf8_prefix(ts_view v, size_t chars);

#endif
