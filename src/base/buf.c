/* buf.c - growing buffers and the allocation that never returns NULL. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void out_of_memory(size_t size)
{
    fprintf(stderr, "trustspan: out of memory for %zu bytes; lower memory_limit or give it more\n",
            size);
    abort();
}

void *ts_alloc(size_t size)
{
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *ts_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size ? size : 1);
    if (!moved)
        out_of_memory(size);
    return moved;
}

char *ts_view_dup(ts_view v)
{
    char *copy = ts_alloc(v.len + 1);
    if (v.len)
        memcpy(copy, v.ptr, v.len);
    return copy;
}

char *ts_strdup(const char *text)
{
    return text ? ts_view_dup(ts_view_str(text)) : NULL;
}

void ts_buf_release(struct ts_buf *b)
{
    free(b->ptr);
    *b = TS_BUF_LIMIT(b->max);
}

uint8_t *ts_buf_reserve(struct ts_buf *b, size_t len)
{
    size_t max = b->max ? b->max : TS_BUF_MAX;
    if (b->overflow || len > max || b->len > max - len) {
        b->overflow = true;
        return NULL;
    }
    size_t need = b->len + len;
    if (need > b->cap || !b->ptr) {
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
            cap *= 2;
        b->ptr = ts_realloc(b->ptr, cap);
        b->cap = cap;
    }
    return b->ptr + b->len;
}

bool ts_buf_add(struct ts_buf *b, const void *bytes, size_t len)
{
    uint8_t *at = ts_buf_reserve(b, len);
    if (!at)
        return false;
    if (len)
        memcpy(at, bytes, len);
    b->len += len;
    return true;
}

bool ts_buf_add_byte(struct ts_buf *b, uint8_t byte)
{
    return ts_buf_add(b, &byte, 1);
}

bool ts_buf_add_view(struct ts_buf *b, ts_view v)
{
    return ts_buf_add(b, v.ptr, v.len);
}

bool ts_buf_add_str(struct ts_buf *b, const char *text)
{
    return ts_buf_add(b, text, strlen(text));
}

bool ts_buf_printf(struct ts_buf *b, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    uint8_t *at = n < 0 ? NULL : ts_buf_reserve(b, (size_t)n + 1);
    if (at) {
        vsnprintf((char *)at, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return at != NULL;
}

const char *ts_buf_cstr(struct ts_buf *b)
{
    if (b->len == b->cap) { /* room for the terminator, even at the limit */
        b->ptr = ts_realloc(b->ptr, b->cap + 1);
        b->cap++;
    }
    b->ptr[b->len] = '\0';
    return (const char *)b->ptr;
}

uint8_t *ts_buf_take(struct ts_buf *b, size_t *len)
{
    uint8_t *ptr = b->ptr;
    *len = b->len;
    *b = TS_BUF_LIMIT(b->max);
    return ptr;
}

bool ts_buf_read_file(struct ts_buf *b, const char *path, struct ts_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "rb");
    if (!f)
        return ts_fail(err, TS_NOT_FOUND, "cannot open '%s': %s", path, strerror(errno));
    bool ok = true;
    while (ok) {
        uint8_t *at = ts_buf_reserve(b, 65536);
        size_t room = 65536;
        if (!at) { /* near the limit: what is left, and one byte more to notice a longer file */
            b->overflow = false;
            room = (b->max ? b->max : TS_BUF_MAX) - b->len;
            at = room ? ts_buf_reserve(b, room) : NULL;
        }
        uint8_t extra;
        size_t n = at ? fread(at, 1, room, f) : fread(&extra, 1, 1, f);
        if (!at && n > 0)
            ok = ts_fail(err, TS_RESOURCE_EXHAUSTED, "'%s' is larger than %zu bytes", path,
                         b->max ? b->max : TS_BUF_MAX);
        else
            b->len += n;
        if (n == 0)
            break;
    }
    if (ok && ferror(f))
        ok = ts_fail(err, TS_INTERNAL, "cannot read '%s': %s", path, strerror(errno));
    if (!is_stdin)
        fclose(f);
    return ok;
}
