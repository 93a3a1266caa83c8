/* loop.c - mailbox and timer heap on top of libuv.
 * The mailbox is a lock-free stack that the loop takes whole and turns round; the wake-up is sent
 * only by the post that finds it empty. Timers are a binary heap of our own over one uv_timer,
 * because a uv handle must be closed asynchronously before its owner's memory may go. */
#include "loop/loop.h"

#include "base/buf.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ts_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t alarm;
    _Atomic(struct ts_task *) mailbox;
    atomic_bool stopping;
    struct ts_timer **heap; /* heap[0] unused */
    size_t timers, heap_cap;
    uint64_t timers_started; /* ever: gives each its number */
    pthread_t thread;
    _Atomic(pthread_t) owner;
    atomic_bool has_owner;
    bool started;
    char name[16];
};

/* ---- timers ---- */

static bool before(const struct ts_timer *a, const struct ts_timer *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->number < b->number);
}

static void put(struct ts_loop *loop, size_t place, struct ts_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void sift(struct ts_loop *loop, size_t place)
{
    struct ts_timer *timer = loop->heap[place];
    while (place > 1 && before(timer, loop->heap[place / 2])) {
        put(loop, place, loop->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = place * 2;
        if (child > loop->timers)
            break;
        if (child < loop->timers && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], timer))
            break;
        put(loop, place, loop->heap[child]);
        place = child;
    }
    put(loop, place, timer);
}

static void on_alarm(uv_timer_t *alarm);

static void set_alarm(struct ts_loop *loop)
{
    if (loop->timers == 0) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    ts_time left = loop->heap[1]->deadline - ts_now();
    uv_timer_start(&loop->alarm, on_alarm, left <= 0 ? 0 : (uint64_t)((left + TS_MS - 1) / TS_MS),
                   0);
}

void ts_timer_stop(struct ts_loop *loop, struct ts_timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    struct ts_timer *last = loop->heap[loop->timers--];
    timer->place = 0;
    if (last != timer) {
        put(loop, place, last);
        sift(loop, place);
    }
}

void ts_timer_start(struct ts_loop *loop, struct ts_timer *timer, ts_time deadline,
                    void (*fire)(struct ts_timer *))
{
    ts_timer_stop(loop, timer);
    timer->deadline = deadline;
    timer->number = ++loop->timers_started;
    timer->fire = fire;
    if (loop->timers + 2 > loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
        loop->heap = ts_realloc(loop->heap, loop->heap_cap * sizeof(struct ts_timer *));
    }
    put(loop, ++loop->timers, timer);
    sift(loop, timer->place);
    if (timer->place == 1)
        set_alarm(loop);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct ts_loop *loop = alarm->data;
    ts_time now = ts_now();
    while (loop->timers > 0 && loop->heap[1]->deadline <= now) {
        struct ts_timer *timer = loop->heap[1];
        ts_timer_stop(loop, timer);
        timer->fire(timer);
    }
    set_alarm(loop);
}

/* ---- mailbox ---- */

void ts_loop_post(struct ts_loop *loop, struct ts_task *task)
{
    struct ts_task *head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do
        task->next = head;
    while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, task, memory_order_acq_rel,
                                                  memory_order_relaxed));
    if (!head)
        uv_async_send(&loop->wake);
}

static bool deliver(struct ts_loop *loop)
{
    struct ts_task *newest = atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acquire);
    struct ts_task *oldest = NULL;
    while (newest) {
        struct ts_task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    bool any = oldest != NULL;
    while (oldest) {
        struct ts_task *next = oldest->next; /* run() may free the task */
        oldest->run(oldest);
        oldest = next;
    }
    return any;
}

static void on_wake(uv_async_t *wake)
{
    struct ts_loop *loop = wake->data;
    deliver(loop);
    if (atomic_load(&loop->stopping)) {
        while (deliver(loop))
            continue;
        uv_stop(&loop->uv);
    }
}

/* ---- life ---- */

struct ts_loop *ts_loop_new(const char *name)
{
    struct ts_loop *loop = ts_alloc(sizeof *loop);
    int bad = uv_loop_init(&loop->uv);
    bad |= uv_async_init(&loop->uv, &loop->wake, on_wake);
    bad |= uv_timer_init(&loop->uv, &loop->alarm);
    if (bad)
        abort(); /* no file descriptors at start: nothing would work */
    loop->wake.data = loop;
    loop->alarm.data = loop;
    for (size_t i = 0; i + 1 < sizeof loop->name && name[i]; i++)
        loop->name[i] = name[i];
    return loop;
}

static void own(struct ts_loop *loop)
{
    atomic_store(&loop->owner, pthread_self());
    atomic_store(&loop->has_owner, true);
}

static void *thread_main(void *arg)
{
    struct ts_loop *loop = arg;
    pthread_setname_np(pthread_self(), loop->name);
    own(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

bool ts_loop_start(struct ts_loop *loop, struct ts_err *err)
{
    if (pthread_create(&loop->thread, NULL, thread_main, loop) != 0)
        return ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start thread '%s'", loop->name);
    loop->started = true;
    return true;
}

void ts_loop_stop(struct ts_loop *loop)
{
    if (!loop->started)
        return;
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wake);
    pthread_join(loop->thread, NULL);
    loop->started = false;
}

void ts_loop_run(struct ts_loop *loop)
{
    own(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void ts_loop_break(struct ts_loop *loop)
{
    assert(ts_loop_here(loop));
    uv_stop(&loop->uv);
}

static void close_left_over(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void ts_loop_free(struct ts_loop *loop)
{
    if (!loop)
        return;
    ts_loop_stop(loop);
    uv_walk(&loop->uv, close_left_over, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop->heap);
    free(loop);
}

bool ts_loop_here(const struct ts_loop *loop)
{
    return atomic_load(&loop->has_owner) &&
           pthread_equal(atomic_load(&loop->owner), pthread_self()) != 0;
}

uv_loop_t *ts_loop_uv(struct ts_loop *loop)
{
    return &loop->uv;
}
