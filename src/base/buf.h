/* buf.h - bytes that we own and that grow, up to a limit fixed at birth.
 * Memory that input can make us ask for is refused beyond the limit; memory that the machine
 * cannot give ends the process (there is nothing better to do in the middle of a small append). */
#ifndef TS_BASE_BUF_H
#define TS_BASE_BUF_H

#include "base/err.h"
#include "base/view.h"

struct ts_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    size_t max;    /* 0: TS_BUF_MAX */
    bool overflow; /* an append went over `max` and was ignored, and all since */
};

#define TS_BUF_MAX  ((size_t)1 << 30)
#define TS_BUF_INIT ((struct ts_buf){NULL, 0, 0, 0, false})
/* Holds at most `limit` bytes. */
#define TS_BUF_LIMIT(limit) ((struct ts_buf){NULL, 0, 0, (limit), false})

void ts_buf_release(struct ts_buf *b); /* back to empty; the limit stays */

/* All appends return false, and set `overflow`, when the limit would be passed. */
bool ts_buf_add(struct ts_buf *b, const void *bytes, size_t len);
bool ts_buf_add_byte(struct ts_buf *b, uint8_t byte);
bool ts_buf_add_view(struct ts_buf *b, ts_view v);
bool ts_buf_add_str(struct ts_buf *b, const char *text);
bool ts_buf_printf(struct ts_buf *b, const char *fmt, ...) TS_PRINTF(2, 3);
/* Room for `len` more bytes at the end, not yet counted in; NULL when over the limit. */
uint8_t *ts_buf_reserve(struct ts_buf *b, size_t len);

static inline void ts_buf_clear(struct ts_buf *b)
{
    b->len = 0;
    b->overflow = false;
}

static inline ts_view ts_buf_view(const struct ts_buf *b)
{
    return ts_view_of(b->ptr, b->len);
}

/* The text with a NUL behind it (not counted in `len`); "" when empty. Valid until the next append. */
const char *ts_buf_cstr(struct ts_buf *b);
/* Ownership of the bytes moves to the caller (free() them); the buffer is empty. May be NULL. */
uint8_t *ts_buf_take(struct ts_buf *b, size_t *len);

/* The whole file, or standard input for "-". Fails beyond the buffer's limit. */
bool ts_buf_read_file(struct ts_buf *b, const char *path, struct ts_err *err);

/* malloc and friends that end the process with a message instead of returning NULL.
 * For sizes that are ours, or that were checked against a limit first. */
void *ts_alloc(size_t size); /* zeroed */
void *ts_realloc(void *ptr, size_t size);
char *ts_strdup(const char *text); /* NULL gives NULL */
char *ts_view_dup(ts_view v);      /* NUL-terminated copy */

#endif
