/* The intake: when a request is acknowledged, what is refused and how, where there is room. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline_home.h"

struct home {
    struct pipeline_home in;
    struct home_answer answer;
};

static struct home *make(bool stored)
{
    struct home *h = ts_alloc(sizeof *h);
    pipeline_home_init(&h->in, stored, NULL);
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
    pipeline_home_release(&h->in);
    free(h);
    return 0;
}

static void assert_answer(const struct home *h, enum ts_code code)
{
    assert_int_equal(h->answer.answers, 1);
    assert_int_equal(h->answer.err.code, code);
}

static void assert_counts(const struct home *h, int accepted, int refused)
{
    struct ts_metrics *m = h->in.at.engine.metrics;
    assert_int_equal(ts_metrics_sum(m, "otelcol_receiver_accepted_spans"), accepted);
    assert_int_equal(ts_metrics_sum(m, "otelcol_receiver_refused_spans"), refused);
}

/* ---- durable ---- */

static void it_is_acknowledged_when_the_store_has_it(void **state)
{
    struct home *h = *state;
    struct ts_store_stats stats;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DURABLE, &h->answer);
    home_sync(&h->in.at); /* the store is through, the loop has not run */
    ts_store_stats(h->in.at.engine.store, &stats);
    assert_int_equal(stats.records[TS_TABLE_SPOOL], 1);
    assert_answer(h, TS_OK);
    assert_counts(h, 3, 0);
    home_assert_stored(&h->in.at, TS_TABLE_SPOOL, "3 ");
    home_take_all(&h->in);
    home_assert_stored(&h->in.at, TS_TABLE_SPOOL, "");
    assert_int_equal(h->answer.answers, 1);
}

static void the_record_says_where_it_came_from(void **state)
{
    struct home *h = *state;
    struct ts_headers *tenant = fake_tenant("tenant");
    struct ts_payload *stored;
    struct ts_record record;
    struct ts_err err = {0};
    uint64_t id;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DURABLE, &h->answer);
    home_settle(&h->in.at);
    assert_true(ts_store_next(h->in.at.engine.store, TS_TABLE_SPOOL, 0, &id, &stored, &err));
    assert_true(ts_record_decode(ts_payload_view(stored), &record, &err));
    assert_view_is(record.source, "single");
    assert_true(ts_headers_eq(record.headers, tenant));
    assert_true(record.received > 0);
    ts_headers_unref(record.headers);
    ts_headers_unref(tenant);
    ts_payload_unref(stored);
    home_take_all(&h->in);
}

static void what_the_store_does_not_take_is_refused(void **state)
{
    struct home *h = *state;
    enum { LARGE = 50000 };
    home_submit(&h->in.single, fake_request(LARGE), TS_WHEN_DURABLE, &h->answer);
    home_settle(&h->in.at);
    assert_answer(h, TS_UNAVAILABLE);
    assert_true(h->answer.err.retry_after > 0);
    assert_counts(h, 0, LARGE);
    assert_int_equal(h->in.fakes[0].attempts, 0);
}

static void without_a_store_it_is_acknowledged_in_memory(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DURABLE, &h->answer);
    assert_answer(h, TS_OK);
    assert_counts(h, 3, 0);
    home_take_all(&h->in);
    assert_answer(h, TS_OK);
}

/* ---- delivered ---- */

static void it_is_acknowledged_when_every_exporter_has_it(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.both, fake_request(3), TS_WHEN_DELIVERED, &h->answer);
    home_assert_stored(&h->in.at, TS_TABLE_SPOOL, ""); /* the sender keeps it */
    fake_end_send(&h->in.fakes[0], 0, TS_SENT);
    fake_end_send(&h->in.fakes[1], 0, TS_RETRY);
    home_settle(&h->in.at);
    assert_int_equal(h->answer.answers, 0);
    assert_counts(h, 0, 0);
    clock_move(h->in.at.loop, 1 * TS_S);
    fake_end_send(&h->in.fakes[1], 0, TS_SENT);
    home_settle(&h->in.at);
    assert_answer(h, TS_OK);
    assert_counts(h, 3, 0);
}

static void what_a_backend_refuses_the_sender_should_not_send_again(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DELIVERED, &h->answer);
    home_settle(&h->in.at);
    fake_end_send(&h->in.fakes[0], 0, TS_REFUSED);
    home_settle(&h->in.at);
    assert_answer(h, TS_INVALID_ARGUMENT);
    assert_int_equal(h->answer.err.retry_after, 0);
    assert_counts(h, 0, 3);
}

static void what_a_stop_leaves_the_sender_should(void **state)
{
    struct home *h = *state;
    home_submit(&h->in.single, fake_request(3), TS_WHEN_DELIVERED, &h->answer);
    home_settle(&h->in.at);
    fake_end_send(&h->in.fakes[0], 0, TS_BLOCKED);
    home_leave(&h->in, true, false);
    assert_answer(h, TS_UNAVAILABLE);
    assert_true(h->answer.err.retry_after > 0);
    assert_counts(h, 0, 3);
    assert_int_equal(atomic_load(&h->in.at.engine.lost), 0);
}

/* ---- what is not kept ---- */

static void an_empty_request_is_acknowledged_and_not_kept(void **state)
{
    struct home *h = *state;
    static const enum ts_acknowledge whens[] = {TS_WHEN_DURABLE, TS_WHEN_DELIVERED};
    for (size_t i = 0; i < 2 * TS_COUNT(whens); i++) {
        struct ts_payload *nothing =
            i % 2 ? fake_request(0)
                  : ts_payload_copy(TS_NOTHING); /* an envelope, or not even that */
        home_submit(&h->in.single, nothing, whens[i / 2], &h->answer);
        home_settle(&h->in.at);
        assert_answer(h, TS_OK);
    }
    home_assert_stored(&h->in.at, TS_TABLE_SPOOL, "");
    assert_counts(h, 0, 0);
    assert_int_equal(h->in.fakes[0].attempts, 0);
}

static void what_does_not_parse_is_refused(void **state)
{
    struct home *h = *state;
    struct ts_payload *good = fake_request(2);
    struct ts_buf bad = TS_BUF_INIT;
    ts_buf_add_view(&bad, ts_payload_view(good));
    ts_buf_add_view(&bad, TS_LIT("\x0a\x7f")); /* more is promised than there is */
    home_submit(&h->in.single, ts_payload_copy(ts_buf_view(&bad)), TS_WHEN_DURABLE, &h->answer);
    home_settle(&h->in.at);
    assert_answer(h, TS_INVALID_ARGUMENT);
    assert_int_equal(h->answer.err.retry_after, 0);
    assert_counts(h, 0, 2); /* as far as counted */
    home_assert_stored(&h->in.at, TS_TABLE_SPOOL, "");
    ts_payload_unref(good);
    ts_buf_release(&bad);
}

/* ---- room ---- */

static void there_is_room_up_to_the_limit(void **state)
{
    struct home *h = *state;
    struct ts_memory *memory = &h->in.at.engine.memory;
    int64_t most =
        HOME_MEMORY * (h->in.at.engine.store ? 2 : 1); /* half of it waits for the disk */
    struct ts_err err = {0};
    ts_memory_add(memory, (size_t)most - 1);
    assert_true(ts_intake_has_room(&h->in.single, &err));
    ts_memory_add(memory, 1);
    assert_false(ts_intake_has_room(&h->in.single, &err));
    assert_int_equal(err.code, TS_UNAVAILABLE);
    assert_true(err.retry_after > 0);
    ts_memory_sub(memory, (size_t)most);
}

struct waiting {
    struct ts_room room;
    int posted;
};

static void on_room(struct ts_task *task)
{
    TS_CONTAINER_OF(task, struct waiting, room.task)->posted++;
}

static void who_pulls_is_told_of_room(void **state)
{
    struct home *h = *state;
    struct ts_memory *memory = &h->in.at.engine.memory;
    struct waiting w = {.room = {.loop = h->in.at.loop, .task = {.run = on_room}}};
    ts_memory_add(memory, HOME_MEMORY);
    ts_intake_await_room(&h->in.single, &w.room);
    home_settle(&h->in.at);
    assert_int_equal(w.posted, 0);
    ts_memory_sub(memory, HOME_MEMORY);
    home_settle(&h->in.at);
    assert_int_equal(w.posted, 1);
}

static void a_receiver_serves_the_signals_of_its_pipelines(void **state)
{
    const struct home *h = *state;
    static const struct ts_signal other = {.name = "other"};
    struct ts_intake in_none = h->in.single;
    in_none.source = "none"; /* a receiver that no pipeline names */
    assert_true(ts_intake_takes(&h->in.single, ts_signals[0]));
    assert_false(ts_intake_takes(&h->in.single, &other));
    assert_false(ts_intake_takes(&in_none, ts_signals[0]));
}

#define CASE(f)   cmocka_unit_test_setup_teardown(f, make_home, free_home)
#define STORED(f) cmocka_unit_test_setup_teardown(f, make_stored_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(it_is_acknowledged_when_the_store_has_it),
        STORED(the_record_says_where_it_came_from),
        STORED(what_the_store_does_not_take_is_refused),
        CASE(without_a_store_it_is_acknowledged_in_memory),
        STORED(it_is_acknowledged_when_every_exporter_has_it),
        STORED(what_a_backend_refuses_the_sender_should_not_send_again),
        CASE(what_a_stop_leaves_the_sender_should),
        STORED(an_empty_request_is_acknowledged_and_not_kept),
        STORED(what_does_not_parse_is_refused),
        CASE(there_is_room_up_to_the_limit),
        STORED(there_is_room_up_to_the_limit),
        CASE(who_pulls_is_told_of_room),
        CASE(a_receiver_serves_the_signals_of_its_pipelines),
    };
    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
