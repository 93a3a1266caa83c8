/* memory.c - the counting is atomic; the list has a lock that is taken only when somebody waits. */
#include "pipeline/engine/memory.h"

void ts_memory_init(struct ts_memory *m, uint64_t limit)
{
    m->limit = (int64_t)limit;
    pthread_mutex_init(&m->lock, NULL);
}

void ts_memory_release(struct ts_memory *m)
{
    pthread_mutex_destroy(&m->lock);
}

void ts_memory_add(struct ts_memory *m, size_t bytes)
{
    atomic_fetch_add(&m->used, (int64_t)bytes);
}

/* From here on it may wait again, not before: it has one task to be posted. */
static void come(struct ts_task *task)
{
    struct ts_room *room = TS_CONTAINER_OF(task, struct ts_room, come);
    struct ts_memory *m = room->memory;
    pthread_mutex_lock(&m->lock);
    room->memory = NULL;
    pthread_mutex_unlock(&m->lock);
    room->task.run(&room->task);
}

/* All that wait go on: each looks for himself whether there is still room. */
static void wake(struct ts_memory *m)
{
    pthread_mutex_lock(&m->lock);
    struct ts_room *room = m->first;
    m->first = NULL;
    atomic_store(&m->awaited, false);
    while (room) {
        struct ts_room *next = room->next;
        ts_loop_post(room->loop, &room->come);
        room = next;
    }
    pthread_mutex_unlock(&m->lock);
}

void ts_memory_sub(struct ts_memory *m, size_t bytes)
{
    atomic_fetch_sub(&m->used, (int64_t)bytes);
    if (atomic_load(&m->awaited) && ts_memory_has_room(m))
        wake(m);
}

void ts_memory_await(struct ts_memory *m, struct ts_room *room)
{
    pthread_mutex_lock(&m->lock);
    bool first = !room->memory;
    if (first) {
        room->memory = m;
        room->come.run = come;
        room->next = m->first;
        m->first = room;
        atomic_store(&m->awaited, true);
    }
    pthread_mutex_unlock(&m->lock);
    if (first && ts_memory_has_room(m)) /* it may have come while we queued */
        wake(m);
}
