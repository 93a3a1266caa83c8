/* When to try again: the growth, its limits, and that no two processes agree on the moment. */
#include "testing.h"

#include "pipeline/engine/retry.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct ts_retry_settings spread = {.enabled = true,
                                                .initial_interval = 10 * TS_S,
                                                .max_interval = 30 * TS_S,
                                                .randomization_factor = 0.5,
                                                .multiplier = 2};

static void delays_grow_to_the_largest(void **state)
{
    (void)state;
    struct ts_retry_settings settings = spread;
    settings.randomization_factor = 0;
    struct ts_retry retry = {0};
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 0), 10 * TS_S);
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 0), 20 * TS_S);
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 0), 30 * TS_S);
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 0), 30 * TS_S);
    assert_int_equal(ts_retry_next(&retry, &settings, 45 * TS_S, 0),
                     45 * TS_S); /* the peer's wish */
}

static void it_gives_up_when_switched_off_or_too_late(void **state)
{
    (void)state;
    struct ts_retry_settings settings = spread;
    settings.randomization_factor = 0;
    settings.max_elapsed_time = 60 * TS_S;
    struct ts_retry retry = {.started = 100 * TS_S};
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 150 * TS_S), 10 * TS_S);
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 150 * TS_S), -1);
    settings.enabled = false;
    assert_int_equal(ts_retry_next(&retry, &settings, 0, 100 * TS_S), -1);
}

static void jitter_stays_within_its_factor(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct ts_retry retry = {0};
        ts_time delay = ts_retry_next(&retry, &spread, 0, 0);
        assert_true(delay >= 5 * TS_S && delay <= 15 * TS_S);
    }
}

/* The delays that a process of its own would wait. */
static void delays_elsewhere(ts_time *out, size_t count)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (size_t i = 0; i < count; i++) {
            struct ts_retry retry = {0};
            out[i] = ts_retry_next(&retry, &spread, 0, 0);
        }
        _exit(write(ends[1], out, count * sizeof *out) != (ssize_t)(count * sizeof *out));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], out, count * sizeof *out), count * sizeof *out);
    close(ends[0]);
    close(ends[1]);
}

static void processes_do_not_retry_in_step(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    ts_time one[COUNT];
    ts_time two[COUNT];
    delays_elsewhere(one, COUNT);
    delays_elsewhere(two, COUNT);
    assert_memory_not_equal(one, two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_grow_to_the_largest),
        cmocka_unit_test(it_gives_up_when_switched_off_or_too_late),
        cmocka_unit_test(jitter_stays_within_its_factor),
        cmocka_unit_test(processes_do_not_retry_in_step),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
