/* What spans of one trace tell of each other, in any order of arrival, within bounds. */
#include "testing.h"

#include "llm/trace.h"

#include <pthread.h>
#include <stdio.h>

static const uint8_t trace_id[16] = {1, 2, 3};

struct call {
    uint8_t id[8], parent[8];
    struct ts_message message;
    struct ts_llm llm;
};

/* Spans are named by one byte; 0: no parent. */
static struct ts_llm *make(struct call *c, uint8_t id, uint8_t parent, int64_t start, int64_t end,
                           const char *scope, const char *question, const char *answer)
{
    *c = (struct call){.id = {id}, .parent = {parent}};
    c->message = (struct ts_message){.role = TS_LIT("user"), .content = ts_view_str(question)};
    c->llm = (struct ts_llm){.kind = TS_KIND_LLM,
                             .messages = &c->message,
                             .message_count = 1,
                             .response = ts_view_str(answer),
                             .scope = ts_view_str(scope),
                             .start_ns = start,
                             .end_ns = end,
                             .trace_id = ts_view_of(trace_id, 16),
                             .span_id = ts_view_of(c->id, 8),
                             .parent_id = ts_view_of(c->parent, parent ? 8 : 0)};
    return &c->llm;
}

static void see(struct ts_traces *t, struct ts_arena *a, struct call *c)
{
    ts_traces_note(t, &c->llm, true);
    ts_traces_resolve(t, a, &c->llm);
}

static void the_inner_of_two_is_kept_when_both_are_known(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    struct call outer;
    struct call inner;
    make(&outer, 1, 0, 0, 100, "langchain", "Which?", "Gallium. ");
    make(&inner, 2, 1, 10, 90, "openai", "Which?", "Gallium.");
    ts_traces_note(t, &outer.llm, true);
    ts_traces_note(t, &inner.llm, true);
    ts_traces_resolve(t, a, &outer.llm);
    ts_traces_resolve(t, a, &inner.llm);
    assert_int_equal(outer.llm.skip, TS_SKIP_DUPLICATE);
    assert_memory_equal(outer.llm.duplicate_of.ptr, inner.id, 8);
    assert_int_equal(inner.llm.skip, TS_SKIP_NONE);
    ts_arena_free(a);
    ts_traces_free(t);
}

static void what_was_kept_before_stays(void **state)
{
    (void)state;
    for (int outer_first = 0; outer_first < 2; outer_first++) {
        struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
        struct ts_arena *a = ts_arena_new();
        struct call outer;
        struct call inner;
        make(&outer, 1, 9, 0, 100, "langchain", "Which?", "Gallium.");
        make(&inner, 2, 8, 10, 90, "openai", "Other words.", "Gallium."); /* parents unknown */
        see(t, a, outer_first ? &outer : &inner);
        see(t, a, outer_first ? &inner : &outer);
        assert_int_equal((outer_first ? &outer : &inner)->llm.skip, TS_SKIP_NONE);
        assert_int_equal((outer_first ? &inner : &outer)->llm.skip, TS_SKIP_DUPLICATE);
        ts_arena_free(a);
        ts_traces_free(t);
    }
}

static void equal_answers_of_different_calls_are_no_duplicates(void **state)
{
    (void)state;
    static const struct {
        int64_t start, end;
        const char *scope, *question, *answer;
    } others[] = {
        {200, 300, "other", "Q?", "Yes."},   /* later */
        {50, 150, "same", "Q?", "Yes."},     /* one instrumentation, two calls at once */
        {50, 150, "other", "Else?", "Yes."}, /* another question */
        {10, 90, "other", "Q?", "No."},      /* another answer */
    };
    for (size_t i = 0; i < TS_COUNT(others); i++) {
        struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
        struct ts_arena *a = ts_arena_new();
        struct call first;
        struct call second;
        make(&first, 1, 0, 0, 100, "same", "Q?", "Yes.");
        make(&second, 2, 0, others[i].start, others[i].end, others[i].scope, others[i].question,
             others[i].answer);
        see(t, a, &first);
        see(t, a, &second);
        if (second.llm.skip != TS_SKIP_NONE)
            fail_msg("row %zu is a duplicate", i);
        ts_arena_free(a);
        ts_traces_free(t);
    }
}

static void calls_of_tools_are_compared_as_values(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        bool duplicate;
    } rows[] = {{"{\"city\":\"Bergen\",\"days\":[1,2]}", true},
                {"{\"city\":\"Bergen\",\"days\":[1,3]}", false}};
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
        struct ts_arena *a = ts_arena_new();
        struct call inner;
        struct call outer;
        struct ts_tool_call one = {TS_LIT("1"), TS_LIT("forecast"),
                                   TS_LIT("{\"city\": \"Bergen\", \"days\": [1, 2]}")};
        struct ts_tool_call other = {TS_LIT("1"), TS_LIT("forecast"),
                                     ts_view_str(rows[i].arguments)};
        make(&inner, 1, 2, 10, 90, "openai", "Q?", "");
        make(&outer, 2, 0, 0, 100, "langchain", "Q?", "");
        inner.llm.tool_calls = &one;
        outer.llm.tool_calls = &other;
        inner.llm.tool_call_count = outer.llm.tool_call_count = 1;
        see(t, a, &inner);
        see(t, a, &outer);
        assert_int_equal(inner.llm.skip, TS_SKIP_NONE);
        assert_int_equal(outer.llm.skip, rows[i].duplicate ? TS_SKIP_DUPLICATE : TS_SKIP_NONE);
        ts_arena_free(a);
        ts_traces_free(t);
    }
}

static const uint8_t other_trace[16] = {4, 5, 6};

static void a_call_may_be_told_of_in_two_traces(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t parent; /* of the inner one */
        int64_t start, end;
        const char *scope, *question, *answer, *service;
        bool duplicate;
        const char *before; /* a message of the inner one's prompt */
    } rows[] = {
        {"within the other", 0, 10, 90, "openai", "Q?", "Yes.", "app", true, NULL},
        {"not a root", 7, 10, 90, "openai", "Q?", "Yes.", "app", false, NULL},
        {"only overlapping", 0, 50, 150, "openai", "Q?", "Yes.", "app", false, NULL},
        {"one instrumentation", 0, 10, 90, "langchain", "Q?", "Yes.", "app", false, NULL},
        {"another question", 0, 10, 90, "openai", "Else?", "Yes.", "app", false, NULL},
        {"the same after another", 0, 10, 90, "openai", "Q?", "Yes.", "app", false, "Before."},
        {"another answer", 0, 10, 90, "openai", "Q?", "No.", "app", false, NULL},
        {"another service", 0, 10, 90, "openai", "Q?", "Yes.", "else", false, NULL},
    };
    for (size_t i = 0; i < 2 * TS_COUNT(rows); i++) {
        bool outer_first = i % 2;
        struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
        struct ts_arena *a = ts_arena_new();
        struct call outer;
        struct call inner;
        make(&outer, 1, 6, 0, 100, "langchain", "Q?", "Yes.");
        make(&inner, 2, rows[i / 2].parent, rows[i / 2].start, rows[i / 2].end, rows[i / 2].scope,
             rows[i / 2].question, rows[i / 2].answer);
        outer.llm.service = TS_LIT("app");
        inner.llm.service = ts_view_str(rows[i / 2].service);
        inner.llm.trace_id = ts_view_of(other_trace, 16);
        struct ts_message two[] = {
            {.role = TS_LIT("user"), .content = ts_view_str(rows[i / 2].before)}, inner.message};
        inner.llm.messages = two;
        inner.llm.message_count = 2; /* an empty one says nothing */
        struct call *first = outer_first ? &outer : &inner;
        struct call *second = outer_first ? &inner : &outer;
        see(t, a, first);
        see(t, a, second);
        if (first->llm.skip != TS_SKIP_NONE ||
            second->llm.skip != (rows[i / 2].duplicate ? TS_SKIP_DUPLICATE : TS_SKIP_NONE))
            fail_msg("%s", rows[i / 2].name);
        if (rows[i / 2].duplicate)
            assert_memory_equal(second->llm.duplicate_of.ptr, first->id, 8);
        ts_arena_free(a);
        ts_traces_free(t);
    }
}

static void the_inner_of_two_traces_is_kept_when_both_are_known(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    struct call outer;
    struct call inner;
    make(&outer, 1, 0, 0, 100, "langchain", "Q?", "Yes.");
    make(&inner, 2, 0, 10, 90, "openai", "Q?", "Yes.");
    inner.llm.trace_id = ts_view_of(other_trace, 16);
    ts_traces_note(t, &outer.llm, true);
    ts_traces_note(t, &inner.llm, true);
    ts_traces_resolve(t, a, &outer.llm);
    ts_traces_resolve(t, a, &inner.llm);
    assert_int_equal(outer.llm.skip, TS_SKIP_DUPLICATE);
    assert_int_equal(inner.llm.skip, TS_SKIP_NONE);
    ts_arena_free(a);
    ts_traces_free(t);
}

static void documents_in_the_prompt_are_its_context(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    struct ts_document found[] = {{.content = TS_LIT("Spiders  have\neight legs.")},
                                  {.content = TS_LIT("Ants have six.")}};
    struct call retriever;
    struct call call;
    struct call beside;
    make(&retriever, 1, 7, 0, 10, "r", "", "");
    retriever.llm.kind = TS_KIND_RETRIEVER;
    retriever.llm.documents = found;
    retriever.llm.document_count = 2;
    make(&call, 2, 6, 20, 30, "o", "Context: Spiders have eight legs. How many?", "Eight.");
    make(&beside, 3, 7, 20, 30, "o", "How many legs?", "8");
    ts_traces_note(t, &retriever.llm, true);
    see(t, a, &call);
    see(t, a, &beside);
    assert_int_equal(call.llm.document_count, 1);
    assert_view_is(call.llm.documents[0].content, "Spiders  have\neight legs.");
    assert_int_equal(beside.llm.document_count, 2); /* none in the prompt: those beside it */
    make(&call, 4, 6, 5, 30, "o", "Spiders have eight legs.", "8");
    see(t, a, &call);
    assert_int_equal(call.llm.document_count, 0); /* it began before they were there */
    ts_arena_free(a);
    ts_traces_free(t);
}

static void a_judges_call_is_no_call_of_the_app(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    struct call evaluator;
    struct call call;
    make(&evaluator, 1, 0, 0, 100, "e", "", "");
    evaluator.llm.kind = TS_KIND_EVALUATOR;
    make(&call, 2, 1, 10, 90, "o", "Is it right?", "Yes.");
    ts_traces_note(t, &evaluator.llm, true);
    see(t, a, &call);
    assert_int_equal(call.llm.kind, TS_KIND_EVALUATOR);
    assert_int_equal(call.llm.skip, TS_SKIP_NOT_LLM);
    ts_arena_free(a);
    ts_traces_free(t);
}

static void note_many(struct ts_traces *t, uint8_t who, int count)
{
    struct ts_arena *a = ts_arena_new();
    for (int i = 0; i < count; i++) {
        struct call c;
        uint8_t id[16] = {who, (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};
        make(&c, (uint8_t)(1 + i % 200), 0, i, i + 1, "o", "q", "a");
        c.llm.trace_id = ts_view_of(id, 16);
        see(t, a, &c);
        assert_int_equal(c.llm.skip, TS_SKIP_NONE);
    }
    ts_arena_free(a);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct ts_traces_stats stats;
    struct ts_traces *t = ts_traces_new(256 << 10, 60 * TS_S);
    note_many(t, 1, 50000);
    ts_traces_stats(t, &stats);
    assert_true(stats.bytes <= 256 << 10);
    assert_true(stats.forgotten > 0 && stats.traces > 0);
    ts_traces_free(t);
    t = ts_traces_new(1 << 20, 60 * TS_S); /* one trace without end */
    for (int i = 0; i < 3000; i++) {
        struct call c;
        make(&c, 0, 0, i, i + 1, "o", "q", "a");
        memcpy(c.id, &(int){i + 1}, sizeof(int));
        ts_traces_note(t, &c.llm, true);
    }
    ts_traces_stats(t, &stats);
    assert_int_equal(stats.cut, 1000);
    ts_traces_free(t);
}

/* A loop that asks for yes or no a thousand times: its calls are told apart although all say the same,
 * and each call that is recorded twice is one call. */
static void a_long_trace_of_equal_answers(void **state)
{
    (void)state;
    enum { CALLS = 900 };
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    struct call *calls = ts_alloc(2 * CALLS * sizeof *calls);
    for (int i = 0; i < CALLS; i++) { /* the inner one ends first, and comes first */
        struct call *inner = &calls[2 * i];
        struct call *outer = inner + 1;
        make(inner, 1, 1, i * 10 + 1, i * 10 + 8, "openai", "Is it?", "Yes.");
        make(outer, 1, 0, i * 10, i * 10 + 9, "langchain", "Is it?", "Yes.");
        memcpy(inner->id + 1, &(int){2 * i + 1}, sizeof(int));
        memcpy(outer->id + 1, &(int){2 * i + 2}, sizeof(int));
        memcpy(inner->parent, outer->id, sizeof inner->parent);
        ts_traces_note(t, &inner->llm, true);
        ts_traces_note(t, &outer->llm, true);
    }
    for (int i = 0; i < 2 * CALLS; i++)
        ts_traces_resolve(t, a, &calls[i].llm);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(calls[2 * i].llm.skip, TS_SKIP_NONE);
        assert_int_equal(calls[2 * i + 1].llm.skip, TS_SKIP_DUPLICATE);
        assert_memory_equal(calls[2 * i + 1].llm.duplicate_of.ptr, calls[2 * i].id, 8);
    }
    free(calls);
    ts_arena_free(a);
    ts_traces_free(t);
}

/* More spans of one call than are compared for one (256): of as many one is kept, no more. */
static void spans_without_end_of_one_call(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(1 << 20, 60 * TS_S);
    struct ts_arena *a = ts_arena_new();
    int kept = 0;
    for (int i = 0; i < 1500; i++) {
        struct call c;
        make(&c, 1, 9, i, 3000 - i, "o", "q", "a");
        memcpy(c.id + 1, &i, sizeof i);
        see(t, a, &c);
        kept += c.llm.skip == TS_SKIP_NONE;
    }
    assert_in_range(kept, 1, 1 + 1500 / 256);
    ts_arena_free(a);
    ts_traces_free(t);
}

static void documents_of_a_trace_are_bounded(void **state)
{
    (void)state;
    static struct ts_document found[100];
    struct ts_traces_stats stats;
    struct ts_traces *t = ts_traces_new(64 << 20, 60 * TS_S);
    for (size_t i = 0; i < TS_COUNT(found); i++)
        found[i].content = TS_LIT("Ants have six legs.");
    for (int i = 0; i < 25; i++) {
        struct call retriever;
        make(&retriever, (uint8_t)(1 + i), 0, i, i + 1, "r", "", "");
        retriever.llm.kind = TS_KIND_RETRIEVER;
        retriever.llm.documents = found;
        retriever.llm.document_count = TS_COUNT(found);
        ts_traces_note(t, &retriever.llm, true);
    }
    ts_traces_stats(t, &stats);
    assert_int_equal(stats.cut, 500); /* of 2500; two thousand are remembered */
    ts_traces_free(t);
}

static void *from_a_thread(void *arg)
{
    static _Atomic int who;
    note_many(arg, (uint8_t)(10 + who++), 5000);
    return NULL;
}

static void loops_may_share_it(void **state)
{
    (void)state;
    struct ts_traces *t = ts_traces_new(64 << 10, 60 * TS_S);
    pthread_t threads[4];
    for (size_t i = 0; i < TS_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, from_a_thread, t);
    for (size_t i = 0; i < TS_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ts_traces_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inner_of_two_is_kept_when_both_are_known),
        cmocka_unit_test(what_was_kept_before_stays),
        cmocka_unit_test(equal_answers_of_different_calls_are_no_duplicates),
        cmocka_unit_test(calls_of_tools_are_compared_as_values),
        cmocka_unit_test(a_call_may_be_told_of_in_two_traces),
        cmocka_unit_test(the_inner_of_two_traces_is_kept_when_both_are_known),
        cmocka_unit_test(documents_in_the_prompt_are_its_context),
        cmocka_unit_test(a_judges_call_is_no_call_of_the_app),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_long_trace_of_equal_answers),
        cmocka_unit_test(spans_without_end_of_one_call),
        cmocka_unit_test(documents_of_a_trace_are_bounded),
        cmocka_unit_test(loops_may_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
