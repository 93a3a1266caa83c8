/* arena.h - memory with one end.
 * One arena per record that goes to a scorer, one per configuration: everything read out lives as
 * long as it, and nobody frees strings. Arena memory never crosses a thread without the arena. */
#ifndef TS_BASE_ARENA_H
#define TS_BASE_ARENA_H

#include "base/view.h"

struct ts_arena;

struct ts_arena *ts_arena_new(void);
/* Runs what was deferred, last first, then frees all. NULL is fine. */
void ts_arena_free(struct ts_arena *a);

/* Zeroed, aligned for any type. Ends the process when memory is out: check sizes from input first. */
void *ts_arena_alloc(struct ts_arena *a, size_t size);
/* Room for one more item behind `count` of them: `items` itself while *room has some, else a copy in twice
 * the room. `items` may be NULL with *room 0. */
void *ts_arena_more(struct ts_arena *a, void *items, size_t count, size_t *room, size_t size);
/* A copy; always NUL-terminated behind its length, so `ptr` may go to a C library too. */
ts_view ts_arena_copy(struct ts_arena *a, ts_view v);
char *ts_arena_str(struct ts_arena *a, const char *text);
ts_view ts_arena_printf(struct ts_arena *a, const char *fmt, ...) TS_PRINTF(2, 3);
/* `fn(arg)` at free. */
void ts_arena_defer(struct ts_arena *a, void (*fn)(void *), void *arg);
/* Bytes taken from the system so far. */
size_t ts_arena_bytes(const struct ts_arena *a);

#endif
