/* Pipelines: along the chain in its order, from one receiver into several, who looks at the items first. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline_home.h"

static struct pipeline_home *make(const struct ts_processor *a, const struct ts_processor *b,
                                  const struct ts_processor *c)
{
    const struct ts_processor *const kinds[] = {a, b, c};
    struct pipeline_home *h = ts_alloc(sizeof *h);
    pipeline_home_init(h, false, kinds);
    return h;
}

static void let_be(struct pipeline_home *h)
{
    home_take_all(h);
    pipeline_home_release(h);
    free(h);
}

static void bring(struct pipeline_home *h, const struct ts_intake *intake, size_t spans)
{
    struct home_answer answer;
    home_submit(intake, fake_request(spans), TS_WHEN_DURABLE, &answer);
    assert_int_equal(answer.answers, 1);
    home_settle(&h->at);
}

static void parts_go_along_the_chain_in_its_order(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    bring(h, &h->single, 3);
    assert_string_equal(ts_buf_cstr(&h->journal), "A3 B3 ");
    assert_int_equal(h->fakes[0].send_count, 1);
    assert_int_equal(h->fakes[0].sends[0]->part->items, 3);
    assert_int_equal(h->fakes[1].send_count, 0);
    let_be(h);
}

static void what_is_known_of_items_reaches_the_next(void **state)
{
    (void)state;
    static const char decision;
    static const struct ts_item known[] = {{1, (const void *)&decision}};
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    h->a.adds = (struct ts_items){known, 1};
    bring(h, &h->single, 2);
    assert_int_equal(h->a.got.count, 0); /* at first nothing is known */
    assert_int_equal(h->b.got.count, 1);
    assert_ptr_equal(h->b.first_decision, &decision);
    let_be(h);
}

static void what_one_holds_back_the_next_gets_when_it_lets_go(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    h->a.holds = true;
    bring(h, &h->single, 2);
    bring(h, &h->single, 1);
    assert_string_equal(ts_buf_cstr(&h->journal), "A2 A1 ");
    fake_let_go(&h->a);
    assert_string_equal(ts_buf_cstr(&h->journal), "A2 A1 B2 ");
    fake_let_go(&h->a);
    let_be(h);
}

static void every_pipeline_of_a_receiver_gets_all_items(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    struct ts_buf names = TS_BUF_INIT;
    bring(h, &h->both, 3);
    assert_string_equal(ts_buf_cstr(&h->journal), "A3 B3 C3 ");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(h->fakes[i].send_count, 1);
        fake_add_names(&names, h->fakes[i].sends[0]->part);
    }
    assert_string_equal(ts_buf_cstr(&names), "0 1 2 0 1 2 ");
    fake_take_all(&h->fakes[0]); /* the batch is there until the second has it, too */
    home_settle(&h->at);
    assert_int_equal(ts_barrier_count(&h->at.engine.barrier, TS_STAGE_BATCHES), 1);
    fake_take_all(&h->fakes[1]);
    home_settle(&h->at);
    assert_int_equal(ts_barrier_count(&h->at.engine.barrier, TS_STAGE_BATCHES), 0);
    ts_buf_release(&names);
    let_be(h);
}

static void a_pipeline_without_processors_sends_what_comes(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    h->pipelines[0].node_count = 0;
    bring(h, &h->single, 3);
    assert_string_equal(ts_buf_cstr(&h->journal), "");
    assert_int_equal(h->fakes[0].sends[0]->part->items, 3);
    let_be(h);
}

/* ---- looking ---- */

static void the_first_that_looks_is_shown_every_item(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_inspecting, &fake_inspecting, &fake_inspecting);
    bring(h, &h->both, 3);
    assert_true(h->a.had_notes);
    assert_int_equal(h->a.noted_items, 3);
    assert_false(h->b.had_notes); /* it looks itself */
    assert_true(h->c.had_notes);  /* the first of its own pipeline */
    assert_int_equal(h->c.noted_items, 3);
    let_be(h);
}

static void who_does_not_look_is_passed_over(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_inspecting, &fake_passing);
    bring(h, &h->both, 2);
    assert_false(h->a.had_notes);
    assert_true(h->b.had_notes);
    assert_int_equal(h->b.noted_items, 2);
    assert_false(h->c.had_notes);
    let_be(h);
}

/* What was noted is of the whole; of a part that is another the processor must look itself. */
static void notes_go_with_the_whole_only(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_inspecting, &fake_passing);
    h->a.holds = true;
    bring(h, &h->single, 2);
    ts_part_release(&h->a.held[0].part);
    h->a.held[0].part = fake_part(1);
    fake_let_go(&h->a);
    assert_string_equal(ts_buf_cstr(&h->journal), "A2 B1 ");
    assert_false(h->b.had_notes);
    let_be(h);
}

/* ---- routes ---- */

static void a_source_has_its_pipelines_and_an_unknown_one_all(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_passing, &fake_passing);
    const struct ts_routes *r = &h->routes;
    assert_ptr_equal(ts_routes_find(r, ts_signals[0], TS_LIT("single")), &h->list[0]);
    assert_ptr_equal(ts_routes_find(r, ts_signals[0], TS_LIT("both")), &h->list[1]);
    assert_ptr_equal(ts_routes_find(r, ts_signals[0], TS_LIT("gone")), &h->list[2]);
    assert_ptr_equal(ts_routes_find(r, ts_signals[0], TS_NOTHING), &h->list[2]);
    static const struct ts_signal other = {.name = "other"};
    assert_null(ts_routes_find(r, &other, TS_LIT("single")));
    let_be(h);
}

static void a_late_record_has_its_owner_or_the_first_that_resumes(void **state)
{
    (void)state;
    struct pipeline_home *h = make(&fake_passing, &fake_resuming, &fake_resuming);
    const struct ts_routes *r = &h->routes;
    assert_ptr_equal(ts_routes_owner(r, TS_LIT("traces B")), &h->nodes[1]);
    assert_ptr_equal(ts_routes_owner(r, TS_LIT("traces/second C")), &h->nodes[2]);
    assert_ptr_equal(ts_routes_owner(r, TS_LIT("traces gone")), &h->nodes[1]);
    assert_ptr_equal(ts_routes_owner(r, TS_LIT("traces A")), &h->nodes[1]); /* it resumes none */
    assert_ptr_equal(ts_routes_owner(r, TS_NOTHING), &h->nodes[1]);
    let_be(h);
    h = make(&fake_passing, &fake_inspecting, &fake_passing);
    assert_null(ts_routes_owner(&h->routes, TS_LIT("traces B")));
    let_be(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_go_along_the_chain_in_its_order),
        cmocka_unit_test(what_is_known_of_items_reaches_the_next),
        cmocka_unit_test(what_one_holds_back_the_next_gets_when_it_lets_go),
        cmocka_unit_test(every_pipeline_of_a_receiver_gets_all_items),
        cmocka_unit_test(a_pipeline_without_processors_sends_what_comes),
        cmocka_unit_test(the_first_that_looks_is_shown_every_item),
        cmocka_unit_test(who_does_not_look_is_passed_over),
        cmocka_unit_test(notes_go_with_the_whole_only),
        cmocka_unit_test(a_source_has_its_pipelines_and_an_unknown_one_all),
        cmocka_unit_test(a_late_record_has_its_owner_or_the_first_that_resumes),
    };
    return cmocka_run_group_tests_name("pipeline chain", tests, NULL, NULL);
}
