/* The fan-out: to every exporter that takes it, and one end when all are through. */
#include "testing.h"

#include "engine_home.h"
#include "moved_clock.h"
#include "pipeline/engine/fanout.h"

static const struct ts_exporter items_only = {.send = fake_send, .queue = fake_queue};
static const struct ts_exporter evaluations_only = {.post = fake_post, .queue = fake_queue};

/* Two exporters of items and one of evaluations; the fan-out of the test goes to the first `count`. */
struct home {
    struct engine_home at;
    struct fake_exporter fakes[3];
    struct ts_exporter_node nodes[3];
    struct ts_exporter_node *list[3];
    struct ts_fanout fanout;
    struct ts_completion completion;
    struct home_result waited, batch;
};

static int make_home(void **state)
{
    static const struct ts_exporter *const exporters[] = {&items_only, &items_only,
                                                          &evaluations_only};
    static const char *const ids[] = {"one", "two", "three"};
    struct home *h = ts_alloc(sizeof *h);
    home_init(&h->at, false);
    for (size_t i = 0; i < 3; i++) {
        fake_init(&h->fakes[i], h->at.loop);
        h->nodes[i] = (struct ts_exporter_node){.id = ids[i],
                                                .exporter = exporters[i],
                                                .instance = fake_instance(&h->fakes[i]),
                                                .loop = h->at.loop};
        ts_exporter_node_init(&h->nodes[i], h->at.engine.metrics);
        h->list[i] = &h->nodes[i];
    }
    h->fanout = (struct ts_fanout){.nodes = h->list, .count = 3};
    *state = h;
    return 0;
}

static int free_home(void **state)
{
    struct home *h = *state;
    for (size_t i = 0; i < 3; i++)
        ts_exporter_node_release(&h->nodes[i]);
    home_release(&h->at);
    free(h);
    return 0;
}

static void on_completed(struct ts_completion *completion, enum ts_fate fate)
{
    struct home *h = TS_CONTAINER_OF(completion, struct home, completion);
    home_on_ended(&h->waited, fate);
}

/* A batch of so many spans goes through the fan-out, with somebody who waits for it. */
static void consume(struct home *h, struct ts_part *part, struct ts_batch *batch)
{
    const struct ts_items unknown = {NULL, 0};
    ts_completion_init(&h->completion, on_completed);
    ts_fanout_consume(&h->fanout, batch, part, &unknown, &h->completion);
    assert_int_equal(h->waited.ends, 0); /* never inside the call */
    ts_batch_pending_done(batch, TS_DELIVERED);
    assert_int_equal(h->batch.ends, 0);
}

static void consume_whole(struct home *h, size_t spans)
{
    struct ts_batch *batch = home_batch(&h->at, spans, "tenant", &h->batch);
    struct ts_part part = home_whole(batch);
    consume(h, &part, batch);
}

static void every_exporter_gets_the_part(void **state)
{
    struct home *h = *state;
    struct ts_headers *tenant = fake_tenant("tenant");
    consume_whole(h, 3);
    home_assert_open(&h->at, &h->waited);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(h->fakes[i].send_count, 1);
        assert_int_equal(h->fakes[i].sends[0]->part->items, 3);
        assert_true(ts_headers_eq(h->fakes[i].sends[0]->headers, tenant));
    }
    fake_take_all(&h->fakes[0]);
    home_assert_open(&h->at, &h->waited);
    home_assert_open(&h->at, &h->batch);
    fake_take_all(&h->fakes[1]);
    home_assert_ended(&h->at, &h->waited, TS_DELIVERED);
    home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
    ts_headers_unref(tenant);
}

static void the_worst_fate_is_the_parts_and_the_batchs(void **state)
{
    struct home *h = *state;
    consume_whole(h, 1);
    home_settle(&h->at);
    fake_end_send(&h->fakes[0], 0, TS_REFUSED);
    fake_take_all(&h->fakes[1]);
    home_assert_ended(&h->at, &h->waited, TS_DROPPED);
    home_assert_ended(&h->at, &h->batch, TS_DROPPED);
}

static void with_no_exporter_for_it_a_part_ends_later(void **state)
{
    struct home *h = *state;
    static const size_t counts[] = {0, 1}; /* none at all; one that takes evaluations only */
    for (size_t i = 0; i < TS_COUNT(counts); i++) {
        h->fanout.nodes = &h->list[2];
        h->fanout.count = counts[i];
        h->waited = (struct home_result){0, TS_LEFT};
        consume_whole(h, 2);
        home_assert_ended(&h->at, &h->waited, TS_DELIVERED);
        home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
        assert_int_equal(h->fakes[2].attempts, 0);
    }
}

static void an_empty_part_is_sent_to_nobody_and_ends_later(void **state)
{
    struct home *h = *state;
    struct ts_part nothing = {0};
    consume(h, &nothing, home_batch(&h->at, 1, NULL, &h->batch));
    home_assert_ended(&h->at, &h->waited, TS_DELIVERED);
    home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
    assert_int_equal(h->fakes[0].attempts + h->fakes[1].attempts, 0);
}

static void nobody_need_wait(void **state)
{
    struct home *h = *state;
    const struct ts_items unknown = {NULL, 0};
    struct ts_batch *batch = home_batch(&h->at, 2, NULL, &h->batch);
    struct ts_part part = home_whole(batch);
    struct ts_part nothing = {0};
    ts_fanout_consume(&h->fanout, batch, &part, &unknown, NULL);
    ts_fanout_consume(&h->fanout, batch, &nothing, &unknown, NULL);
    ts_batch_pending_done(batch, TS_DELIVERED);
    home_assert_open(&h->at, &h->batch);
    fake_take_all(&h->fakes[0]);
    fake_take_all(&h->fakes[1]);
    home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
}

/* Two parts of one batch, for one who waits for both. */
static void a_completion_waits_for_all_that_was_added(void **state)
{
    struct home *h = *state;
    const struct ts_items unknown = {NULL, 0};
    struct ts_batch *batch = home_batch(&h->at, 2, NULL, &h->batch);
    h->fanout.count = 1;
    ts_completion_init(&h->completion, on_completed);
    ts_completion_add(&h->completion);
    for (int i = 0; i < 2; i++) {
        struct ts_part part = home_whole(batch);
        ts_fanout_consume(&h->fanout, batch, &part, &unknown, &h->completion);
    }
    ts_batch_pending_done(batch, TS_DELIVERED);
    home_settle(&h->at);
    fake_end_send(&h->fakes[0], 0, TS_REFUSED);
    home_assert_open(&h->at, &h->waited);
    fake_end_send(&h->fakes[0], 0, TS_SENT);
    home_assert_ended(&h->at, &h->waited, TS_DROPPED);
    home_assert_ended(&h->at, &h->batch, TS_DROPPED);
}

static void evaluations_go_to_those_who_take_them(void **state)
{
    struct home *h = *state;
    struct ts_batch *batch = home_batch(&h->at, 1, NULL, &h->batch);
    assert_true(ts_fanout_wants_evaluations(&h->fanout));
    ts_fanout_evaluate(&h->fanout, batch, ts_evaluation_new(NULL));
    ts_batch_pending_done(batch, TS_DELIVERED);
    home_assert_open(&h->at, &h->batch);
    clock_move(h->at.loop, 60 * TS_S);
    home_assert_open(&h->at, &h->batch);
    assert_int_equal(h->fakes[0].post_count + h->fakes[1].post_count, 0);
    fake_end_post(&h->fakes[2], 0, TS_SENT);
    home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
}

static void without_takers_an_evaluation_is_nothing(void **state)
{
    struct home *h = *state;
    struct ts_batch *batch = home_batch(&h->at, 1, NULL, &h->batch);
    h->fanout.count = 2;
    assert_false(ts_fanout_wants_evaluations(&h->fanout));
    ts_fanout_evaluate(&h->fanout, batch, ts_evaluation_new(NULL));
    ts_batch_pending_done(batch, TS_DELIVERED);
    home_assert_ended(&h->at, &h->batch, TS_DELIVERED);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_exporter_gets_the_part),
        CASE(the_worst_fate_is_the_parts_and_the_batchs),
        CASE(with_no_exporter_for_it_a_part_ends_later),
        CASE(an_empty_part_is_sent_to_nobody_and_ends_later),
        CASE(nobody_need_wait),
        CASE(a_completion_waits_for_all_that_was_added),
        CASE(evaluations_go_to_those_who_take_them),
        CASE(without_takers_an_evaluation_is_nothing),
    };
    return cmocka_run_group_tests_name("fan-out", tests, NULL, NULL);
}
