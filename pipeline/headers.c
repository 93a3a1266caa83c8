/* headers.c - one block of memory per set of headers. */
#include "pipeline/headers.h"

#include <stdatomic.h>
#include <stdlib.h>

struct ts_headers {
    atomic_uint refs;
    size_t count;
    size_t text_len;
    uint8_t *text;
    struct ts_grpc_header items[];
};

static void to_lower(uint8_t *key, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (key[i] >= 'A' && key[i] <= 'Z')
            key[i] = (uint8_t)(key[i] + ('a' - 'A'));
}

struct ts_headers *ts_headers_new(const struct ts_grpc_header *from, size_t count)
{
    if (count == 0)
        return NULL;
    struct ts_headers *h = ts_alloc(sizeof *h + count * sizeof h->items[0]);
    atomic_init(&h->refs, 1);
    h->count = count;
    for (size_t i = 0; i < count; i++)
        h->text_len += from[i].key.len + from[i].value.len;
    h->text = ts_alloc(h->text_len);
    uint8_t *at = h->text;
    for (size_t i = 0; i < count; i++) {
        const ts_view pair[2] = {from[i].key, from[i].value};
        ts_view copy[2];
        for (size_t k = 0; k < 2; k++) {
            if (pair[k].len)
                memcpy(at, pair[k].ptr, pair[k].len);
            copy[k] = ts_view_of(at, pair[k].len);
            at += pair[k].len;
        }
        to_lower(at - pair[0].len - pair[1].len, pair[0].len);
        h->items[i] = (struct ts_grpc_header){copy[0], copy[1]};
    }
    return h;
}

struct ts_headers *ts_headers_of_pairs(const struct ts_pairs *pairs)
{
    struct ts_grpc_header *items = ts_alloc(pairs->count * sizeof *items);
    for (size_t i = 0; i < pairs->count; i++)
        items[i] = (struct ts_grpc_header){ts_view_str(pairs->items[i].key),
                                           ts_view_str(pairs->items[i].value)};
    struct ts_headers *h = ts_headers_new(items, pairs->count);
    free(items);
    return h;
}

struct ts_headers *ts_headers_merge(struct ts_headers *first, struct ts_headers *second)
{
    if (!first || !second)
        return ts_headers_ref(first ? first : second);
    struct ts_grpc_header *items = ts_alloc((first->count + second->count) * sizeof *items);
    size_t n = first->count;
    memcpy(items, first->items, n * sizeof *items);
    for (size_t i = 0; i < second->count; i++)
        if (!ts_headers_has(first, second->items[i].key))
            items[n++] = second->items[i];
    struct ts_headers *h = ts_headers_new(items, n);
    free(items);
    return h;
}

struct ts_headers *ts_headers_pick(const struct ts_grpc_header *from, size_t count,
                                   const struct ts_texts *wanted)
{
    enum { MOST = 32 };
    struct ts_grpc_header picked[MOST];
    size_t n = 0;
    for (size_t w = 0; w < wanted->count; w++)
        for (size_t i = 0; i < count && n < MOST; i++)
            if (ts_view_eq_nocase(from[i].key, ts_view_str(wanted->items[w])))
                picked[n++] = from[i];
    return ts_headers_new(picked, n);
}

struct ts_headers *ts_headers_ref(struct ts_headers *h)
{
    if (h)
        atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

void ts_headers_unref(struct ts_headers *h)
{
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(h->text, h->text_len);
    free(h->text);
    free(h);
}

const struct ts_grpc_header *ts_headers_list(const struct ts_headers *h, size_t *count)
{
    *count = h ? h->count : 0;
    return h ? h->items : NULL;
}

bool ts_headers_eq(const struct ts_headers *a, const struct ts_headers *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!ts_view_eq(a->items[i].key, b->items[i].key) ||
            !ts_view_eq(a->items[i].value, b->items[i].value))
            return false;
    return true;
}

bool ts_headers_has(const struct ts_headers *h, ts_view key)
{
    for (size_t i = 0; h && i < h->count; i++)
        if (ts_view_eq_nocase(h->items[i].key, key))
            return true;
    return false;
}
