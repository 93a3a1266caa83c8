/* The loader: what the last run left, and what memory had no room for, in order and to its owners. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline_home.h"

static int make_with(void **state, const struct ts_processor *b)
{
    const struct ts_processor *const kinds[] = {&fake_passing, b, b};
    struct pipeline_home *h = ts_alloc(sizeof *h);
    pipeline_home_init(h, true, kinds);
    *state = h;
    return 0;
}

static int make_home(void **state)
{
    return make_with(state, &fake_resuming);
}

static int make_home_that_resumes_none(void **state)
{
    return make_with(state, &fake_passing);
}

static int free_home(void **state)
{
    pipeline_home_release(*state);
    free(*state);
    return 0;
}

static void spool(struct pipeline_home *h, size_t spans, const char *source)
{
    home_store_record(&h->at, TS_TABLE_SPOOL, spans, source, "");
}

static void recover(struct pipeline_home *h)
{
    ts_loader_recover(&h->loader);
    home_settle(&h->at);
}

static void bring(struct pipeline_home *h, size_t spans)
{
    struct home_answer answer;
    home_submit(&h->single, fake_request(spans), TS_WHEN_DURABLE, &answer);
    home_settle(&h->at);
    assert_int_equal(answer.answers, 1);
    assert_int_equal(answer.err.code, TS_OK);
}

static void assert_journal(const struct pipeline_home *h, const char *wanted)
{
    assert_string_equal(ts_buf_cstr(&((struct pipeline_home *)(uintptr_t)h)->journal), wanted);
}

/* ---- after a restart ---- */

static void records_come_back_in_order_to_the_pipelines_of_their_source(void **state)
{
    struct pipeline_home *h = *state;
    spool(h, 1, "single");
    spool(h, 2, "both");
    spool(h, 3, "gone"); /* all pipelines of the signal */
    spool(h, 4, "");     /* as an earlier version wrote it */
    recover(h);
    assert_journal(h, "A1 B1 A2 B2 C2 A3 B3 C3 A4 B4 C4 ");
    home_take_all(h);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
}

static void what_cannot_be_read_is_left_and_the_rest_goes_on(void **state)
{
    struct pipeline_home *h = *state;
    struct ts_store_stats stats;
    spool(h, 1, "single");
    home_append(&h->at, TS_TABLE_SPOOL, TS_LIT("\xff\xff"), TS_LIT("no record"));
    spool(h, 2, "single");
    recover(h);
    assert_journal(h, "A1 B1 A2 B2 ");
    home_take_all(h);
    ts_store_stats(h->at.engine.store, &stats);
    assert_int_equal(stats.records[TS_TABLE_SPOOL], 1);
}

static void a_request_that_does_not_parse_is_left(void **state)
{
    struct pipeline_home *h = *state;
    struct ts_store_stats stats;
    struct ts_buf head = TS_BUF_INIT;
    const struct ts_record record = {.signal = ts_signals[0], .request = TS_LIT("\x0a\x7f")};
    ts_record_encode(&record, &head);
    home_append(&h->at, TS_TABLE_SPOOL, ts_buf_view(&head), record.request);
    spool(h, 2, "single");
    recover(h);
    assert_journal(h, "A2 B2 ");
    home_take_all(h);
    ts_store_stats(h->at.engine.store, &stats);
    assert_int_equal(stats.records[TS_TABLE_SPOOL], 1);
    ts_buf_release(&head);
}

static void an_empty_store_is_no_work(void **state)
{
    struct pipeline_home *h = *state;
    recover(h);
    assert_journal(h, "");
    bring(h, 1);
    assert_journal(h, "A1 B1 ");
    home_take_all(h);
}

/* ---- memory ---- */

static void only_as_much_is_read_as_there_is_room_for(void **state)
{
    struct pipeline_home *h = *state;
    h->at.engine.memory.limit = 1; /* one request fills it */
    for (size_t i = 1; i <= 3; i++)
        spool(h, i, "single");
    recover(h);
    assert_journal(h, "A1 B1 ");
    fake_end_send(&h->fakes[0], 0, TS_SENT);
    home_settle(&h->at);
    assert_journal(h, "A1 B1 A2 B2 ");
    home_take_all(h);
    home_take_all(h);
    assert_journal(h, "A1 B1 A2 B2 A3 B3 ");
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
}

static void what_comes_while_memory_is_full_waits_its_turn_on_disk(void **state)
{
    struct pipeline_home *h = *state;
    ts_memory_add(&h->at.engine.memory, HOME_MEMORY + 1);
    for (size_t i = 1; i <= 3; i++)
        bring(h, i);
    assert_journal(h, "");
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "1 2 3 ");
    assert_int_equal(atomic_load(&h->at.engine.batches), 0);
    ts_memory_sub(&h->at.engine.memory, HOME_MEMORY + 1);
    home_settle(&h->at);
    bring(h, 4); /* the backlog is gone: straight on */
    assert_journal(h, "A1 B1 A2 B2 A3 B3 A4 B4 ");
    home_take_all(h);
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
}

static void what_is_new_does_not_overtake_what_waits(void **state)
{
    struct pipeline_home *h = *state;
    h->at.engine.memory.limit = 1;
    spool(h, 1, "single");
    spool(h, 2, "single");
    recover(h);
    bring(h, 3);
    assert_journal(h, "A1 B1 ");
    while (h->fakes[0].send_count > 0)
        home_take_all(h);
    assert_journal(h, "A1 B1 A2 B2 A3 B3 ");
}

/* ---- late ---- */

static void late_records_go_to_their_owners(void **state)
{
    struct pipeline_home *h = *state;
    home_store_record(&h->at, TS_TABLE_LATE, 1, "", "traces/second C");
    home_store_record(&h->at, TS_TABLE_LATE, 2, "", "traces B");
    home_store_record(&h->at, TS_TABLE_LATE, 3, "", "traces gone");
    home_store_record(&h->at, TS_TABLE_LATE, 4, "", ""); /* as an earlier version wrote it */
    recover(h);
    assert_journal(h, ""); /* their items left long ago */
    assert_int_equal(h->c.resumed_count, 1);
    assert_int_equal(h->c.resumed[0]->items, 1);
    assert_int_equal(h->c.resumed[0]->table, TS_TABLE_LATE);
    assert_int_equal(h->c.resumed[0]->give_up, TS_NEVER);
    assert_int_equal(h->b.resumed_count, 3);
    assert_int_equal(ts_barrier_count(&h->at.engine.barrier, TS_STAGE_LATE), 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(h->b.resumed[i]->items, i + 2);
        ts_batch_pending_done(h->b.resumed[i], i == 0 ? TS_LEFT : TS_DELIVERED);
    }
    ts_batch_pending_done(h->c.resumed[0], TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_LATE, "2 ");
}

static void late_records_of_this_run_are_not_taken_up_again(void **state)
{
    struct pipeline_home *h = *state;
    h->at.engine.memory.limit = 1;
    home_store_record(&h->at, TS_TABLE_LATE, 1, "", "traces B");
    home_store_record(&h->at, TS_TABLE_LATE, 2, "", "traces B");
    recover(h);
    home_store_record(&h->at, TS_TABLE_LATE, 3, "", "traces B");
    assert_int_equal(h->b.resumed_count, 1);
    ts_batch_pending_done(h->b.resumed[0], TS_DELIVERED);
    home_settle(&h->at);
    assert_int_equal(h->b.resumed_count, 2);
    ts_batch_pending_done(h->b.resumed[1], TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_LATE, "3 ");
    assert_int_equal(h->b.resumed_count, 2);
}

static void late_records_that_nobody_resumes_are_left(void **state)
{
    struct pipeline_home *h = *state;
    home_store_record(&h->at, TS_TABLE_LATE, 1, "", "traces B");
    spool(h, 2, "single");
    recover(h);
    assert_journal(h, "A2 B2 ");
    home_take_all(h);
    home_assert_stored(&h->at, TS_TABLE_LATE, "1 ");
}

/* ---- what hangs on another ---- */

static void what_was_kept_of_a_request_comes_with_it(void **state)
{
    struct pipeline_home *h = *state;
    uint64_t request;
    spool(h, 1, "single");
    request = ts_store_last_id(h->at.engine.store);
    uint64_t late = home_store_record_of(&h->at, TS_TABLE_LATE, request, 2, "", "traces B");
    home_store_record_of(&h->at, TS_TABLE_DECIDED, late, 3, "", "traces B");
    recover(h);
    assert_journal(h, "A1 B1 ");
    assert_int_equal(h->b.resumed_count, 0);
    home_take_all(h); /* delivered: nobody of this run says that the score is still due */
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "");
    home_assert_stored(&h->at, TS_TABLE_LATE, "");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "");
}

static void what_was_kept_of_a_request_that_is_gone_stands_alone(void **state)
{
    struct pipeline_home *h = *state;
    uint64_t late = home_store_record_of(&h->at, TS_TABLE_LATE, 12345, 2, "", "traces B");
    home_store_record_of(&h->at, TS_TABLE_DECIDED, late, 3, "", "traces B");
    home_store_record_of(&h->at, TS_TABLE_DECIDED, 12345, 1, "", "traces B");
    recover(h);
    assert_int_equal(h->b.resumed_count, 2);
    struct ts_batch *decided = h->b.resumed[0];
    struct ts_batch *due = h->b.resumed[1];
    assert_int_equal(decided->table, TS_TABLE_DECIDED);
    assert_null(decided->kept);
    assert_int_equal(due->table, TS_TABLE_LATE);
    assert_int_equal(due->kept->items, 3);
    ts_batch_pending_done(decided, TS_LEFT);
    ts_batch_pending_done(due, TS_DELIVERED);
    home_assert_stored(&h->at, TS_TABLE_LATE, "");
    home_assert_stored(&h->at, TS_TABLE_DECIDED, "1 ");
}

static void what_is_kept_does_not_fill_the_memory_of_requests(void **state)
{
    struct pipeline_home *h = *state;
    h->at.engine.kept.limit = 1;
    home_store_record(&h->at, TS_TABLE_LATE, 1, "", "traces B");
    home_store_record(&h->at, TS_TABLE_LATE, 2, "", "traces B");
    spool(h, 3, "single");
    recover(h);
    assert_int_equal(h->b.resumed_count, 1);
    assert_journal(h, "A3 B3 ");
    ts_batch_pending_done(h->b.resumed[0], TS_DELIVERED);
    home_settle(&h->at);
    assert_int_equal(h->b.resumed_count, 2);
    ts_batch_pending_done(h->b.resumed[1], TS_DELIVERED);
    home_take_all(h);
    home_assert_stored(&h->at, TS_TABLE_LATE, "");
}

/* ---- stopping ---- */

static void after_a_stop_nothing_is_read_and_what_comes_stays(void **state)
{
    struct pipeline_home *h = *state;
    h->at.engine.memory.limit = 1;
    spool(h, 1, "single");
    spool(h, 2, "single");
    recover(h);
    ts_loader_stop(&h->loader);
    bring(h, 3);
    home_take_all(h);
    assert_journal(h, "A1 B1 ");
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "2 3 ");
}

static void what_is_stored_after_a_stop_stays_for_the_next_start(void **state)
{
    struct pipeline_home *h = *state;
    recover(h);
    ts_loader_stop(&h->loader);
    bring(h, 3); /* there is room, and nothing waits in front of it */
    assert_journal(h, "");
    home_assert_stored(&h->at, TS_TABLE_SPOOL, "3 ");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_come_back_in_order_to_the_pipelines_of_their_source),
        CASE(what_cannot_be_read_is_left_and_the_rest_goes_on),
        CASE(a_request_that_does_not_parse_is_left),
        CASE(an_empty_store_is_no_work),
        CASE(only_as_much_is_read_as_there_is_room_for),
        CASE(what_comes_while_memory_is_full_waits_its_turn_on_disk),
        CASE(what_is_new_does_not_overtake_what_waits),
        CASE(late_records_go_to_their_owners),
        CASE(late_records_of_this_run_are_not_taken_up_again),
        cmocka_unit_test_setup_teardown(late_records_that_nobody_resumes_are_left,
                                        make_home_that_resumes_none, free_home),
        CASE(what_was_kept_of_a_request_comes_with_it),
        CASE(what_was_kept_of_a_request_that_is_gone_stands_alone),
        CASE(what_is_kept_does_not_fill_the_memory_of_requests),
        CASE(after_a_stop_nothing_is_read_and_what_comes_stays),
        CASE(what_is_stored_after_a_stop_stays_for_the_next_start),
    };
    return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
