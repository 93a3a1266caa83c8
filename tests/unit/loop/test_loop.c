/* Mailbox, timers and jobs, from several threads. */
#include "testing.h"

#include "loop/job.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, EACH = 5000 };

struct counted {
    struct ts_task task;
    struct ts_loop *loop;
    atomic_int *count;
    int thread, number;
    int *last; /* per thread: the number seen last */
};

static void count_it(struct ts_task *task)
{
    struct counted *c = TS_CONTAINER_OF(task, struct counted, task);
    assert_true(ts_loop_here(c->loop));
    assert_int_equal(c->last[c->thread] + 1, c->number); /* in the order of posting */
    c->last[c->thread] = c->number;
    atomic_fetch_add(c->count, 1);
}

static void *post_all(void *arg)
{
    struct counted *all = arg;
    for (int i = 0; i < EACH; i++)
        ts_loop_post(all[i].loop, &all[i].task);
    return NULL;
}

static void posts_from_all_threads_arrive_in_order(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_loop *loop = ts_loop_new("test");
    struct counted *all = ts_alloc(THREADS * EACH * sizeof *all);
    atomic_int count = 0;
    int last[THREADS] = {0};
    pthread_t threads[THREADS];
    assert_true(ts_loop_start(loop, &err));
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < EACH; i++)
            all[t * EACH + i] = (struct counted){{.run = count_it}, loop, &count, t, i + 1, last};
        pthread_create(&threads[t], NULL, post_all, &all[t * EACH]);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    ts_loop_stop(loop); /* runs what is posted first */
    assert_int_equal(atomic_load(&count), THREADS * EACH);
    ts_loop_stop(loop);
    ts_loop_free(loop);
    free(all);
}

/* ---- timers ---- */

struct alarm {
    struct ts_timer timer;
    struct ts_loop *loop;
    ts_time *latest;
    int *fired;
    int stop_at;
};

static void on_alarm(struct ts_timer *timer)
{
    struct alarm *a = TS_CONTAINER_OF(timer, struct alarm, timer);
    assert_true(timer->deadline >= *a->latest); /* in the order of their deadlines */
    assert_true(ts_now() >= timer->deadline);
    *a->latest = timer->deadline;
    if (++*a->fired == a->stop_at)
        ts_loop_break(a->loop);
}

static void timers_fire_in_order_unless_stopped(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct ts_loop *loop = ts_loop_new("test");
    struct alarm *alarms = ts_alloc(COUNT * sizeof *alarms);
    ts_time latest = 0;
    int fired = 0;
    ts_time now = ts_now();
    for (int i = 0; i < COUNT; i++) {
        alarms[i] = (struct alarm){{0}, loop, &latest, &fired, COUNT / 2};
        ts_timer_start(loop, &alarms[i].timer, now + (i * 7919 % 100) * TS_MS / 2, on_alarm);
    }
    for (int i = 0; i < COUNT; i += 2)
        ts_timer_stop(loop, &alarms[i].timer);
    ts_timer_stop(loop, &alarms[0].timer);                              /* twice is fine */
    ts_timer_start(loop, &alarms[1].timer, now + 60 * TS_MS, on_alarm); /* moved */
    ts_loop_run(loop);
    assert_int_equal(fired, COUNT / 2);
    ts_loop_free(loop);
    free(alarms);
}

struct equal {
    struct ts_timer timer;
    struct ts_loop *loop;
    int number, *fired; /* fired: the numbers, in the order of firing; fired[0] counts them */
    int wanted;
};

static void note_number(struct ts_timer *timer)
{
    struct equal *e = TS_CONTAINER_OF(timer, struct equal, timer);
    e->fired[++e->fired[0]] = e->number;
    if (e->fired[0] == e->wanted)
        ts_loop_break(e->loop);
}

static void equal_deadlines_fire_in_the_order_of_starting(void **state)
{
    (void)state;
    enum { COUNT = 500, STOPPED = COUNT / 5, AGAIN = COUNT / 10 };
    struct ts_loop *loop = ts_loop_new("test");
    struct equal *all = ts_alloc(COUNT * sizeof *all);
    int *fired = ts_alloc((COUNT + 1) * sizeof *fired);
    ts_time deadline = ts_now();
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct equal){{0}, loop, i, fired, COUNT - STOPPED + AGAIN};
        ts_timer_start(loop, &all[i].timer, deadline, note_number);
        if (i % 5 == 4) /* takes one out of the middle */
            ts_timer_stop(loop, &all[i - 2].timer);
    }
    for (int i = 2; i < COUNT; i += 10) { /* half of the stopped: they are the last now */
        all[i].number = COUNT + i;
        ts_timer_start(loop, &all[i].timer, deadline, note_number);
    }
    ts_loop_run(loop);
    assert_int_equal(fired[0], COUNT - STOPPED + AGAIN);
    for (int i = 2; i <= fired[0]; i++)
        assert_true(fired[i] > fired[i - 1]);
    ts_loop_free(loop);
    free(all);
    free(fired);
}

static void a_timer_started_again_goes_behind_its_equals(void **state)
{
    (void)state;
    struct ts_loop *loop = ts_loop_new("test");
    int fired[4] = {0};
    struct equal all[3];
    ts_time deadline = ts_now();
    for (int i = 0; i < 3; i++) {
        all[i] = (struct equal){{0}, loop, i, fired, 3};
        ts_timer_start(loop, &all[i].timer, deadline, note_number);
    }
    ts_timer_start(loop, &all[0].timer, deadline, note_number);
    ts_loop_run(loop);
    const int wanted[4] = {3, 1, 2, 0};
    assert_memory_equal(fired, wanted, sizeof wanted);
    ts_loop_free(loop);
}

/* ---- jobs ---- */

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    assert_true(ts_loop_here(job->home));
    assert_int_equal(end, TS_JOB_FAILED);
    ts_loop_break(job->home);
}

static void *finish_it(void *arg)
{
    ts_job_finish(arg, TS_JOB_FAILED);
    return NULL;
}

static void a_job_ends_on_its_home_loop(void **state)
{
    (void)state;
    struct ts_job job = {.home = ts_loop_new("test"), .done = on_done};
    pthread_t thread;
    pthread_create(&thread, NULL, finish_it, &job);
    ts_loop_run(job.home);
    pthread_join(thread, NULL);
    ts_loop_free(job.home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_from_all_threads_arrive_in_order),
        cmocka_unit_test(timers_fire_in_order_unless_stopped),
        cmocka_unit_test(equal_deadlines_fire_in_the_order_of_starting),
        cmocka_unit_test(a_timer_started_again_goes_behind_its_equals),
        cmocka_unit_test(a_job_ends_on_its_home_loop),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
