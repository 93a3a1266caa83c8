/* arena.c - a list of blocks, each twice the last up to 64 KiB, and a list of deferred calls. */
#include "base/arena.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST = 1024, LARGEST = 65536, ALIGN = _Alignof(max_align_t) };

struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *);
    void *arg;
};

struct ts_arena {
    struct block *blocks; /* newest first */
    struct deferred *deferred;
    size_t bytes;
};

struct ts_arena *ts_arena_new(void)
{
    return ts_alloc(sizeof(struct ts_arena));
}

void ts_arena_free(struct ts_arena *a)
{
    if (!a)
        return;
    for (struct deferred *d = a->deferred; d; d = d->next)
        d->fn(d->arg);
    for (struct block *b = a->blocks; b;) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    free(a);
}

static struct block *add_block(struct ts_arena *a, size_t need)
{
    size_t size = a->blocks ? a->blocks->size * 2 : FIRST;
    if (size > LARGEST)
        size = LARGEST;
    if (size < need)
        size = need;
    struct block *b = ts_realloc(NULL, sizeof *b + size);
    *b = (struct block){a->blocks, 0, size};
    a->blocks = b;
    a->bytes += sizeof *b + size;
    return b;
}

void *ts_arena_alloc(struct ts_arena *a, size_t size)
{
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct block *b = a->blocks;
    if (!b || b->size - b->used < size)
        b = add_block(a, size);
    void *ptr = (char *)b->data + b->used;
    b->used += size;
    return size ? memset(ptr, 0, size) : ptr;
}

void *ts_arena_more(struct ts_arena *a, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? *room * 2 : 4;
    void *more = ts_arena_alloc(a, *room * size);
    return count ? memcpy(more, items, count * size) : more;
}

ts_view ts_arena_copy(struct ts_arena *a, ts_view v)
{
    uint8_t *copy = ts_arena_alloc(a, v.len + 1);
    if (v.len)
        memcpy(copy, v.ptr, v.len);
    return ts_view_of(copy, v.len);
}

char *ts_arena_str(struct ts_arena *a, const char *text)
{
    size_t len = strlen(text);
    return memcpy(ts_arena_alloc(a, len + 1), text, len);
}

ts_view ts_arena_printf(struct ts_arena *a, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n;
    char *text = ts_arena_alloc(a, len + 1);
    vsnprintf(text, len + 1, fmt, again);
    va_end(again);
    return ts_view_of(text, len);
}

void ts_arena_defer(struct ts_arena *a, void (*fn)(void *), void *arg)
{
    struct deferred *d = ts_arena_alloc(a, sizeof *d);
    *d = (struct deferred){a->deferred, fn, arg};
    a->deferred = d;
}

size_t ts_arena_bytes(const struct ts_arena *a)
{
    return sizeof *a + a->bytes;
}
