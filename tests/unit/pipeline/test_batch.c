/* A batch: what keeps its record, what keeps its memory, and what is said when it ends. */
#include "testing.h"

#include "engine_home.h"
#include "moved_clock.h"

static int make_home(void **state)
{
    struct engine_home *h = ts_alloc(sizeof *h);
    home_init(h, false);
    *state = h;
    return 0;
}

static int make_stored_home(void **state)
{
    struct engine_home *h = ts_alloc(sizeof *h);
    home_init(h, true);
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    home_release(*state);
    free(*state);
    return 0;
}

static int64_t on_its_way(const struct engine_home *h, enum ts_stage stage)
{
    return ts_barrier_count(&h->engine.barrier, stage);
}

static void the_record_goes_with_the_last_that_is_pending(void **state)
{
    struct engine_home *h = *state;
    struct home_result result;
    struct ts_batch *b = home_batch(h, 3, NULL, &result);
    ts_batch_pending_add(b);
    ts_batch_pending_add(b);
    ts_batch_pending_done(b, TS_DELIVERED);
    ts_batch_pending_done(b, TS_DELIVERED);
    assert_int_equal(result.ends, 0);
    home_assert_stored(h, TS_TABLE_SPOOL, "3 ");
    assert_int_equal(on_its_way(h, TS_STAGE_BATCHES), 1);
    ts_batch_pending_done(b, TS_DELIVERED);
    assert_int_equal(on_its_way(h, TS_STAGE_BATCHES), 0);
    assert_int_equal(result.ends, 1);
    assert_int_equal(result.fate, TS_DELIVERED);
    home_assert_stored(h, TS_TABLE_SPOOL, "");
}

static void the_worst_fate_is_the_batchs(void **state)
{
    static const struct {
        enum ts_fate first, second, worst;
        const char *stored;
    } rows[] = {
        {TS_DELIVERED, TS_DELIVERED, TS_DELIVERED, ""}, {TS_DROPPED, TS_DELIVERED, TS_DROPPED, ""},
        {TS_DELIVERED, TS_DROPPED, TS_DROPPED, ""},     {TS_LEFT, TS_DELIVERED, TS_LEFT, "1 "},
        {TS_DROPPED, TS_LEFT, TS_LEFT, "1 1 "},
    };
    struct engine_home *h = *state;
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct home_result result;
        struct ts_batch *b = home_batch(h, 1, NULL, &result);
        ts_batch_pending_add(b);
        ts_batch_pending_done(b, rows[i].first);
        ts_batch_pending_done(b, rows[i].second);
        assert_int_equal(result.ends, 1);
        assert_int_equal(result.fate, rows[i].worst);
        home_assert_stored(h, TS_TABLE_SPOOL, rows[i].stored);
    }
    assert_int_equal(atomic_load(&h->engine.lost), 0);
}

static void memory_counts_until_nobody_needs_it(void **state)
{
    struct engine_home *h = *state;
    struct home_result result;
    struct ts_batch *b = home_batch(h, 3, NULL, &result);
    int64_t bytes = (int64_t)ts_payload_view(b->payload).len;
    struct ts_batch *other = home_batch(h, 3, "tenant", NULL);
    assert_int_equal(ts_memory_used(&h->engine.memory), 2 * bytes);
    ts_batch_pending_done(other, TS_DELIVERED);
    assert_int_equal(ts_memory_used(&h->engine.memory), bytes);
    ts_batch_ref(b);
    ts_batch_pending_done(b, TS_DELIVERED);
    assert_int_equal(result.ends, 1); /* nothing is pending, only looked at */
    assert_int_equal(on_its_way(h, TS_STAGE_BATCHES), 0);
    assert_int_equal(ts_memory_used(&h->engine.memory), bytes);
    assert_int_equal(atomic_load(&h->engine.batches), 1);
    ts_batch_unref(b);
    assert_int_equal(ts_memory_used(&h->engine.memory), 0);
}

/* ---- what is lost ---- */

static void what_is_left_without_a_record_is_lost(void **state)
{
    struct engine_home *h = *state;
    ts_batch_pending_done(home_batch(h, 3, NULL, NULL), TS_LEFT);
    assert_int_equal(atomic_load(&h->engine.lost), 3);
    ts_batch_pending_done(home_batch(h, 2, NULL, NULL), TS_DROPPED); /* counted by who dropped it */
    ts_batch_pending_done(home_batch(h, 2, NULL, NULL), TS_DELIVERED);
    assert_int_equal(atomic_load(&h->engine.lost), 3);
    assert_int_equal(atomic_load(&h->engine.lost_scores), 0);
}

static void what_is_left_with_a_record_is_not(void **state)
{
    struct engine_home *h = *state;
    ts_batch_pending_done(home_batch(h, 3, NULL, NULL), TS_LEFT);
    home_assert_stored(h, TS_TABLE_SPOOL, "3 ");
    assert_int_equal(atomic_load(&h->engine.lost), 0);
}

/* He is told, and the sender still has it: it was never acknowledged. */
static void what_somebody_waits_for_is_not(void **state)
{
    struct engine_home *h = *state;
    struct home_result result;
    ts_batch_pending_done(home_batch(h, 3, NULL, &result), TS_LEFT);
    assert_int_equal(result.ends, 1);
    assert_int_equal(result.fate, TS_LEFT);
    assert_int_equal(atomic_load(&h->engine.lost), 0);
}

static void of_a_late_batch_only_the_scores_are_lost(void **state)
{
    struct engine_home *h = *state;
    struct ts_batch *b = ts_batch_new_kept(&h->engine, ts_signals[0], TS_TABLE_LATE,
                                           fake_request(4), fake_tenant("tenant"));
    b->items = 4;
    ts_batch_begin(b, h->loop);
    assert_int_equal(on_its_way(h, TS_STAGE_LATE), 1);
    assert_int_equal(on_its_way(h, TS_STAGE_BATCHES), 0);
    ts_batch_pending_done(b, TS_LEFT);
    assert_int_equal(on_its_way(h, TS_STAGE_LATE), 0);
    assert_int_equal(atomic_load(&h->engine.lost), 0);
    assert_int_equal(atomic_load(&h->engine.lost_scores), 4);
}

/* ---- without a beginning ---- */

static int notes_freed;

static void free_notes(struct ts_notes *notes)
{
    notes_freed++;
    free(notes);
}

static void what_is_discarded_leaves_nothing(void **state)
{
    struct engine_home *h = *state;
    struct ts_batch *b =
        ts_batch_new(&h->engine, ts_signals[0], fake_request(4), fake_tenant("tenant"), 3);
    assert_int_equal(b->note_count, 3);
    assert_null(b->notes[0]);
    for (size_t i = 0; i < 2; i++) { /* the third noted nothing */
        b->notes[i] = ts_alloc(sizeof *b->notes[i]);
        b->notes[i]->free = free_notes;
    }
    assert_int_equal(atomic_load(&h->engine.batches), 1);
    notes_freed = 0;
    ts_batch_discard(b);
    assert_int_equal(notes_freed, 2);
    assert_int_equal(atomic_load(&h->engine.batches), 0);
    assert_int_equal(ts_memory_used(&h->engine.memory), 0);
    assert_int_equal(atomic_load(&h->engine.lost), 0);
}

#define CASE(f)   cmocka_unit_test_setup_teardown(f, make_home, free_home)
#define STORED(f) cmocka_unit_test_setup_teardown(f, make_stored_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(the_record_goes_with_the_last_that_is_pending),
        STORED(the_worst_fate_is_the_batchs),
        CASE(memory_counts_until_nobody_needs_it),
        CASE(what_is_left_without_a_record_is_lost),
        STORED(what_is_left_with_a_record_is_not),
        CASE(what_somebody_waits_for_is_not),
        CASE(of_a_late_batch_only_the_scores_are_lost),
        CASE(what_is_discarded_leaves_nothing),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
