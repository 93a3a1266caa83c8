/* The barrier: what a stop waits for, and how long. */
#include "testing.h"

#include "pipeline/engine/barrier.h"

static int make_barrier(void **state)
{
    struct ts_barrier *b = ts_alloc(sizeof *b);
    ts_barrier_init(b);
    *state = b;
    return 0;
}

static int free_barrier(void **state)
{
    ts_barrier_release(*state);
    free(*state);
    return 0;
}

static const enum ts_stage awaited[] = {TS_STAGE_INTAKE, TS_STAGE_BATCHES, TS_STAGE_EVALUATIONS,
                                        TS_STAGE_STORING};

static void with_nothing_on_its_way_there_is_no_wait(void **state)
{
    struct ts_barrier *b = *state;
    assert_true(ts_barrier_wait(b, false, TS_NEVER));
    assert_true(ts_barrier_wait(b, true, TS_NEVER));
    assert_true(ts_barrier_wait(b, true, 0)); /* even when the deadline is over */
}

static void whatever_is_on_its_way_is_waited_for(void **state)
{
    struct ts_barrier *b = *state;
    for (size_t i = 0; i < TS_COUNT(awaited); i++) {
        ts_barrier_enter(b, awaited[i]);
        ts_barrier_enter(b, awaited[i]);
        assert_int_equal(ts_barrier_count(b, awaited[i]), 2);
        assert_false(ts_barrier_wait(b, false, ts_now()));
        ts_barrier_leave(b, awaited[i]);
        assert_false(ts_barrier_wait(b, false, ts_now()));
        ts_barrier_leave(b, awaited[i]);
        assert_int_equal(ts_barrier_count(b, awaited[i]), 0);
        assert_true(ts_barrier_wait(b, false, ts_now()));
    }
}

static void late_scores_are_waited_for_only_when_asked(void **state)
{
    struct ts_barrier *b = *state;
    ts_barrier_enter(b, TS_STAGE_LATE);
    assert_true(ts_barrier_wait(b, false, TS_NEVER));
    assert_false(ts_barrier_wait(b, true, ts_now()));
    ts_barrier_enter(b, TS_STAGE_BATCHES);
    assert_false(ts_barrier_wait(b, false, ts_now()));
    ts_barrier_leave(b, TS_STAGE_BATCHES);
    assert_false(ts_barrier_wait(b, true, ts_now()));
    ts_barrier_leave(b, TS_STAGE_LATE);
    assert_true(ts_barrier_wait(b, true, TS_NEVER));
}

/* ---- another thread ---- */

static void *leave_all(void *arg)
{
    struct ts_barrier *b = arg;
    for (size_t i = 0; i < TS_COUNT(awaited); i++)
        ts_barrier_leave(b, awaited[i]);
    return NULL;
}

static void *leave_late(void *arg)
{
    leave_all(arg);
    ts_barrier_leave(arg, TS_STAGE_LATE);
    return NULL;
}

/* Without its wake-up this waits for ever. */
static void check_woken(struct ts_barrier *b, bool late)
{
    pthread_t thread;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < TS_COUNT(awaited); i++)
            ts_barrier_enter(b, awaited[i]);
        if (late)
            ts_barrier_enter(b, TS_STAGE_LATE);
        pthread_create(&thread, NULL, late ? leave_late : leave_all, b);
        assert_true(ts_barrier_wait(b, late, TS_NEVER));
        pthread_join(thread, NULL);
    }
}

static void the_last_to_leave_wakes_who_waits(void **state)
{
    check_woken(*state, false);
}

static void the_last_late_score_wakes_who_waits_for_it(void **state)
{
    check_woken(*state, true);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_barrier, free_barrier)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(with_nothing_on_its_way_there_is_no_wait),
        CASE(whatever_is_on_its_way_is_waited_for),
        CASE(late_scores_are_waited_for_only_when_asked),
        CASE(the_last_to_leave_wakes_who_waits),
        CASE(the_last_late_score_wakes_who_waits_for_it),
    };
    return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
