/* What is kept of a batch: for scores that are still due as long as they are, for decisions as long as the
 * batch may come back. */
#include "testing.h"

#include "engine_home.h"
#include "moved_clock.h"
#include "pipeline/engine/kept.h"

struct home {
    struct engine_home at;
    struct home_result batch;
    int kept;
    bool durable;
};

static struct home *make(bool stored)
{
    struct home *h = ts_alloc(sizeof *h);
    home_init(&h->at, stored);
    return h;
}

static int make_home(void **state)
{
    *state = make(false);
    return 0;
}

static int make_stored_home(void **state)
{
    *state = make(true);
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    home_release(&h->at);
    free(h);
    return 0;
}

static void on_kept(void *arg, bool durable)
{
    struct home *h = arg;
    h->kept++;
    h->durable = durable;
}

/* Two of three spans of a batch, which has been delivered, wait for their scores. */
static struct ts_batch *keep(struct home *h)
{
    struct ts_batch *b = home_batch(&h->at, 3, "tenant", &h->batch);
    struct ts_part part = fake_part(2);
    b->received = 77;
    const struct ts_keep what = {"traces trust", TS_LIT("words"), 99, on_kept, h};
    struct ts_batch *late = ts_batch_keep(b, &part, &what);
    ts_batch_pending_add(late);
    assert_int_equal(h->kept, 0); /* later, never inside the call */
    assert_null(part.slices);
    ts_batch_pending_done(b, TS_DELIVERED);
    assert_int_equal(h->batch.ends, 1); /* the request's record need not stay */
    return late;
}

static int64_t on_its_way(const struct home *h, enum ts_stage stage)
{
    return ts_barrier_count(&h->at.engine.barrier, stage);
}

static void a_late_batch_says_whose_it_is(void **state)
{
    struct home *h = *state;
    struct ts_headers *tenant = fake_tenant("tenant");
    struct ts_batch *late = keep(h);
    assert_ptr_equal(late->home, h->at.loop);
    assert_ptr_equal(late->signal, ts_signals[0]);
    assert_int_equal(late->table, TS_TABLE_LATE);
    assert_int_equal(late->items, 2);
    assert_int_equal(late->received, 77);
    assert_int_equal(late->give_up, 99);
    assert_true(ts_headers_eq(late->headers, tenant));
    home_settle(&h->at);
    ts_batch_pending_done(late, TS_DELIVERED);
    ts_headers_unref(tenant);
}

static void its_record_is_kept_under_the_processors_key(void **state)
{
    struct home *h = *state;
    struct ts_headers *tenant = fake_tenant("tenant");
    struct ts_payload *stored;
    struct ts_record record;
    struct ts_err err = {0};
    uint64_t id;
    struct ts_batch *late = keep(h);
    home_settle(&h->at);
    assert_int_equal(h->kept, 1);
    assert_true(h->durable);
    home_assert_stored(&h->at, TS_TABLE_LATE, "2 ");
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
    assert_true(ts_store_next(h->at.engine.store, TS_TABLE_LATE, 0, &id, &stored, &err));
    assert_true(ts_record_decode(ts_payload_view(stored), &record, &err));
    assert_int_equal(id, late->id);
    assert_view_is(record.owner, "traces trust");
    assert_view_is(record.decisions, "words");
    assert_int_equal(record.parent, 1);
    assert_int_equal(record.received, 77);
    assert_int_equal(record.give_up, 99);
    assert_true(ts_headers_eq(record.headers, tenant));
    ts_headers_unref(record.headers);
    ts_headers_unref(tenant);
    ts_payload_unref(stored);
    ts_batch_pending_done(late, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_LATE, "");
}

static void a_score_that_is_before_the_store_takes_the_record_with_it(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = keep(h);
    ts_batch_pending_done(late, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_LATE, "");
    assert_int_equal(h->kept, 1);
}

static void what_is_left_stays_on_the_list(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = keep(h);
    home_settle(&h->at);
    ts_batch_pending_done(late, TS_LEFT);
    home_assert_stored(&h->at, TS_TABLE_LATE, "2 ");
    assert_int_equal(atomic_load(&h->at.engine.lost_scores), 0);
}

static void what_is_left_before_the_store_has_answered_stays_too(void **state)
{
    struct home *h = *state;
    ts_batch_pending_done(keep(h), TS_LEFT);
    home_assert_stored(&h->at, TS_TABLE_LATE, "2 ");
    assert_int_equal(h->kept, 1);
    assert_int_equal(atomic_load(&h->at.engine.lost_scores), 0);
}

static void it_is_counted_apart(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = keep(h);
    assert_int_equal(on_its_way(h, TS_STAGE_STORING), 1);
    assert_int_equal(on_its_way(h, TS_STAGE_LATE), 1);
    home_settle(&h->at);
    assert_int_equal(on_its_way(h, TS_STAGE_STORING), 0);
    assert_int_equal(on_its_way(h, TS_STAGE_LATE), 1);
    assert_true(ts_barrier_wait(&h->at.engine.barrier, false, 0));
    ts_batch_pending_done(late, TS_DELIVERED);
    assert_int_equal(on_its_way(h, TS_STAGE_LATE), 0);
}

static void without_a_store_it_lives_in_memory(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = keep(h);
    home_settle(&h->at);
    assert_int_equal(h->kept, 1);
    assert_false(h->durable);
    ts_batch_pending_done(late, TS_DELIVERED);
    assert_int_equal(atomic_load(&h->at.engine.lost_scores), 0);
}

static void without_a_store_what_is_left_is_lost(void **state)
{
    struct home *h = *state;
    struct ts_batch *late = keep(h);
    home_settle(&h->at);
    ts_batch_pending_done(late, TS_LEFT);
    assert_int_equal(atomic_load(&h->at.engine.lost_scores), 2);
    assert_int_equal(atomic_load(&h->at.engine.lost), 0);
}

/* Of two spans that are decided, nothing is due but what the caller adds. */
static struct ts_batch *keep_decided(struct home *h, struct ts_batch *of)
{
    const struct ts_keep what = {"traces trust", TS_LIT("words"), 0, on_kept, h};
    struct ts_batch *decided = ts_batch_keep(of, NULL, &what);
    home_settle(&h->at);
    return decided;
}

static void decisions_stay_as_long_as_their_batch(void **state)
{
    struct home *h = *state;
    struct ts_batch *b = home_batch(&h->at, 3, "tenant", &h->batch);
    struct ts_batch *decided = keep_decided(h, b);
    assert_int_equal(decided->table, TS_TABLE_DECIDED);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "3 ");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "0 ");
    ts_batch_pending_done(b, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "");
}

static void decisions_of_a_batch_that_is_left_are_left(void **state)
{
    struct home *h = *state;
    struct ts_batch *b = home_batch(&h->at, 3, "tenant", &h->batch);
    keep_decided(h, b);
    ts_batch_pending_done(b, TS_LEFT);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "3 ");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "0 ");
}

static void what_is_due_does_not_hold_the_request(void **state)
{
    struct home *h = *state;
    struct ts_batch *b = home_batch(&h->at, 3, "tenant", &h->batch);
    struct ts_batch *decided = keep_decided(h, b);
    ts_batch_pending_add(decided); /* an evaluation */
    ts_batch_pending_done(b, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "0 ");
    ts_batch_pending_done(decided, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "");
}

static void a_request_that_is_nowhere_keeps_nothing(void **state)
{
    struct home *h = *state;
    struct ts_batch *b =
        ts_batch_new(&h->at.engine, ts_signals[0], fake_request(2), fake_tenant("tenant"), 0);
    ts_batch_begin(b, h->at.loop);
    keep_decided(h, b);
    home_assert_stored(&h->at, TS_TABLE_DECIDED, ""); /* it was let go as soon as it was stored */
    assert_int_equal(h->kept, 1);
    ts_batch_pending_done(b, TS_DELIVERED);
}

#define CASE(f)   cmocka_unit_test_setup_teardown(f, make_home, free_home)
#define STORED(f) cmocka_unit_test_setup_teardown(f, make_stored_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(a_late_batch_says_whose_it_is),
        STORED(its_record_is_kept_under_the_processors_key),
        STORED(a_score_that_is_before_the_store_takes_the_record_with_it),
        STORED(what_is_left_stays_on_the_list),
        STORED(what_is_left_before_the_store_has_answered_stays_too),
        STORED(it_is_counted_apart),
        STORED(decisions_stay_as_long_as_their_batch),
        STORED(decisions_of_a_batch_that_is_left_are_left),
        STORED(what_is_due_does_not_hold_the_request),
        STORED(a_request_that_is_nowhere_keeps_nothing),
        CASE(without_a_store_it_lives_in_memory),
        CASE(without_a_store_what_is_left_is_lost),
    };
    return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
