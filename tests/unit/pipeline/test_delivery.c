/* Delivery: when an attempt is made again, what its outcome comes to, what a stop leaves. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline/engine/delivery.h"

enum { ITEMS = 3 };

/* One thing to deliver; what became of it so far. */
struct trial {
    struct ts_attempt attempt;
    int starts;
    int ends;
    enum ts_fate fate;
};

struct home {
    struct ts_loop *loop;
    struct ts_delivery delivery;
    struct ts_counter sent, failed, retried;
    struct trial trials[3];
};

static void on_start(struct ts_attempt *attempt)
{
    struct trial *t = TS_CONTAINER_OF(attempt, struct trial, attempt);
    assert_int_equal(t->ends, 0);
    t->starts++;
}

static void on_end(struct ts_attempt *attempt, enum ts_fate fate)
{
    struct trial *t = TS_CONTAINER_OF(attempt, struct trial, attempt);
    t->ends++;
    t->fate = fate;
}

/* Delays of 1, 2, 4, 5, 5 … seconds. */
static int make_home(void **state)
{
    struct home *h = ts_alloc(sizeof *h);
    h->loop = ts_loop_new("test");
    h->delivery = (struct ts_delivery){
        .id = "exporter/test",
        .loop = h->loop,
        .words = {"spans", "refused", "given up", "will retry", "blocked"},
        .retry = {.enabled = true,
                  .initial_interval = 1 * TS_S,
                  .multiplier = 2,
                  .max_interval = 5 * TS_S},
        .sent = &h->sent,
        .failed = &h->failed,
        .retried = &h->retried,
    };
    for (size_t i = 0; i < TS_COUNT(h->trials); i++) {
        h->trials[i].attempt.of = &h->delivery;
        h->trials[i].attempt.items = ITEMS;
        h->trials[i].attempt.start = on_start;
        h->trials[i].attempt.end = on_end;
    }
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    ts_loop_free(h->loop);
    free(h);
    return 0;
}

/* ---- steps ---- */

static struct trial *begin(struct home *h, size_t which)
{
    ts_attempt_begin(&h->trials[which].attempt);
    clock_settle(h->loop);
    return &h->trials[which];
}

static void answer(struct home *h, struct trial *t, enum ts_outcome outcome, ts_time wish)
{
    struct ts_err err = {.code = TS_UNAVAILABLE, .retry_after = wish, .what = "no luck"};
    ts_attempt_outcome(&t->attempt, outcome, outcome == TS_SENT ? NULL : &err);
    clock_settle(h->loop);
}

/* The next attempt comes after this delay and not a nanosecond before. */
static void assert_next_after(struct home *h, const struct trial *t, ts_time delay)
{
    int before = t->starts;
    clock_move(h->loop, delay - 1);
    assert_int_equal(t->starts, before);
    clock_move(h->loop, 1);
    assert_int_equal(t->starts, before + 1);
    assert_int_equal(t->ends, 0);
}

static void assert_ended(const struct trial *t, enum ts_fate fate)
{
    assert_int_equal(t->ends, 1);
    assert_int_equal(t->fate, fate);
}

static void assert_counts(const struct home *h, int sent, int failed, int retried)
{
    assert_int_equal(ts_counted(&h->sent), sent);
    assert_int_equal(ts_counted(&h->failed), failed);
    assert_int_equal(ts_counted(&h->retried), retried);
}

static void assert_silent(struct home *h, const struct trial *t)
{
    int starts = t->starts;
    int ends = t->ends;
    clock_move(h->loop, 1000 * TS_S);
    assert_int_equal(t->starts, starts);
    assert_int_equal(t->ends, ends);
}

/* ---- trying again ---- */

static void what_is_sent_has_ended_and_its_items_are_counted(void **state)
{
    struct home *h = *state;
    struct trial *t = begin(h, 0);
    assert_int_equal(t->starts, 1);
    answer(h, t, TS_SENT, 0);
    assert_ended(t, TS_DELIVERED);
    assert_counts(h, ITEMS, 0, 0);
    assert_silent(h, t);
}

static void delays_grow_to_the_largest(void **state)
{
    struct home *h = *state;
    static const int delays[] = {1, 2, 4, 5, 5};
    struct trial *t = begin(h, 0);
    for (size_t i = 0; i < TS_COUNT(delays); i++) {
        answer(h, t, TS_RETRY, 0);
        assert_counts(h, 0, 0, (int)i + 1);
        assert_next_after(h, t, delays[i] * TS_S);
    }
    answer(h, t, TS_SENT, 0);
    assert_ended(t, TS_DELIVERED);
    assert_counts(h, ITEMS, 0, (int)TS_COUNT(delays));
}

static void a_new_thing_starts_with_the_first_delay(void **state)
{
    struct home *h = *state;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 0);
    assert_next_after(h, t, 1 * TS_S);
    answer(h, t, TS_RETRY, 0);
    struct trial *other = begin(h, 1);
    answer(h, other, TS_RETRY, 0);
    assert_next_after(h, other, 1 * TS_S);
    assert_int_equal(t->starts, 2); /* its turn is a second later */
    assert_next_after(h, t, 1 * TS_S);
    answer(h, t, TS_SENT, 0);
    answer(h, other, TS_SENT, 0);
}

static void the_peers_wish_is_the_least_delay(void **state)
{
    struct home *h = *state;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 30 * TS_S);
    assert_next_after(h, t, 30 * TS_S);
    answer(h, t, TS_RETRY, 1 * TS_S); /* less than it would be without */
    assert_next_after(h, t, 2 * TS_S);
    answer(h, t, TS_SENT, 0);
}

static void what_is_blocked_waits_the_largest_delay(void **state)
{
    struct home *h = *state;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_BLOCKED, 0);
    assert_next_after(h, t, 5 * TS_S);
    answer(h, t, TS_BLOCKED, 0);
    assert_next_after(h, t, 5 * TS_S);
    answer(h, t, TS_SENT, 0);
    assert_ended(t, TS_DELIVERED);
    assert_counts(h, ITEMS, 0, 2);
}

static void jitter_stays_within_its_factor(void **state)
{
    const struct home *h = *state;
    struct ts_retry_settings settings = h->delivery.retry;
    settings.randomization_factor = 0.5;
    ts_time least = TS_NEVER;
    ts_time most = 0;
    for (int i = 0; i < 1000; i++) {
        struct ts_retry retry = {.started = 0};
        ts_time delay = ts_retry_next(&retry, &settings, 0, 0);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_in_range(least, TS_S / 2, TS_S * 6 / 10);
    assert_in_range(most, TS_S * 14 / 10, TS_S * 3 / 2);
}

/* ---- giving up ---- */

static void what_is_refused_is_dropped_at_once(void **state)
{
    struct home *h = *state;
    static const enum ts_outcome outcomes[] = {TS_REFUSED, TS_TOO_LARGE};
    for (size_t i = 0; i < TS_COUNT(outcomes); i++) {
        struct trial *t = begin(h, i);
        answer(h, t, outcomes[i], 60 * TS_S); /* whatever it wishes */
        assert_ended(t, TS_DROPPED);
        assert_counts(h, 0, ITEMS * ((int)i + 1), 0);
        assert_silent(h, t);
    }
}

static void without_retries_a_failure_is_the_end(void **state)
{
    struct home *h = *state;
    h->delivery.retry.enabled = false;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 0);
    assert_ended(t, TS_DROPPED);
    assert_counts(h, 0, ITEMS, 0);
}

/* Attempts at 0, 1 and 3 seconds; the one at 7 would be too late. */
static void assert_gives_up_after_three(struct home *h)
{
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 0);
    assert_next_after(h, t, 1 * TS_S);
    answer(h, t, TS_RETRY, 0);
    assert_next_after(h, t, 2 * TS_S);
    answer(h, t, TS_RETRY, 0);
    assert_ended(t, TS_DROPPED);
    assert_counts(h, 0, ITEMS, 2);
    assert_silent(h, t);
}

static void after_the_longest_time_it_is_dropped(void **state)
{
    struct home *h = *state;
    h->delivery.retry.max_elapsed_time = 7 * TS_S - 1;
    assert_gives_up_after_three(h);
}

static void after_give_up_it_is_dropped(void **state)
{
    struct home *h = *state;
    h->delivery.give_up = 7 * TS_S - 1;
    assert_gives_up_after_three(h);
}

static void an_attempt_just_in_time_is_made(void **state)
{
    struct home *h = *state;
    h->delivery.retry.max_elapsed_time = 3 * TS_S;
    h->delivery.give_up = 3 * TS_S;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 0);
    assert_next_after(h, t, 1 * TS_S);
    answer(h, t, TS_RETRY, 0);
    assert_next_after(h, t, 2 * TS_S);
    answer(h, t, TS_SENT, 0);
    assert_ended(t, TS_DELIVERED);
}

static void a_wish_beyond_the_longest_time_is_the_end(void **state)
{
    struct home *h = *state;
    h->delivery.retry.max_elapsed_time = 60 * TS_S;
    struct trial *t = begin(h, 0);
    answer(h, t, TS_RETRY, 61 * TS_S);
    assert_ended(t, TS_DROPPED);
}

/* ---- stopping ---- */

static void a_stop_leaves_what_waits(void **state)
{
    struct home *h = *state;
    for (size_t i = 0; i < TS_COUNT(h->trials); i++)
        answer(h, begin(h, i), i == 1 ? TS_BLOCKED : TS_RETRY, 0);
    ts_delivery_leave(&h->delivery);
    for (size_t i = 0; i < TS_COUNT(h->trials); i++) {
        assert_ended(&h->trials[i], TS_LEFT);
        assert_silent(h, &h->trials[i]);
    }
    assert_counts(h, 0, 0, (int)TS_COUNT(h->trials)); /* nothing is lost */
}

static void what_had_its_next_attempt_waits_no_more(void **state)
{
    struct home *h = *state;
    for (size_t i = 0; i < TS_COUNT(h->trials); i++)
        answer(h, begin(h, i), TS_RETRY, (ts_time)(i + 1) * 10 * TS_S);
    clock_move(h->loop, 20 * TS_S); /* the first and the second are on their way again */
    ts_delivery_leave(&h->delivery);
    assert_int_equal(h->trials[0].ends + h->trials[1].ends, 0);
    assert_ended(&h->trials[2], TS_LEFT);
    answer(h, &h->trials[0], TS_SENT, 0);
    answer(h, &h->trials[1], TS_SENT, 0);
    assert_ended(&h->trials[0], TS_DELIVERED);
    assert_ended(&h->trials[1], TS_DELIVERED);
}

static void what_fails_after_a_stop_is_left(void **state)
{
    struct home *h = *state;
    struct trial *retry = begin(h, 0);
    struct trial *blocked = begin(h, 1);
    ts_delivery_leave(&h->delivery);
    assert_int_equal(retry->ends + blocked->ends, 0); /* what is under way may end */
    answer(h, retry, TS_RETRY, 0);
    answer(h, blocked, TS_BLOCKED, 0);
    assert_ended(retry, TS_LEFT);
    assert_ended(blocked, TS_LEFT);
    assert_counts(h, 0, 0, 0);
    assert_silent(h, retry);
}

static void what_is_sent_or_refused_after_a_stop_is_so_all_the_same(void **state)
{
    struct home *h = *state;
    struct trial *sent = begin(h, 0);
    struct trial *refused = begin(h, 1);
    ts_delivery_leave(&h->delivery);
    answer(h, sent, TS_SENT, 0);
    answer(h, refused, TS_REFUSED, 0);
    assert_ended(sent, TS_DELIVERED);
    assert_ended(refused, TS_DROPPED);
    assert_counts(h, ITEMS, ITEMS, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_sent_has_ended_and_its_items_are_counted),
        CASE(delays_grow_to_the_largest),
        CASE(a_new_thing_starts_with_the_first_delay),
        CASE(the_peers_wish_is_the_least_delay),
        CASE(what_is_blocked_waits_the_largest_delay),
        CASE(jitter_stays_within_its_factor),
        CASE(what_is_refused_is_dropped_at_once),
        CASE(without_retries_a_failure_is_the_end),
        CASE(after_the_longest_time_it_is_dropped),
        CASE(after_give_up_it_is_dropped),
        CASE(an_attempt_just_in_time_is_made),
        CASE(a_wish_beyond_the_longest_time_is_the_end),
        CASE(a_stop_leaves_what_waits),
        CASE(what_had_its_next_attempt_waits_no_more),
        CASE(what_fails_after_a_stop_is_left),
        CASE(what_is_sent_or_refused_after_a_stop_is_so_all_the_same),
    };
    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
