/* The sending queue: how much is sent at once, by whom, in which pieces; one end for each part. */
#include "testing.h"

#include "moved_clock.h"
#include "sending_home.h"

/* ---- at once ---- */

static void as_many_are_sent_at_once_as_there_are_consumers(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result results[5];
    f->settings.num_consumers = 2;
    remake(h);
    for (size_t i = 0; i < TS_COUNT(results); i++)
        give(h, i + 1, NULL, &results[i]);
    assert_int_equal(f->send_count, 2);
    assert_gauge(h, 5);
    for (size_t i = 0; i < TS_COUNT(results); i++) {
        assert_int_equal(f->sends[0]->part->items, i + 1); /* in the order in which they came */
        assert_open(h, &results[i]);
        fake_end_send(f, 0, TS_SENT);
        assert_ended(h, &results[i], TS_DELIVERED);
        assert_int_equal(f->send_count, i < 3 ? 2 : 4 - i);
    }
    assert_counts(h, 1 + 2 + 3 + 4 + 5, 0);
    assert_gauge(h, 0);
}

static void what_failed_keeps_its_place_until_it_is_through(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result first;
    struct result second;
    give(h, 1, NULL, &first);
    give(h, 2, NULL, &second);
    fake_end_send(f, 0, TS_RETRY);
    assert_int_equal(f->send_count, 0);
    clock_move(h->loop, 1 * TS_S);
    assert_int_equal(f->sends[0]->part->items, 1);
    fake_end_send(f, 0, TS_SENT);
    assert_int_equal(f->sends[0]->part->items, 2);
    assert_ended(h, &first, TS_DELIVERED);
    assert_open(h, &second);
    fake_end_send(f, 0, TS_SENT);
    assert_ended(h, &second, TS_DELIVERED);
}

static void one_tenants_trouble_holds_up_no_other(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result a[2];
    struct result b[2];
    struct result none;
    for (size_t i = 0; i < 2; i++)
        give(h, 1, "a", &a[i]);
    fake_end_send(f, 0, TS_BLOCKED);
    for (size_t i = 0; i < 2; i++)
        give(h, 2, "b", &b[i]);
    give(h, 3, NULL, &none);
    assert_int_equal(f->send_count, 2); /* one of b's, and the one without a tenant */
    fake_end_send(f, 0, TS_SENT);
    fake_end_send(f, 0, TS_SENT);
    fake_end_send(f, 0, TS_SENT);
    assert_ended(h, &b[0], TS_DELIVERED);
    assert_ended(h, &b[1], TS_DELIVERED);
    assert_ended(h, &none, TS_DELIVERED);
    assert_open(h, &a[0]);
    assert_open(h, &a[1]);
    clock_move(h->loop, 5 * TS_S);
    fake_take_all(f);
    assert_ended(h, &a[0], TS_DELIVERED);
    assert_ended(h, &a[1], TS_DELIVERED);
}

static void an_attempt_has_its_tenants_headers(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct ts_headers *wanted = fake_tenant("a");
    struct result result;
    give(h, 1, "a", &result);
    assert_true(ts_headers_eq(f->sends[0]->headers, wanted));
    assert_ptr_equal(f->sends[0]->signal, ts_signals[0]);
    fake_take_all(f);
    ts_headers_unref(wanted);
    assert_ended(h, &result, TS_DELIVERED);
}

/* What the exporter still sends when it has said how it ended, it may: it references the owner. */
static void who_references_the_owner_keeps_the_part(void **state)
{
    struct home *h = *state;
    struct result result;
    struct ts_buf names = TS_BUF_INIT;
    give(h, 2, NULL, &result);
    const struct ts_part *part = h->fakes[0].sends[0]->part;
    struct ts_payload *owner = ts_payload_ref(h->fakes[0].sends[0]->owner);
    fake_take_all(&h->fakes[0]);
    assert_ended(h, &result, TS_DELIVERED);
    fake_add_names(&names, part);
    assert_string_equal(ts_buf_cstr(&names), "0 1 ");
    ts_payload_unref(owner);
    ts_buf_release(&names);
}

/* ---- pieces ---- */

static void what_is_too_large_goes_in_pieces_that_end_as_one(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    struct ts_buf names = TS_BUF_INIT;
    give(h, 8, NULL, &result);
    while (f->send_count > 0) {
        bool too_large = f->sends[0]->part->items > 3;
        assert_open(h, &result);
        if (!too_large)
            fake_add_names(&names, f->sends[0]->part);
        fake_end_send(f, 0, too_large ? TS_TOO_LARGE : TS_SENT);
    }
    assert_true(f->attempts > 3);
    assert_string_equal(ts_buf_cstr(&names), "0 1 2 3 4 5 6 7 ");
    assert_ended(h, &result, TS_DELIVERED);
    assert_counts(h, 8, 0);
    assert_gauge(h, 0);
    ts_buf_release(&names);
}

static void a_piece_that_is_refused_decides_for_the_whole(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    give(h, 2, NULL, &result);
    fake_end_send(f, 0, TS_TOO_LARGE);
    fake_end_send(f, 0, TS_TOO_LARGE); /* one item alone, which is refused then */
    assert_open(h, &result);
    fake_end_send(f, 0, TS_SENT);
    assert_ended(h, &result, TS_DROPPED);
    assert_counts(h, 1, 1);
}

static void no_request_is_larger_than_its_limit(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    struct ts_buf names = TS_BUF_INIT;
    struct ts_part all = fake_part(10);
    f->settings.max_request_size = all.bytes / 3;
    ts_part_release(&all);
    remake(h);
    give(h, 10, NULL, &result);
    while (f->send_count > 0) {
        assert_true(f->sends[0]->part->bytes <= f->settings.max_request_size);
        fake_add_names(&names, f->sends[0]->part);
        fake_end_send(f, 0, TS_SENT);
    }
    assert_string_equal(ts_buf_cstr(&names), "0 1 2 3 4 5 6 7 8 9 ");
    assert_ended(h, &result, TS_DELIVERED);
    assert_counts(h, 10, 0);
    ts_buf_release(&names);
}

static void one_item_above_the_limit_is_sent_alone(void **state)
{
    struct home *h = *state;
    struct fake_exporter *f = &h->fakes[0];
    struct result result;
    f->settings.max_request_size = 1;
    remake(h);
    give(h, 3, NULL, &result);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(f->sends[0]->part->items, 1);
        fake_end_send(f, 0, TS_SENT);
    }
    assert_ended(h, &result, TS_DELIVERED);
}

/* ---- several queues ---- */

static void the_worst_fate_of_all_queues_comes_once_on_the_home_loop(void **state)
{
    static const struct {
        enum ts_outcome one, two;
        enum ts_fate fate;
    } rows[] = {
        {TS_SENT, TS_SENT, TS_DELIVERED},  {TS_REFUSED, TS_SENT, TS_DROPPED},
        {TS_SENT, TS_REFUSED, TS_DROPPED}, {TS_RETRY, TS_REFUSED, TS_LEFT},
        {TS_REFUSED, TS_BLOCKED, TS_LEFT}, {TS_SENT, TS_RETRY, TS_LEFT},
    };
    struct home *h = *state;
    struct result results[TS_COUNT(rows)];
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        remake(h);
        give_to(h, 2, 1, NULL, &results[i]);
        leave(h, false);
        fake_end_send(&h->fakes[0], 0, rows[i].one);
        assert_open(h, &results[i]);
        fake_end_send(&h->fakes[1], 0, rows[i].two);
        assert_int_equal(results[i].ends, 0); /* the other loop has not run yet */
        assert_ended(h, &results[i], rows[i].fate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(as_many_are_sent_at_once_as_there_are_consumers),
        CASE(what_failed_keeps_its_place_until_it_is_through),
        CASE(one_tenants_trouble_holds_up_no_other),
        CASE(an_attempt_has_its_tenants_headers),
        CASE(who_references_the_owner_keeps_the_part),
        CASE(what_is_too_large_goes_in_pieces_that_end_as_one),
        CASE(a_piece_that_is_refused_decides_for_the_whole),
        CASE(no_request_is_larger_than_its_limit),
        CASE(one_item_above_the_limit_is_sent_alone),
        CASE(the_worst_fate_of_all_queues_comes_once_on_the_home_loop),
    };
    return cmocka_run_group_tests_name("sending queue", tests, NULL, NULL);
}
