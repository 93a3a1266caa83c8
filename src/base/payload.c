/* payload.c - the reference count. */
#include "base/payload.h"

#include "base/buf.h"

#include <stdatomic.h>
#include <stdlib.h>

struct ts_payload {
    atomic_uint refs;
    ts_view bytes;
    void (*drop)(void *);
    void *arg;
};

struct ts_payload *ts_payload_new(ts_view bytes, void (*drop)(void *), void *arg)
{
    struct ts_payload *p = ts_alloc(sizeof *p);
    atomic_init(&p->refs, 1);
    p->bytes = bytes;
    p->drop = drop;
    p->arg = arg;
    return p;
}

struct ts_payload *ts_payload_copy(ts_view bytes)
{
    uint8_t *copy = ts_realloc(NULL, bytes.len);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return ts_payload_new(ts_view_of(copy, bytes.len), free, copy);
}

ts_view ts_payload_view(const struct ts_payload *p)
{
    return p->bytes;
}

struct ts_payload *ts_payload_ref(struct ts_payload *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void ts_payload_unref(struct ts_payload *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (p->drop)
        p->drop(p->arg);
    free(p);
}
