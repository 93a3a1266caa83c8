/* A stop of the sending queue: what failed is left, what was not tried is, too, when all is to be left. */
#include "testing.h"

#include "moved_clock.h"
#include "sending_home.h"

static void a_stop_leaves_what_failed_and_what_waits_behind_it(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result failing[2];
    struct result well[2];
    for (size_t i = 0; i < 2; i++) {
        give(h, 1, "a", &failing[i]);
        give(h, 2, "b", &well[i]);
    }
    fake_end_send(f, 0, TS_RETRY); /* a's */
    leave(h, false);
    assert_ended(h, &failing[0], TS_LEFT);
    assert_ended(h, &failing[1], TS_LEFT);
    assert_open(h, &well[0]);
    fake_end_send(f, 0, TS_SENT);
    fake_end_send(f, 0, TS_SENT); /* what has not been tried is */
    assert_ended(h, &well[0], TS_DELIVERED);
    assert_ended(h, &well[1], TS_DELIVERED);
    assert_gauge(h, 0);
    assert_counts(h, 4, 0);
}

static void what_fails_after_a_stop_is_left_with_what_waits_behind_it(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result results[2];
    for (size_t i = 0; i < 2; i++)
        give(h, 1, NULL, &results[i]);
    leave(h, false);
    assert_open(h, &results[0]);
    fake_end_send(f, 0, TS_BLOCKED);
    assert_int_equal(f->send_count, 0);
    assert_ended(h, &results[0], TS_LEFT);
    assert_ended(h, &results[1], TS_LEFT);
}

static void what_comes_after_a_stop_is_tried_once(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    leave(h, false);
    give(h, 1, NULL, &result);
    fake_end_send(f, 0, TS_SENT);
    assert_ended(h, &result, TS_DELIVERED);
    give(h, 1, NULL, &result);
    fake_end_send(f, 0, TS_RETRY);
    assert_ended(h, &result, TS_LEFT);
    clock_move(h->loop, 60 * TS_S);
    assert_int_equal(f->attempts, 2);
}

static void when_all_is_left_only_what_is_being_sent_may_end(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result sent;
    struct result queued;
    struct result waiting;
    struct result later;
    give(h, 1, "a", &waiting);
    fake_end_send(f, 0, TS_RETRY);
    give(h, 1, NULL, &sent);
    give(h, 1, NULL, &queued);
    leave(h, true);
    assert_ended(h, &waiting, TS_LEFT);
    assert_ended(h, &queued, TS_LEFT);
    assert_open(h, &sent);
    give(h, 1, NULL, &later);
    assert_ended(h, &later, TS_LEFT);
    leave(h, true); /* twice is fine */
    leave(h, false);
    fake_end_send(f, 0, TS_SENT);
    assert_ended(h, &sent, TS_DELIVERED);
    assert_gauge(h, 0);
    assert_counts(h, 1, 0);
}

static void pieces_of_what_was_being_sent_are_left_with_the_rest(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    give(h, 4, NULL, &result);
    leave(h, true);
    fake_end_send(f, 0, TS_TOO_LARGE);
    assert_int_equal(f->send_count, 0);
    assert_ended(h, &result, TS_LEFT);
    assert_counts(h, 0, 0);
}

static void a_part_that_is_sent_in_part_is_left(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    give(h, 2, NULL, &result);
    fake_end_send(f, 0, TS_TOO_LARGE);
    fake_end_send(f, 0, TS_SENT);
    fake_end_send(f, 0, TS_RETRY);
    assert_open(h, &result);
    leave(h, false);
    assert_ended(h, &result, TS_LEFT);
    assert_counts(h, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_stop_leaves_what_failed_and_what_waits_behind_it),
        CASE(what_fails_after_a_stop_is_left_with_what_waits_behind_it),
        CASE(what_comes_after_a_stop_is_tried_once),
        CASE(when_all_is_left_only_what_is_being_sent_may_end),
        CASE(pieces_of_what_was_being_sent_are_left_with_the_rest),
        CASE(a_part_that_is_sent_in_part_is_left),
    };
    return cmocka_run_group_tests_name("sending queue, stopped", tests, NULL, NULL);
}
