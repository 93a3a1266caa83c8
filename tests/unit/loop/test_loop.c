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
        cmocka_unit_test(a_job_ends_on_its_home_loop),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
