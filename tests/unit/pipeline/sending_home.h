/* sending_home.h - two sending queues in front of two fake exporters, and what became of parts. */
#ifndef SENDING_HOME_H
#define SENDING_HOME_H

#include "fake_exporter.h"
#include "pipeline/engine/sending_queue.h"

struct home {
    struct ts_loop *loop;    /* of the exporters … */
    struct ts_loop *batches; /* … and where parts come from */
    struct ts_metrics *metrics;
    struct fake_exporter fakes[2];
    struct ts_sending_queue *queues[2];
};

/* What became of one part. */
struct result {
    int ends;
    enum ts_fate fate;
};

static inline void on_end(void *arg, enum ts_fate fate)
{
    struct result *r = arg;
    r->ends++;
    r->fate = fate;
}

static inline void make_queues(struct home *h)
{
    static const char *const ids[] = {"one", "two"};
    for (size_t i = 0; i < 2; i++)
        h->queues[i] = ts_sending_queue_new(&fake_exporter, fake_instance(&h->fakes[i]), ids[i],
                                            ts_signals[0], h->loop, h->metrics);
}

static inline int make_home(void **state)
{
    struct home *h = ts_alloc(sizeof *h);
    h->loop = ts_loop_new("exporters");
    h->batches = ts_loop_new("batches");
    h->metrics = ts_metrics_new();
    for (size_t i = 0; i < 2; i++)
        fake_init(&h->fakes[i], h->loop);
    make_queues(h);
    *state = h;
    return 0;
}

static inline int free_home(void **state)
{
    struct home *h = *state;
    for (size_t i = 0; i < 2; i++)
        ts_sending_queue_free(h->queues[i]);
    ts_loop_free(h->loop);
    ts_loop_free(h->batches);
    ts_metrics_free(h->metrics);
    free(h);
    return 0;
}

/* With other settings, which the test has made. */
static inline void remake(struct home *h)
{
    for (size_t i = 0; i < 2; i++)
        ts_sending_queue_free(h->queues[i]);
    ts_metrics_free(h->metrics);
    h->metrics = ts_metrics_new();
    make_queues(h);
}

/* ---- steps ---- */

static inline void give_to(struct home *h, size_t queues, size_t spans, const char *tenant,
                           struct result *result)
{
    struct ts_part part = fake_part(spans);
    struct ts_outgoing *o = ts_outgoing_new(&part);
    *result = (struct result){0, TS_DELIVERED};
    o->headers = fake_tenant(tenant);
    o->home = h->batches;
    o->end = on_end;
    o->arg = result;
    atomic_init(&o->open, (int)queues);
    for (size_t i = 0; i < queues; i++)
        ts_sending_queue_add(h->queues[i], o);
    clock_settle(h->loop);
}

static inline void give(struct home *h, size_t spans, const char *tenant, struct result *result)
{
    give_to(h, 1, spans, tenant, result);
}

static inline void leave(struct home *h, bool all)
{
    for (size_t i = 0; i < 2; i++)
        ts_sending_queue_leave(h->queues[i], all);
    clock_settle(h->loop);
}

static inline void assert_ended(struct home *h, const struct result *r, enum ts_fate fate)
{
    clock_settle(h->batches);
    assert_int_equal(r->ends, 1);
    assert_int_equal(r->fate, fate);
}

static inline void assert_open(struct home *h, const struct result *r)
{
    clock_settle(h->batches);
    assert_int_equal(r->ends, 0);
}

static inline void assert_counts(const struct home *h, int sent, int failed)
{
    assert_int_equal(ts_metrics_sum(h->metrics, "otelcol_exporter_sent_spans"), sent);
    assert_int_equal(ts_metrics_sum(h->metrics, "otelcol_exporter_send_failed_spans"), failed);
}

static inline void assert_gauge(const struct home *h, int parts)
{
    struct ts_buf page = TS_BUF_INIT;
    char line[128];
    ts_metrics_print(h->metrics, &page);
    snprintf(line, sizeof line,
             "otelcol_exporter_queue_size{exporter=\"one\",data_type=\"traces\"} %d\n", parts);
    assert_non_null(strstr(ts_buf_cstr(&page), line));
    ts_buf_release(&page);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_home, free_home)

#endif
