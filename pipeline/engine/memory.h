/* memory.h - the bytes of requests in memory, their limit, and who waits for room. */
#ifndef TS_ENGINE_MEMORY_H
#define TS_ENGINE_MEMORY_H

#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>

/* Somebody who wants to go on when there is room; lives inside him. */
struct ts_room {
    struct ts_room *next;     /* private; so too: */
    struct ts_memory *memory; /* that it waits for; NULL: for none */
    struct ts_task come;
    struct ts_loop *loop;
    struct ts_task task; /* run there, once or more after each ts_memory_await */
};

struct ts_memory {
    int64_t limit; /* bytes */
    _Atomic int64_t used;
    pthread_mutex_t lock; /* guards the list */
    struct ts_room *first;
    atomic_bool awaited;
};

void ts_memory_init(struct ts_memory *memory, uint64_t limit);
void ts_memory_release(struct ts_memory *memory);

/* Thread: any, for all of these. */
void ts_memory_add(struct ts_memory *memory, size_t bytes);
void ts_memory_sub(struct ts_memory *memory, size_t bytes);
static inline int64_t ts_memory_used(const struct ts_memory *memory)
{
    return atomic_load(&((struct ts_memory *)(uintptr_t)memory)->used);
}
static inline bool ts_memory_has_room(const struct ts_memory *memory)
{
    return ts_memory_used(memory) < memory->limit;
}
/* Has `room->task` run when less than the limit is used, as soon as may be if it is. Nothing more happens while it
 * waits already, or is about to run. */
void ts_memory_await(struct ts_memory *memory, struct ts_room *room);

#endif
