/* engine.c - its life. */
#include "pipeline/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

void ts_engine_init(struct ts_engine *e, uint64_t memory_limit)
{
    e->metrics = ts_metrics_new();
    ts_memory_init(&e->memory, memory_limit);
    ts_memory_init(&e->kept, memory_limit / 4 + 1);
    ts_barrier_init(&e->barrier);
}

void ts_engine_release(struct ts_engine *e)
{
    ts_store_close(e->store);
    ts_seal_free(e->seal);
    for (size_t i = 0; i < e->loop_count; i++)
        ts_loop_free(e->loops[i]);
    free(e->loops);
    ts_barrier_release(&e->barrier);
    ts_memory_release(&e->kept);
    ts_memory_release(&e->memory);
    ts_metrics_free(e->metrics);
}

bool ts_engine_start_loops(struct ts_engine *e, size_t count, struct ts_err *err)
{
    e->loops = ts_alloc(count * sizeof(struct ts_loop *));
    for (; e->loop_count < count; e->loop_count++) {
        char name[32];
        snprintf(name, sizeof name, "loop%zu", e->loop_count);
        e->loops[e->loop_count] = ts_loop_new(name);
    }
    for (size_t i = 0; i < count; i++)
        if (!ts_loop_start(e->loops[i], err))
            return false;
    return true;
}

struct ts_loop *ts_engine_loop(struct ts_engine *e)
{
    return e->loops[atomic_fetch_add(&e->next_loop, 1) % e->loop_count];
}
