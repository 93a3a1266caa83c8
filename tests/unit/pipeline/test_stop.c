/* A stop at every point of a batch's life: afterwards the store holds exactly what was not delivered, and
 * everybody who waits was told once. The store is closed and opened again before it is looked at. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline/engine/kept.h"
#include "pipeline_home.h"

struct home {
    struct pipeline_home in;
    struct home_answer answer;
    int kept;
};

static int make_home(void **state)
{
    static const struct ts_processor *const kinds[] = {&fake_passing, &fake_resuming,
                                                       &fake_passing};
    struct home *h = ts_alloc(sizeof *h);
    pipeline_home_init(&h->in, true, kinds);
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    pipeline_home_release(&h->in);
    free(h);
    return 0;
}

/* ---- steps ---- */

static void bring(struct home *h, size_t spans)
{
    home_submit(&h->in.single, fake_request(spans), TS_WHEN_DURABLE, &h->answer);
}

static void bring_all_the_way(struct home *h, size_t spans)
{
    bring(h, spans);
    home_settle(&h->in.at);
}

static void stop(struct home *h, bool all)
{
    ts_loader_stop(&h->in.loader);
    home_leave(&h->in, true, all);
}

/* What the next start finds. */
static void assert_left(struct home *h, const char *spool, const char *late)
{
    struct engine_home *at = &h->in.at;
    home_settle(at);
    assert_int_equal(h->answer.answers, 1);
    for (int stage = 0; stage < TS_STAGE_COUNT; stage++)
        assert_int_equal(ts_barrier_count(&at->engine.barrier, (enum ts_stage)stage), 0);
    ts_store_close(at->engine.store);
    at->engine.store = home_open(at);
    home_assert_stored(at, TS_TABLE_SPOOL, spool);
    home_assert_stored(at, TS_TABLE_LATE, late);
    assert_int_equal(atomic_load(&at->engine.lost), 0);
    assert_int_equal(atomic_load(&at->engine.lost_scores), 0);
}

/* ---- being stored ---- */

static void while_it_is_being_stored(void **state)
{
    struct home *h = *state;
    bring(h, 3);
    stop(h, true);
    assert_int_equal(h->answer.err.code, TS_OK); /* it is durable, and that was said */
    assert_left(h, "3 ", "");
    assert_int_equal(h->in.fakes[0].attempts, 0);
}

static void while_its_requests_wait_on_disk(void **state)
{
    struct home *h = *state;
    struct ts_memory *memory = &h->in.at.engine.memory;
    ts_memory_add(memory, HOME_MEMORY + 1);
    bring_all_the_way(h, 3);
    ts_loader_stop(&h->in.loader);
    ts_memory_sub(memory, HOME_MEMORY + 1);
    stop(h, true);
    assert_left(h, "3 ", "");
    assert_string_equal(ts_buf_cstr(&h->in.journal), "");
}

/* ---- in a processor ---- */

static void while_a_processor_holds_it(void **state)
{
    struct home *h = *state;
    h->in.a.holds = true;
    bring_all_the_way(h, 3);
    stop(h, true);
    assert_int_equal(ts_barrier_count(&h->in.at.engine.barrier, TS_STAGE_BATCHES), 1);
    fake_let_go(&h->in.a);
    assert_left(h, "3 ", "");
}

static void what_a_processor_lets_go_may_still_be_delivered(void **state)
{
    struct home *h = *state;
    h->in.a.holds = true;
    bring_all_the_way(h, 3);
    stop(h, false);
    fake_let_go(&h->in.a);
    home_take_all(&h->in);
    assert_left(h, "", "");
}

/* ---- on its way to the exporter ---- */

static void while_it_is_queued(void **state)
{
    struct home *h = *state;
    bring_all_the_way(h, 1);
    h->answer.answers = 0;
    bring_all_the_way(h, 2);
    stop(h, true);
    fake_end_send(&h->in.fakes[0], 0, TS_SENT); /* the first, which was being sent */
    assert_left(h, "2 ", "");
    assert_int_equal(h->in.fakes[0].attempts, 1);
}

static void what_is_queued_at_one_that_does_not_fail_is_delivered(void **state)
{
    struct home *h = *state;
    bring_all_the_way(h, 1);
    h->answer.answers = 0;
    bring_all_the_way(h, 2);
    stop(h, false);
    home_take_all(&h->in);
    assert_left(h, "", "");
}

/* Being sent, which ends so after the stop. */
static void check_being_sent(void **state, bool all, enum ts_outcome outcome, const char *left)
{
    struct home *h = *state;
    bring_all_the_way(h, 3);
    stop(h, all);
    fake_end_send(&h->in.fakes[0], 0, outcome);
    assert_left(h, left, "");
}

static void while_it_is_being_sent_and_is_taken(void **state)
{
    check_being_sent(state, true, TS_SENT, "");
}

static void while_it_is_being_sent_and_is_refused(void **state)
{
    check_being_sent(state, false, TS_REFUSED, "");
}

static void while_it_is_being_sent_and_fails(void **state)
{
    check_being_sent(state, false, TS_RETRY, "3 ");
}

static void while_it_is_being_sent_and_is_blocked(void **state)
{
    check_being_sent(state, true, TS_BLOCKED, "3 ");
}

static void while_it_waits_for_the_next_attempt(void **state)
{
    struct home *h = *state;
    bring_all_the_way(h, 3);
    fake_end_send(&h->in.fakes[0], 0, TS_RETRY);
    stop(h, false);
    assert_left(h, "3 ", "");
    clock_move(h->in.at.loop, 60 * TS_S);
    assert_int_equal(h->in.fakes[0].attempts, 1);
}

static void while_only_one_of_two_exporters_has_it(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.both, fake_request(3), TS_WHEN_DURABLE, &h->answer);
    home_settle(&h->in.at);
    fake_end_send(&h->in.fakes[0], 0, TS_SENT);
    fake_end_send(&h->in.fakes[1], 0, TS_RETRY);
    stop(h, false);
    assert_left(h, "3 ", "");
}

static void while_some_pieces_are_delivered(void **state)
{
    struct home *h = *state;
    bring_all_the_way(h, 2);
    fake_end_send(&h->in.fakes[0], 0, TS_TOO_LARGE);
    fake_end_send(&h->in.fakes[0], 0, TS_SENT);
    stop(h, true);
    fake_end_send(&h->in.fakes[0], 0, TS_RETRY);
    assert_left(h, "2 ", ""); /* twice is better than never */
}

static void while_its_sender_still_has_it(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DELIVERED, &h->answer);
    home_settle(&h->in.at);
    fake_end_send(&h->in.fakes[0], 0, TS_RETRY);
    assert_int_equal(h->answer.answers, 0);
    stop(h, false);
    assert_left(h, "", "");
    assert_int_equal(h->answer.err.code, TS_UNAVAILABLE);
}

/* ---- scores ---- */

/* B has passed on the part and holds the batch for a score. */
static struct ts_batch *bring_delivered(struct home *h)
{
    h->in.b.holds = true;
    bring_all_the_way(h, 3);
    struct ts_batch *batch = h->in.b.held[0].batch;
    ts_batch_pending_add(batch);
    fake_let_go(&h->in.b);
    home_take_all(&h->in);
    assert_int_equal(ts_barrier_count(&h->in.at.engine.barrier, TS_STAGE_BATCHES), 1);
    return batch;
}

static void bring_evaluation(struct home *h)
{
    struct ts_batch *batch = bring_delivered(h);
    ts_pipeline_evaluate(&h->in.pipelines[0], batch, ts_evaluation_new(NULL));
    ts_batch_pending_done(batch, TS_DELIVERED);
    home_settle(&h->in.at);
    assert_int_equal(h->in.fakes[0].post_count, 0); /* it settles */
}

static void while_an_evaluation_settles(void **state)
{
    struct home *h = *state;
    bring_evaluation(h);
    stop(h, false);
    fake_end_post(&h->in.fakes[0], 0, TS_SENT);
    assert_left(h, "", "");
}

static void when_an_evaluation_is_not_posted_any_more(void **state)
{
    struct home *h = *state;
    bring_evaluation(h);
    stop(h, true);
    assert_int_equal(h->in.fakes[0].post_count, 0);
    assert_left(h, "3 ", "");
}

static void while_an_evaluation_waits_for_the_next_attempt(void **state)
{
    struct home *h = *state;
    bring_evaluation(h);
    clock_move(h->in.at.loop, 1 * TS_S);
    fake_end_post(&h->in.fakes[0], 0, TS_RETRY);
    stop(h, false);
    assert_left(h, "3 ", "");
}

static void on_kept(void *arg, bool durable)
{
    struct home *h = arg;
    h->kept++;
    assert_true(durable);
}

static struct ts_batch *bring_late(struct home *h)
{
    struct ts_batch *batch = bring_delivered(h);
    struct ts_part part = fake_part(2);
    const struct ts_keep what = {"traces B", TS_NOTHING, TS_NEVER, on_kept, h};
    struct ts_batch *late = ts_batch_keep(batch, &part, &what);
    ts_batch_pending_add(late);
    ts_batch_pending_done(batch, TS_DELIVERED);
    return late;
}

static void while_a_late_score_is_due(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = bring_late(h);
    home_settle(&h->in.at);
    stop(h, true);
    ts_batch_pending_done(late, TS_LEFT); /* cancelled */
    assert_left(h, "", "2 ");
    assert_int_equal(h->kept, 1);
}

static void while_a_late_record_is_being_stored(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = bring_late(h);
    ts_batch_pending_done(late, TS_LEFT);
    stop(h, true);
    assert_left(h, "", "2 ");
    assert_int_equal(h->kept, 1);
}

static void while_a_late_score_is_on_its_way(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = bring_late(h);
    ts_pipeline_evaluate(&h->in.pipelines[0], late, ts_evaluation_new(NULL));
    ts_batch_pending_done(late, TS_DELIVERED);
    home_settle(&h->in.at);
    stop(h, true);
    assert_left(h, "", "2 ");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(while_it_is_being_stored),
        CASE(while_its_requests_wait_on_disk),
        CASE(while_a_processor_holds_it),
        CASE(what_a_processor_lets_go_may_still_be_delivered),
        CASE(while_it_is_queued),
        CASE(what_is_queued_at_one_that_does_not_fail_is_delivered),
        CASE(while_it_is_being_sent_and_is_taken),
        CASE(while_it_is_being_sent_and_is_refused),
        CASE(while_it_is_being_sent_and_fails),
        CASE(while_it_is_being_sent_and_is_blocked),
        CASE(while_it_waits_for_the_next_attempt),
        CASE(while_only_one_of_two_exporters_has_it),
        CASE(while_some_pieces_are_delivered),
        CASE(while_its_sender_still_has_it),
        CASE(while_an_evaluation_settles),
        CASE(when_an_evaluation_is_not_posted_any_more),
        CASE(while_an_evaluation_waits_for_the_next_attempt),
        CASE(while_a_late_score_is_due),
        CASE(while_a_late_record_is_being_stored),
        CASE(while_a_late_score_is_on_its_way),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
