/* The plan: which components a configuration comes to and how they are connected; where what is wrong. */
#include "testing.h"

#include "config/node.h"
#include "pipeline/engine/plan.h"

static struct ts_plan *plan_of(struct ts_arena *arena, const char *yaml, struct ts_err *err)
{
    struct ts_node *root = ts_node_parse(arena, "f.yaml", ts_view_str(yaml), err);
    if (!root)
        fail_msg("%s", err->what);
    return ts_plan_make(arena, root, err);
}

static struct ts_plan *good_plan(struct ts_arena *arena, const char *yaml)
{
    struct ts_err err = {0};
    struct ts_plan *plan = plan_of(arena, yaml, &err);
    if (!plan)
        fail_msg("%s: %s", err.where, err.what);
    return plan;
}

/* "id id …" of a list. */
static void assert_list(const struct ts_planned_list *list, const char *wanted)
{
    struct ts_buf ids = TS_BUF_INIT;
    for (size_t i = 0; i < list->count; i++)
        ts_buf_printf(&ids, "%s%s", i ? " " : "", list->list[i]->id);
    assert_string_equal(ts_buf_cstr(&ids), wanted);
    ts_buf_release(&ids);
}

static void assert_pipeline(const struct ts_planned_pipeline *p, const char *id,
                            const char *receivers, const char *processors, const char *exporters)
{
    assert_non_null(p);
    assert_string_equal(p->id, id);
    assert_string_equal(p->signal->name, "traces");
    assert_list(&p->receivers, receivers);
    assert_list(&p->processors, processors);
    assert_list(&p->exporters, exporters);
}

static const struct ts_planned *component(const struct ts_plan *plan, const char *id)
{
    for (const struct ts_planned *p = plan->components; p; p = p->next)
        if (strcmp(p->id, id) == 0)
            return p;
    return NULL;
}

#define PARTS                                                                                      \
    "receivers:\n"                                                                                 \
    "  otlp: {protocols: {grpc: {}}}\n"                                                            \
    "  otlp/two: {protocols: {grpc: {endpoint: 'localhost:5317'}}}\n"                              \
    "processors:\n"                                                                                \
    "  trust: {scorer: local}\n"                                                                   \
    "  trust/two: {scorer: local}\n"                                                               \
    "exporters:\n"                                                                                 \
    "  debug: {}\n"                                                                                \
    "  debug/two: {}\n"

/* ---- what is connected ---- */

static void pipelines_are_as_the_file_lists_them(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    const struct ts_plan *plan = good_plan(
        arena, PARTS "service:\n"
                     "  pipelines:\n"
                     "    traces: {receivers: [otlp, otlp/two], processors: [trust/two, trust],\n"
                     "             exporters: [debug/two, debug]}\n"
                     "    traces/second: {receivers: [otlp], exporters: [debug]}\n");
    const struct ts_planned_pipeline *first = plan->pipelines;
    assert_pipeline(first, "traces", "otlp otlp/two", "trust/two trust", "debug/two debug");
    assert_pipeline(first->next, "traces/second", "otlp", "", "debug");
    assert_null(first->next->next);
    /* the same one in both */
    assert_ptr_equal(first->receivers.list[0], first->next->receivers.list[0]);
    assert_ptr_equal(first->exporters.list[1], first->next->exporters.list[0]);
    ts_arena_free(arena);
}

static void only_what_a_pipeline_names_is_used(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    const struct ts_plan *plan =
        good_plan(arena, PARTS "service:\n"
                               "  pipelines:\n"
                               "    traces: {receivers: [otlp], exporters: [debug]}\n");
    static const char *const used[] = {"otlp", "debug"};
    static const char *const unused[] = {"otlp/two", "trust", "trust/two", "debug/two"};
    for (size_t i = 0; i < TS_COUNT(used); i++)
        assert_true(component(plan, used[i])->used);
    for (size_t i = 0; i < TS_COUNT(unused); i++)
        assert_false(component(plan, unused[i])->used);
    ts_arena_free(arena);
}

static void without_pipelines_there_is_one_of_all(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    const struct ts_plan *plan = good_plan(arena, PARTS);
    assert_pipeline(plan->pipelines, "traces", "otlp otlp/two", "trust trust/two",
                    "debug debug/two");
    assert_null(plan->pipelines->next);
    ts_arena_free(arena);
}

/* ---- what is filled in ---- */

static void an_exporter_alone_gets_the_rest(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    const struct ts_plan *plan = good_plan(arena, "exporters: {debug: {}}\n");
    assert_pipeline(plan->pipelines, "traces", "otlp", "trust", "debug");
    assert_non_null(component(plan, "file_storage"));
    ts_arena_free(arena);
}

static void without_a_file_it_is_the_drop_in(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    setenv("PHOENIX_COLLECTOR_ENDPOINT", "http://phoenix.example:6006", 1);
    const struct ts_plan *plan = ts_plan_make(arena, NULL, &err);
    unsetenv("PHOENIX_COLLECTOR_ENDPOINT");
    assert_non_null(plan);
    assert_int_equal(err.code, TS_OK);
    assert_pipeline(plan->pipelines, "traces", "otlp", "trust", "otlp_grpc phoenix");
    assert_int_equal(plan->service.storage, TS_STORAGE_FILE);
    assert_non_null(component(plan, "file_storage"));
    assert_non_null(plan->trust_scorer);
    ts_arena_free(arena);
}

static void without_storage_no_store_is_made(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    const struct ts_plan *plan =
        good_plan(arena, "exporters: {debug: {}}\nservice: {storage: none}\n");
    assert_int_equal(plan->service.storage, TS_STORAGE_NONE);
    assert_null(component(plan, "file_storage"));
    ts_arena_free(arena);
}

/* ---- what is wrong ---- */

#define TRACES "service:\n  pipelines:\n    traces: "
static const struct row {
    const char *name, *yaml, *where, *what;
} rows[] = {
    {"an unknown section", "exporter: {debug: {}}\n", "f.yaml:1:1", "did you mean 'exporters'?"},
    {"an unknown type", "exporters:\n  debg: {}\n", "f.yaml:2:3", "did you mean 'debug'?"},
    {"what is no id", "exporters:\n  'debug/': {}\n", "f.yaml:2:", "write type or type/name"},
    {"a section that is a list", "exporters: [debug]\n", "f.yaml:1:", "a map of ids"},
    {"an unknown setting", "exporters:\n  debug:\n    verbsity: basic\n", "f.yaml:3:", "verbosity"},
    {"no exporter", "receivers: {otlp: {protocols: {grpc: {}}}}\n", "", "no exporter is defined"},
    {"an unknown receiver", PARTS TRACES "{receivers: [none], exporters: [debug]}\n",
     "f.yaml:12:", "receiver 'none' is not defined under receivers"},
    {"an unknown processor",
     PARTS TRACES "{receivers: [otlp], processors: [trst], exporters: [debug]}\n",
     "f.yaml:12:", "processor 'trst' is not defined under processors"},
    {"an unknown exporter", PARTS TRACES "{receivers: [otlp], exporters: [debug, none]}\n",
     "f.yaml:12:", "exporter 'none' is not defined under exporters"},
    {"the same processor twice",
     PARTS TRACES "{receivers: [otlp], processors: [trust, trust], exporters: [debug]}\n",
     "f.yaml:12:", "processor 'trust' stands there twice"},
    {"a pipeline without receivers", PARTS TRACES "{exporters: [debug]}\n",
     "f.yaml:12:", "at least one receiver"},
    {"a pipeline without exporters", PARTS TRACES "{receivers: [otlp]}\n",
     "f.yaml:12:", "at least one exporter"},
    {"an unknown list", PARTS TRACES "{receivers: [otlp], connectors: [], exporters: [debug]}\n",
     "f.yaml:12:", "unknown key 'connectors'"},
    {"a list that is none", PARTS TRACES "{receivers: otlp, exporters: [debug]}\n",
     "f.yaml:12:", "a list of ids"},
    {"no pipeline", PARTS "service: {pipelines: {}}\n", "f.yaml:10:", "at least one pipeline"},
    {"a signal that is not served",
     PARTS "service:\n  pipelines:\n    profiles: {receivers: [otlp], exporters: [debug]}\n",
     "f.yaml:12:", "'profiles' is not served"},
    {"an unknown scorer", "processors:\n  trust: {scorer: none}\nexporters: {debug: {}}\n",
     "f.yaml:2:", "scorer 'none' is not defined"},
    {"spans sent to oneself",
     "receivers: {otlp: {protocols: {grpc: {endpoint: '0.0.0.0:4317'}}}}\n"
     "exporters: {otlp_grpc: {endpoint: 'http://localhost:4317'}}\n",
     "exporters::otlp_grpc::endpoint", "trustspan itself listens"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    assert_null(plan_of(arena, row->yaml, &err));
    assert_int_equal(err.code, TS_INVALID_ARGUMENT);
    if (!strstr(err.where, row->where) || !strstr(err.what, row->what))
        fail_msg("%s: %s", err.where, err.what);
    ts_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest whole[] = {
        cmocka_unit_test(pipelines_are_as_the_file_lists_them),
        cmocka_unit_test(only_what_a_pipeline_names_is_used),
        cmocka_unit_test(without_pipelines_there_is_one_of_all),
        cmocka_unit_test(an_exporter_alone_gets_the_rest),
        cmocka_unit_test(without_a_file_it_is_the_drop_in),
        cmocka_unit_test(without_storage_no_store_is_made),
    };
    struct CMUnitTest tests[TS_COUNT(whole) + TS_COUNT(rows)];
    size_t n = 0;
    for (; n < TS_COUNT(whole); n++)
        tests[n] = whole[n];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[n++] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
