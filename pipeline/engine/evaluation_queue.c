/* evaluation_queue.c - settle, batch, post, retry. One post at a time keeps the order. */
#include "pipeline/engine/evaluation_queue.h"

#include "base/log.h"
#include "pipeline/engine/retry.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 100 }; /* what Phoenix's own client sends at once (phoenix.md 3.3) */
static const ts_time settle = TS_S;
static const ts_time give_up = 3600 * TS_S;

struct item {
    struct item *next;
    struct ts_evaluation_queue *queue;
    struct ts_batch *batch;
    struct ts_evaluation *evaluation;
    struct ts_task task;
};

struct ts_evaluation_queue {
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    char id[128];
    struct ts_loop *loop;
    struct ts_queue_settings settings;
    struct item *first, **last;
    size_t count;
    struct ts_timer timer;
    bool posting; /* `post` is with the exporter or waits for its retry */
    bool flush;   /* shutting down: no settling */
    struct ts_post post;
    struct item *in_post[BATCH];
    struct ts_evaluation *evaluations[BATCH];
    struct ts_retry retry;
    struct ts_task flush_task;
    atomic_llong waiting; /* for the gauge */
    struct ts_counter *sent, *failed;
};

static int64_t read_waiting(void *arg)
{
    struct ts_evaluation_queue *q = arg;
    return atomic_load(&q->waiting);
}

bool ts_evaluation_queue_busy(const struct ts_evaluation_queue *q)
{
    return atomic_load(&((struct ts_evaluation_queue *)(uintptr_t)q)->waiting) > 0;
}

struct ts_evaluation_queue *ts_evaluation_queue_new(const struct ts_exporter *exporter,
                                                    struct ts_instance *instance, const char *id,
                                                    struct ts_loop *loop,
                                                    struct ts_metrics *metrics)
{
    struct ts_evaluation_queue *q = ts_alloc(sizeof *q);
    q->exporter = exporter;
    q->instance = instance;
    snprintf(q->id, sizeof q->id, "exporter/%s", id);
    q->loop = loop;
    q->last = &q->first;
    exporter->queue(instance, &q->settings);
    char labels[160];
    snprintf(labels, sizeof labels, "exporter=\"%s\"", id);
    q->sent = ts_metrics_counter(metrics, "trustspan_exporter_sent_evaluations", labels,
                                 "Evaluations that the backend took.");
    q->failed = ts_metrics_counter(metrics, "trustspan_exporter_failed_evaluations", labels,
                                   "Evaluations that were refused or given up.");
    ts_metrics_gauge(metrics, "trustspan_exporter_waiting_evaluations", labels,
                     "Evaluations that wait or are being posted.", read_waiting, q);
    return q;
}

static void free_item(struct item *item)
{
    ts_evaluation_unref(item->evaluation);
    free(item);
}

void ts_evaluation_queue_free(struct ts_evaluation_queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; q->posting && i < q->post.count; i++)
        free_item(q->in_post[i]);
    while (q->first) {
        struct item *next = q->first->next;
        free_item(q->first);
        q->first = next;
    }
    free(q);
}

/* ---- the end of an item ---- */

static void go_home(struct ts_task *task)
{
    struct item *item = TS_CONTAINER_OF(task, struct item, task);
    ts_batch_delivered(item->batch);
    free_item(item);
}

static void pump(struct ts_evaluation_queue *q);

static void end_post(struct ts_evaluation_queue *q, bool sent)
{
    ts_count(sent ? q->sent : q->failed, (int64_t)q->post.count);
    atomic_fetch_sub(&q->waiting, (long long)q->post.count);
    for (size_t i = 0; i < q->post.count; i++) {
        struct item *item = q->in_post[i];
        item->task.run = go_home;
        ts_loop_post(item->batch->home, &item->task);
    }
    q->posting = false;
    q->post.count = 0;
    pump(q);
}

/* ---- posting ---- */

static void attempt(struct ts_evaluation_queue *q)
{
    q->post.attempts++;
    q->post.err = (struct ts_err){0};
    q->exporter->post(q->instance, &q->post);
}

static void on_retry(struct ts_timer *timer)
{
    attempt(TS_CONTAINER_OF(timer, struct ts_evaluation_queue, timer));
}

static void refused(struct ts_evaluation_queue *q, const char *what)
{
    TS_LOG_LIMITED(TS_ERROR, q->id, what, "code=%s evaluations=%zu reason=\"%s\"",
                   ts_code_name(q->post.err.code), q->post.count, q->post.err.what);
    end_post(q, false);
}

static void put_off(struct ts_evaluation_queue *q, enum ts_level level, const char *what,
                    ts_time wish)
{
    ts_time now = ts_now();
    ts_time delay = ts_retry_next(&q->retry, &q->settings.retry, wish, now);
    if (delay < 0 || now + delay - q->retry.started > give_up) {
        refused(q, "evaluations were given up; their spans are stored without them");
        return;
    }
    char text[32];
    TS_LOG_LIMITED(level, q->id, what, "code=%s attempt=%d delay=%s evaluations=%zu reason=\"%s\"",
                   ts_code_name(q->post.err.code), q->post.attempts,
                   ts_duration_print(delay / TS_MS * TS_MS, text, sizeof text), q->post.count,
                   q->post.err.what);
    ts_timer_start(q->loop, &q->timer, now + delay, on_retry);
}

void ts_post_done(struct ts_post *post, enum ts_outcome outcome)
{
    struct ts_evaluation_queue *q = TS_CONTAINER_OF(post, struct ts_evaluation_queue, post);
    switch (outcome) {
    case TS_SENT:
        end_post(q, true);
        break;
    case TS_RETRY:
        put_off(q, TS_WARN, "posting evaluations failed, will retry", post->err.retry_after);
        break;
    case TS_BLOCKED:
        put_off(q, TS_ERROR, "the backend does not let us in; evaluations wait",
                q->settings.retry.max_interval);
        break;
    case TS_REFUSED:
    case TS_TOO_LARGE:
        refused(q, "the backend refused evaluations for good; they are dropped");
        break;
    }
}

/* ---- batching ---- */

/* The longest run from the front that shares its forwarded headers. */
static void fill_post(struct ts_evaluation_queue *q)
{
    struct ts_headers *headers = q->first->evaluation->headers;
    size_t n = 0;
    while (q->first && n < BATCH && ts_headers_eq(q->first->evaluation->headers, headers)) {
        q->in_post[n] = q->first;
        q->evaluations[n++] = q->first->evaluation;
        q->first = q->first->next;
    }
    if (!q->first)
        q->last = &q->first;
    q->count -= n;
    q->post = (struct ts_post){.items = q->evaluations, .count = n, .headers = headers};
    q->retry = (struct ts_retry){.started = ts_now()};
}

static void on_settled(struct ts_timer *timer)
{
    struct ts_evaluation_queue *q = TS_CONTAINER_OF(timer, struct ts_evaluation_queue, timer);
    q->posting = true;
    fill_post(q);
    attempt(q);
}

/* The timer serves two ends that exclude each other: settling and the retry of a post. */
static void pump(struct ts_evaluation_queue *q)
{
    if (q->posting || !q->first)
        return;
    bool now = q->flush || q->count >= BATCH;
    if (now)
        ts_timer_start(q->loop, &q->timer, ts_now(), on_settled);
    else if (q->timer.place == 0)
        ts_timer_start(q->loop, &q->timer, ts_now() + settle, on_settled);
}

static void arrive(struct ts_task *task)
{
    struct item *item = TS_CONTAINER_OF(task, struct item, task);
    struct ts_evaluation_queue *q = item->queue;
    *q->last = item;
    q->last = &item->next;
    q->count++;
    pump(q);
}

void ts_evaluation_queue_add(struct ts_evaluation_queue *q, struct ts_batch *batch,
                             struct ts_evaluation *evaluation)
{
    struct item *item = ts_alloc(sizeof *item);
    item->queue = q;
    item->batch = batch;
    item->evaluation = ts_evaluation_ref(evaluation);
    ts_batch_owe(batch);
    atomic_fetch_add(&q->waiting, 1);
    item->task.run = arrive;
    ts_loop_post(q->loop, &item->task);
}

static void start_flush(struct ts_task *task)
{
    struct ts_evaluation_queue *q = TS_CONTAINER_OF(task, struct ts_evaluation_queue, flush_task);
    q->flush = true;
    pump(q);
}

void ts_evaluation_queue_flush(struct ts_evaluation_queue *q)
{
    q->flush_task.run = start_flush;
    ts_loop_post(q->loop, &q->flush_task);
}
