/* The evaluation queue: settling, posts of some at a time and in order, and that a score which a backend
 * does not take is nothing against its span. */
#include "testing.h"

#include "engine_home.h"
#include "moved_clock.h"
#include "pipeline/engine/evaluation_queue.h"

struct home {
    struct engine_home at;
    struct fake_exporter fake;
    struct ts_evaluation_queue *queue;
    struct ts_evaluation *made[8]; /* in the order in which they were given */
    size_t made_count;
    struct home_result results[8]; /* of the batch of each */
};

static struct ts_evaluation_queue *make_queue(struct home *h)
{
    return ts_evaluation_queue_new(&fake_exporter, fake_instance(&h->fake), "one", h->at.loop,
                                   h->at.engine.metrics);
}

static int make_home(void **state)
{
    struct home *h = ts_alloc(sizeof *h);
    home_init(&h->at, false);
    fake_init(&h->fake, h->at.loop);
    h->queue = make_queue(h);
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    ts_evaluation_queue_free(h->queue);
    home_release(&h->at);
    free(h);
    return 0;
}

/* ---- steps ---- */

static void give(struct home *h, const char *tenant)
{
    struct ts_batch *b = home_batch(&h->at, 1, tenant, &h->results[h->made_count]);
    struct ts_evaluation *e = ts_evaluation_new(b->headers);
    ts_evaluation_queue_add(h->queue, b, e);
    ts_batch_pending_done(b, TS_DELIVERED);
    h->made[h->made_count++] = e; /* to compare with; the queue has its own reference */
    ts_evaluation_unref(e);
    home_settle(&h->at);
}

static void give_some(struct home *h, size_t count, const char *tenant)
{
    for (size_t i = 0; i < count; i++)
        give(h, tenant);
}

static void leave(struct home *h, bool failing, bool all)
{
    ts_evaluation_queue_leave(h->queue, failing, all);
    home_settle(&h->at);
}

/* The post that began last but `place` holds `count` of what was given, from this one on. */
static void assert_posts(const struct home *h, size_t place, size_t from, size_t count)
{
    assert_true(place < h->fake.post_count);
    assert_int_equal(h->fake.posts[place]->count, count);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(h->fake.posts[place]->items[i], h->made[from + i]);
}

static void assert_ended(struct home *h, size_t which, enum ts_fate fate)
{
    home_assert_ended(&h->at, &h->results[which], fate);
}

static void assert_open(struct home *h, size_t which)
{
    home_assert_open(&h->at, &h->results[which]);
}

static void assert_counts(const struct home *h, int sent, int failed)
{
    struct ts_metrics *m = h->at.engine.metrics;
    assert_int_equal(ts_metrics_sum(m, "trustspan_exporter_sent_evaluations"), sent);
    assert_int_equal(ts_metrics_sum(m, "trustspan_exporter_failed_evaluations"), failed);
}

/* ---- posts ---- */

static void an_evaluation_waits_until_its_span_is_stored(void **state)
{
    struct home *h = *state;
    give(h, NULL);
    assert_int_equal(ts_barrier_count(&h->at.engine.barrier, TS_STAGE_EVALUATIONS), 1);
    clock_move(h->at.loop, 1 * TS_S - 1);
    assert_int_equal(h->fake.post_count, 0);
    clock_move(h->at.loop, 1);
    assert_posts(h, 0, 0, 1);
    assert_open(h, 0);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 0, TS_DELIVERED);
    assert_counts(h, 1, 0);
    assert_int_equal(ts_barrier_count(&h->at.engine.barrier, TS_STAGE_EVALUATIONS), 0);
}

static void posts_are_of_one_size_one_at_a_time_and_in_order(void **state)
{
    struct home *h = *state;
    give_some(h, 5, NULL);
    clock_move(h->at.loop, 1 * TS_S);
    assert_int_equal(h->fake.post_count, 1);
    assert_posts(h, 0, 0, 2);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_int_equal(h->fake.post_count, 1);
    assert_posts(h, 0, 2, 2);
    fake_end_post(&h->fake, 0, TS_SENT);
    clock_move(h->at.loop, 1 * TS_S);
    assert_posts(h, 0, 4, 1);
    assert_ended(h, 3, TS_DELIVERED);
    assert_open(h, 4);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 4, TS_DELIVERED);
    assert_counts(h, 5, 0);
}

static void a_post_that_fails_is_made_again_before_the_next(void **state)
{
    struct home *h = *state;
    give_some(h, 4, NULL);
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_RETRY);
    assert_int_equal(h->fake.post_count, 0);
    clock_move(h->at.loop, 1 * TS_S);
    assert_posts(h, 0, 0, 2);
    assert_int_equal(h->fake.post_count, 1);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_posts(h, 0, 2, 2);
    fake_end_post(&h->fake, 0, TS_SENT);
    for (size_t i = 0; i < 4; i++)
        assert_ended(h, i, TS_DELIVERED);
}

static void tenants_share_no_post_and_no_trouble(void **state)
{
    struct home *h = *state;
    struct ts_headers *b = fake_tenant("b");
    give(h, "a");
    give(h, "b");
    clock_move(h->at.loop, 1 * TS_S);
    assert_int_equal(h->fake.post_count, 2);
    assert_posts(h, 0, 0, 1);
    assert_posts(h, 1, 1, 1);
    assert_true(ts_headers_eq(h->fake.posts[1]->headers, b));
    fake_end_post(&h->fake, 0, TS_BLOCKED);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 1, TS_DELIVERED);
    give(h, "b");
    clock_move(h->at.loop, 1 * TS_S);
    assert_posts(h, 0, 2, 1);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 2, TS_DELIVERED);
    assert_open(h, 0);
    clock_move(h->at.loop, 4 * TS_S);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 0, TS_DELIVERED);
    ts_headers_unref(b);
}

/* ---- what is not taken ---- */

static void what_is_refused_is_nothing_against_its_span(void **state)
{
    struct home *h = *state;
    give_some(h, 2, NULL);
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_REFUSED);
    assert_ended(h, 0, TS_DELIVERED);
    assert_ended(h, 1, TS_DELIVERED);
    assert_counts(h, 0, 2);
}

static void what_is_given_up_is_nothing_against_its_span(void **state)
{
    struct home *h = *state;
    ts_evaluation_queue_free(h->queue);
    h->fake.settings.post_give_up = 2 * TS_S;
    h->queue = make_queue(h);
    give(h, NULL);
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_RETRY);
    clock_move(h->at.loop, 1 * TS_S);
    assert_open(h, 0);
    fake_end_post(&h->fake, 0, TS_RETRY); /* the next would be 3 s after the first */
    assert_ended(h, 0, TS_DELIVERED);
    assert_counts(h, 0, 1);
    give(h, NULL); /* what comes after it has all the time again */
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_RETRY);
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 1, TS_DELIVERED);
    assert_counts(h, 1, 1);
}

/* ---- stopping ---- */

static void a_stop_settles_no_more_and_still_tries_again(void **state)
{
    struct home *h = *state;
    give(h, NULL);
    leave(h, false, false);
    assert_posts(h, 0, 0, 1);
    fake_end_post(&h->fake, 0, TS_RETRY);
    assert_open(h, 0);
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 0, TS_DELIVERED);
    give(h, NULL); /* of what was under way */
    assert_posts(h, 0, 1, 1);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 1, TS_DELIVERED);
}

static void a_stop_leaves_what_failed_and_what_waits_behind_it(void **state)
{
    struct home *h = *state;
    give_some(h, 3, "a");
    give(h, "b");
    clock_move(h->at.loop, 1 * TS_S);
    fake_end_post(&h->fake, 0, TS_RETRY); /* a's */
    leave(h, true, false);
    for (size_t i = 0; i < 3; i++)
        assert_ended(h, i, TS_LEFT);
    assert_open(h, 3);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 3, TS_DELIVERED);
    assert_counts(h, 1, 0);
}

static void what_fails_after_a_stop_is_left(void **state)
{
    struct home *h = *state;
    give_some(h, 3, NULL);
    leave(h, true, false);
    assert_posts(h, 0, 0, 2);
    fake_end_post(&h->fake, 0, TS_BLOCKED);
    for (size_t i = 0; i < 3; i++)
        assert_ended(h, i, TS_LEFT);
    assert_int_equal(h->fake.post_count, 0);
}

static void when_all_is_left_only_what_is_being_posted_may_end(void **state)
{
    struct home *h = *state;
    give_some(h, 3, NULL);
    give(h, "settling");
    leave(h, false, true);
    assert_ended(h, 2, TS_LEFT);
    assert_ended(h, 3, TS_LEFT);
    assert_open(h, 0);
    give(h, NULL);
    assert_ended(h, 4, TS_LEFT);
    fake_end_post(&h->fake, 0, TS_SENT);
    assert_ended(h, 0, TS_DELIVERED);
    assert_ended(h, 1, TS_DELIVERED);
    clock_move(h->at.loop, 60 * TS_S);
    assert_int_equal(h->fake.attempts, 1);
    assert_counts(h, 2, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_evaluation_waits_until_its_span_is_stored),
        CASE(posts_are_of_one_size_one_at_a_time_and_in_order),
        CASE(a_post_that_fails_is_made_again_before_the_next),
        CASE(tenants_share_no_post_and_no_trouble),
        CASE(what_is_refused_is_nothing_against_its_span),
        CASE(what_is_given_up_is_nothing_against_its_span),
        CASE(a_stop_settles_no_more_and_still_tries_again),
        CASE(a_stop_leaves_what_failed_and_what_waits_behind_it),
        CASE(what_fails_after_a_stop_is_left),
        CASE(when_all_is_left_only_what_is_being_posted_may_end),
    };
    return cmocka_run_group_tests_name("evaluation queue", tests, NULL, NULL);
}
