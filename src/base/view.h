/* view.h - a look at bytes that somebody else owns.
 * The small value that most of trustspan passes around: a span, a key, a JSON text.
 * Never NUL-terminated, may hold any byte. Valid as long as its payload or arena; whoever
 * stores one says which. */
#ifndef TS_BASE_VIEW_H
#define TS_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ts_view {
    const uint8_t *ptr;
    size_t len;
} ts_view;

#define TS_LIT(s)  ((ts_view){(const uint8_t *)("" s), sizeof(s) - 1})
#define TS_NOTHING ((ts_view){NULL, 0})
/* printf: "key '" TS_FMT "'", TS_ARG(key) */
#define TS_FMT          "%.*s"
#define TS_ARG(v)       (int)((v).len > 4096 ? 4096 : (v).len), (const char *)(v).ptr
#define TS_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TS_PRINTF(f, a) __attribute__((format(printf, f, a)))
/* The struct that holds `member`, from a pointer to the member. */
#define TS_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline ts_view ts_view_of(const void *ptr, size_t len)
{
    return (ts_view){(const uint8_t *)ptr, len};
}

/* NULL gives the empty view. */
static inline ts_view ts_view_str(const char *text)
{
    return ts_view_of(text, text ? strlen(text) : 0);
}

static inline bool ts_view_eq(ts_view a, ts_view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ts_view_is(ts_view v, const char *text)
{
    return ts_view_eq(v, ts_view_str(text));
}

static inline bool ts_view_starts(ts_view v, ts_view prefix)
{
    return v.len >= prefix.len && (prefix.len == 0 || memcmp(v.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool ts_view_ends(ts_view v, ts_view suffix)
{
    return v.len >= suffix.len &&
           (suffix.len == 0 || memcmp(v.ptr + v.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The bytes from `from` on, at most `len`; both are cut to what there is. */
static inline ts_view ts_view_cut(ts_view v, size_t from, size_t len)
{
    if (from > v.len)
        from = v.len;
    if (len > v.len - from)
        len = v.len - from;
    return v.ptr ? ts_view_of(v.ptr + from, len) : TS_NOTHING; /* NULL + 0 is not allowed either */
}

static inline ts_view ts_view_from(ts_view v, size_t from)
{
    return ts_view_cut(v, from, v.len);
}

/* ASCII letters compare without case. */
bool ts_view_eq_nocase(ts_view a, ts_view b);
bool ts_view_starts_nocase(ts_view v, ts_view prefix);

/* Position of the first `needle` in `v`, or SIZE_MAX. An empty needle is found at 0. */
size_t ts_view_find(ts_view v, ts_view needle);

/* Without ASCII white space (space, tab, CR, LF, VT, FF) at both ends. */
ts_view ts_view_trim(ts_view v);

/* Whole text as a decimal integer; false when it is not one or does not fit. */
bool ts_view_to_int64(ts_view v, int64_t *out);

#endif
