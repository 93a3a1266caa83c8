/* evaluation.c - the life of an evaluation. */
#include "pipeline/evaluation.h"

#include <stdatomic.h>
#include <stdlib.h>

struct ts_evaluation *ts_evaluation_new(struct ts_headers *headers)
{
    struct ts_evaluation *e = ts_alloc(sizeof *e);
    atomic_init(&e->refs, 1);
    e->arena = ts_arena_new();
    e->headers = ts_headers_ref(headers);
    e->made = ts_wall_now();
    return e;
}

struct ts_evaluation *ts_evaluation_ref(struct ts_evaluation *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void ts_evaluation_unref(struct ts_evaluation *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    ts_headers_unref(e->headers);
    ts_arena_free(e->arena);
    free(e);
}
