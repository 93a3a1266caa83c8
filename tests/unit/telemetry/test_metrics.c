/* Counters and their page. */
#include "testing.h"

#include "telemetry/metrics.h"

static int64_t read_seven(void *arg)
{
    (void)arg;
    return 7;
}

static void the_page_groups_by_name(void **state)
{
    (void)state;
    struct ts_metrics *m = ts_metrics_new();
    struct ts_counter *a = ts_metrics_counter(m, "spans", "x=\"1\"", "Spans.");
    ts_metrics_gauge(m, "size", "", "Size.", read_seven, NULL);
    ts_count(ts_metrics_counter(m, "spans", "x=\"2\"", "Spans."), 5);
    assert_ptr_equal(a, ts_metrics_counter(m, "spans", "x=\"1\"", "Spans."));
    ts_count(a, 2);
    ts_count(a, 1);
    struct ts_buf out = TS_BUF_INIT;
    ts_metrics_print(m, &out);
    assert_string_equal(ts_buf_cstr(&out),
                        "# HELP spans Spans.\n# TYPE spans counter\nspans{x=\"1\"} 3\n"
                        "spans{x=\"2\"} 5\n# HELP size Size.\n# TYPE size gauge\nsize 7\n");
    assert_int_equal(ts_metrics_sum(m, "spans"), 8);
    ts_buf_release(&out);
    ts_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_groups_by_name)};
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
