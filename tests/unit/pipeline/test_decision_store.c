/* Decisions as bytes: both ways, against the numbers of spool.proto, and what does not parse. */
#include "testing.h"

#include "pipeline/assess/decision_store.h"

#include "trustspan/spool.pb-c.h"

static const uint8_t trace[16] = "a trace of bytes";
static const uint8_t span[8] = "the span";

static const struct ts_llm llm = {.trace_id = {trace, 16}, .span_id = {span, 8}};

static struct ts_eval evals[] = {{"groundedness", 0.25}, {"helpfulness", 1}};

static struct ts_score full_score(void)
{
    return (struct ts_score){.has_score = true,
                             .score = 0.8125,
                             .explanation = TS_LIT("It holds."),
                             .model = TS_LIT("gpt-4.1-mini"),
                             .preset = TS_LIT("medium"),
                             .version = TS_LIT("7"),
                             .signals = TS_LIT("logprobs"),
                             .fields = TS_LIT("{\"a\":1}"),
                             .evals = evals,
                             .eval_count = 2,
                             .cost_usd = 0.001};
}

static struct ts_decision full_decision(const struct ts_score *score)
{
    return (struct ts_decision){.kind = TS_CACHED,
                                .scorer = "tlm",
                                .annotator_kind = "LLM",
                                .label = ts_decision_label_of(TS_LIT("trustworthy")),
                                .score = score,
                                .latency = 5 * TS_MS,
                                .made = 1234567890123456789};
}

static void store(const struct ts_decision *d, bool late, struct ts_buf *out)
{
    const struct ts_span_key key = ts_span_key_of(TS_LIT("bytes of a span"));
    ts_decision_store(&key, &llm, d, late, out);
}

static void a_decision_comes_back_with_its_score(void **state)
{
    (void)state;
    const struct ts_score score = full_score();
    const struct ts_decision d = full_decision(&score);
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf out = TS_BUF_INIT;
    struct ts_decided found;
    struct ts_decision back;
    struct ts_score s;
    store(&d, true, &out);
    ts_view at = ts_buf_view(&out);
    assert_true(ts_decided_next(&at, &found));
    assert_int_equal(at.len, 0);
    assert_true(found.late);
    assert_int_equal(found.key.len, 16);
    assert_true(ts_view_eq(found.trace_id, llm.trace_id));
    assert_true(ts_view_eq(found.span_id, llm.span_id));
    assert_true(ts_decision_restore(found.decision, arena, &back, &s));
    assert_int_equal(back.kind, TS_CACHED);
    assert_string_equal(back.scorer, "tlm");
    assert_string_equal(back.annotator_kind, "LLM");
    assert_string_equal(back.label, "trustworthy");
    assert_int_equal(back.latency, 5 * TS_MS);
    assert_int_equal(back.made, 1234567890123456789);
    assert_ptr_equal(back.score, &s);
    assert_true(s.has_score);
    assert_true(s.score == 0.8125);
    assert_true(s.cost_usd == 0.001);
    assert_view_is(s.explanation, "It holds.");
    assert_view_is(s.model, "gpt-4.1-mini");
    assert_view_is(s.preset, "medium");
    assert_view_is(s.version, "7");
    assert_view_is(s.signals, "logprobs");
    assert_view_is(s.fields, "{\"a\":1}");
    assert_int_equal(s.eval_count, 2);
    assert_string_equal(s.evals[0].name, "groundedness");
    assert_true(s.evals[0].score == 0.25);
    assert_string_equal(s.evals[1].name, "helpfulness");
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void a_decision_without_a_score_says_why(void **state)
{
    (void)state;
    struct ts_decision d = {.scorer = "local", .annotator_kind = "CODE", .made = 9};
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf out = TS_BUF_INIT;
    struct ts_decided found;
    struct ts_decision back;
    struct ts_score s;
    ts_decide(&d, TS_FAILED, TS_LIT("unavailable"));
    d.detail = TS_LIT("HTTP 503");
    store(&d, false, &out);
    ts_view at = ts_buf_view(&out);
    assert_true(ts_decided_next(&at, &found));
    assert_false(found.late);
    assert_true(ts_decision_restore(found.decision, arena, &back, &s));
    assert_int_equal(back.kind, TS_FAILED);
    assert_view_is(back.reason, "unavailable");
    assert_view_is(back.detail, "HTTP 503");
    assert_string_equal(back.annotator_kind, "CODE");
    assert_null(back.score);
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void it_is_as_the_proto_says(void **state)
{
    (void)state;
    const struct ts_score score = full_score();
    const struct ts_decision d = full_decision(&score);
    struct ts_buf out = TS_BUF_INIT;
    store(&d, true, &out);
    store(&d, false, &out);
    Trustspan__Decisions *all = trustspan__decisions__unpack(NULL, out.len, out.ptr);
    assert_non_null(all);
    assert_int_equal(all->n_spans, 2);
    assert_int_equal(all->spans[0]->late, 1);
    assert_int_equal(all->spans[1]->late, 0);
    assert_memory_equal(all->spans[0]->trace_id.data, trace, 16);
    assert_memory_equal(all->spans[0]->span_id.data, span, 8);
    const Trustspan__Decision *p = all->spans[0]->decision;
    assert_int_equal(p->kind, 2);
    assert_string_equal(p->scorer, "tlm");
    assert_string_equal(p->annotator_kind, "LLM");
    assert_int_equal(p->latency_nano, 5 * TS_MS);
    assert_true(p->score->score == 0.8125);
    assert_true(p->score->cost_usd == 0.001);
    assert_string_equal(p->score->explanation, "It holds.");
    assert_string_equal(p->score->fields, "{\"a\":1}");
    assert_string_equal(p->score->label, "trustworthy");
    assert_int_equal(p->score->n_evals, 2);
    assert_string_equal(p->score->evals[1]->name, "helpfulness");
    trustspan__decisions__free_unpacked(all, NULL);
    ts_buf_release(&out);
}

/* Each end and each flipped byte: no crash, and no decision that is none. */
static void what_does_not_parse_is_no_decision(void **state)
{
    (void)state;
    const struct ts_score score = full_score();
    const struct ts_decision d = full_decision(&score);
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf out = TS_BUF_INIT;
    struct ts_decided found;
    struct ts_decision back;
    struct ts_score s;
    store(&d, false, &out);
    for (size_t len = 0; len < out.len; len++) {
        ts_view at = ts_view_of(out.ptr, len);
        assert_false(ts_decided_next(&at, &found));
    }
    for (size_t i = 0; i < out.len; i++) {
        ts_view at = ts_buf_view(&out);
        out.ptr[i] ^= 0xff;
        if (ts_decided_next(&at, &found) && ts_decision_restore(found.decision, arena, &back, &s))
            assert_in_range(back.kind, TS_SCORED, TS_FAILED);
        out.ptr[i] ^= 0xff;
    }
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static void a_key_names_the_bytes(void **state)
{
    (void)state;
    const struct ts_span_key a = ts_span_key_of(TS_LIT("one"));
    const struct ts_span_key b = ts_span_key_of(TS_LIT("one"));
    const struct ts_span_key c = ts_span_key_of(TS_LIT("two"));
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
    assert_memory_not_equal(a.bytes, c.bytes, sizeof a.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_comes_back_with_its_score),
        cmocka_unit_test(a_decision_without_a_score_says_why),
        cmocka_unit_test(it_is_as_the_proto_says),
        cmocka_unit_test(what_does_not_parse_is_no_decision),
        cmocka_unit_test(a_key_names_the_bytes),
    };
    return cmocka_run_group_tests_name("decision_store", tests, NULL, NULL);
}
