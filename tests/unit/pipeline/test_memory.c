/* The memory limit: who waits for room is told once. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline/engine/memory.h"

#include <unistd.h>

enum { LIMIT = 100 };

struct waiting {
    struct ts_room room;
    int posted;
};

struct home {
    struct ts_loop *loop;
    struct ts_memory memory;
    struct waiting waiting[2];
};

static void on_room(struct ts_task *task)
{
    TS_CONTAINER_OF(task, struct waiting, room.task)->posted++;
}

static int make_home(void **state)
{
    struct home *h = ts_alloc(sizeof *h);
    h->loop = ts_loop_new("test");
    ts_memory_init(&h->memory, LIMIT);
    for (size_t i = 0; i < 2; i++)
        h->waiting[i].room = (struct ts_room){.loop = h->loop, .task = {.run = on_room}};
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    ts_memory_release(&h->memory);
    ts_loop_free(h->loop);
    free(h);
    return 0;
}

static void assert_posted(struct home *h, size_t which, int times)
{
    clock_settle(h->loop);
    assert_int_equal(h->waiting[which].posted, times);
}

static void there_is_room_below_the_limit(void **state)
{
    struct home *h = *state;
    assert_true(ts_memory_has_room(&h->memory));
    ts_memory_add(&h->memory, LIMIT - 1);
    assert_true(ts_memory_has_room(&h->memory));
    ts_memory_add(&h->memory, 1);
    assert_false(ts_memory_has_room(&h->memory));
    assert_int_equal(ts_memory_used(&h->memory), LIMIT);
    ts_memory_sub(&h->memory, LIMIT);
    assert_int_equal(ts_memory_used(&h->memory), 0);
}

static void with_room_it_is_posted_at_once_but_not_inside_the_call(void **state)
{
    struct home *h = *state;
    ts_memory_await(&h->memory, &h->waiting[0].room);
    assert_int_equal(h->waiting[0].posted, 0);
    assert_posted(h, 0, 1);
    ts_memory_add(&h->memory, LIMIT); /* that was all: it has to ask again */
    ts_memory_sub(&h->memory, LIMIT);
    assert_posted(h, 0, 1);
}

static void without_room_it_is_posted_when_there_is(void **state)
{
    struct home *h = *state;
    ts_memory_add(&h->memory, LIMIT + 10);
    ts_memory_await(&h->memory, &h->waiting[0].room);
    assert_posted(h, 0, 0);
    ts_memory_sub(&h->memory, 10); /* exactly the limit is no room */
    assert_posted(h, 0, 0);
    ts_memory_sub(&h->memory, 1);
    assert_posted(h, 0, 1);
    ts_memory_sub(&h->memory, 1);
    assert_posted(h, 0, 1);
}

static void waiting_twice_is_waiting_once(void **state)
{
    struct home *h = *state;
    ts_memory_add(&h->memory, LIMIT);
    ts_memory_await(&h->memory, &h->waiting[0].room);
    ts_memory_await(&h->memory, &h->waiting[1].room);
    ts_memory_await(&h->memory, &h->waiting[0].room);
    ts_memory_sub(&h->memory, LIMIT);
    assert_posted(h, 0, 1);
    assert_posted(h, 1, 1);
    ts_memory_add(&h->memory, LIMIT);
    ts_memory_await(&h->memory, &h->waiting[0].room); /* and again, another time */
    ts_memory_sub(&h->memory, 1);
    assert_posted(h, 0, 2);
    assert_posted(h, 1, 1);
}

/* Two threads may ask while the answer to the first is on its way; a task that is posted twice would make the
 * mailbox go round in a circle. */
static void asking_again_before_it_came_changes_nothing(void **state)
{
    struct home *h = *state;
    alarm(60); /* instead of a hang */
    for (int i = 0; i < 3; i++)
        ts_memory_await(&h->memory, &h->waiting[0].room);
    ts_memory_await(&h->memory, &h->waiting[1].room);
    ts_memory_await(&h->memory, &h->waiting[0].room);
    assert_posted(h, 0, 1);
    assert_posted(h, 1, 1);
    ts_memory_await(&h->memory, &h->waiting[0].room);
    assert_posted(h, 0, 2);
    alarm(0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(there_is_room_below_the_limit),
        CASE(with_room_it_is_posted_at_once_but_not_inside_the_call),
        CASE(without_room_it_is_posted_when_there_is),
        CASE(waiting_twice_is_waiting_once),
        CASE(asking_again_before_it_came_changes_nothing),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
