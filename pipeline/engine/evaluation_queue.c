/* evaluation_queue.c - settle, collect, post. */
#include "pipeline/engine/evaluation_queue.h"

#include "pipeline/engine/delivery.h"
#include "pipeline/engine/lanes.h"

#include <stdio.h>
#include <stdlib.h>

struct item {
    struct item *next;
    struct ts_evaluation_queue *queue;
    struct ts_batch *batch;
    struct ts_evaluation *evaluation;
    enum ts_fate fate;
    struct ts_task task;
};

/* Those with the same forwarded headers. */
struct lane {
    struct ts_lane base; /* first: the cast back is safe */
    struct ts_evaluation_queue *queue;
    struct item *first, **last;
    size_t count;
    struct ts_timer settling;
    bool failing;
    bool posting; /* `post` is with the exporter, or waits to be sent again */
    struct ts_post post;
    struct ts_attempt attempt;
    struct item **in_post;
};

struct ts_evaluation_queue {
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    char id[128];
    struct ts_loop *loop;
    struct ts_queue_settings settings;
    struct ts_delivery delivery;
    struct ts_lanes lanes;
    bool stopping, leave_all; /* no more settling; nothing begins any more */
    atomic_llong waiting;     /* for the gauge */
};

static int64_t read_waiting(void *arg)
{
    struct ts_evaluation_queue *q = arg;
    return atomic_load(&q->waiting);
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
    q->lanes.size = sizeof(struct lane);
    exporter->queue(instance, &q->settings);
    q->delivery = (struct ts_delivery){
        .id = q->id,
        .loop = loop,
        .words = {.items = "evaluations",
                  .refused = "the backend refused evaluations for good; they are dropped",
                  .given_up = "evaluations are dropped: no more retries; their spans are stored "
                              "without them",
                  .retry = "posting evaluations failed, will retry",
                  .blocked = "authentication or endpoint refused; evaluations wait"},
        .retry = q->settings.retry,
        .give_up = q->settings.post_give_up};
    char labels[160];
    snprintf(labels, sizeof labels, "exporter=\"%s\"", id);
    q->delivery.sent = ts_metrics_counter(metrics, "trustspan_exporter_sent_evaluations", labels,
                                          "Evaluations that the backend took.");
    q->delivery.failed = ts_metrics_counter(metrics, "trustspan_exporter_failed_evaluations",
                                            labels, "Evaluations that were refused or given up.");
    q->delivery.retried = ts_metrics_counter(metrics, "trustspan_exporter_retries", labels,
                                             "Attempts that failed and were put off.");
    ts_metrics_gauge(metrics, "trustspan_exporter_waiting_evaluations", labels,
                     "Evaluations that wait or are being posted.", read_waiting, q);
    return q;
}

void ts_evaluation_queue_free(struct ts_evaluation_queue *q)
{
    free(q);
}

/* ---- the end of an item ---- */

static void go_home(struct ts_task *task)
{
    struct item *item = TS_CONTAINER_OF(task, struct item, task);
    struct ts_engine *engine = item->batch->engine;
    ts_batch_pending_done(item->batch, item->fate);
    ts_evaluation_unref(item->evaluation);
    free(item);
    ts_barrier_leave(&engine->barrier, TS_STAGE_EVALUATIONS);
}

/* An evaluation that a backend will not take says nothing of the span's delivery. */
static void finish(struct item *item, enum ts_fate fate)
{
    atomic_fetch_sub(&item->queue->waiting, 1);
    item->fate = fate == TS_LEFT ? TS_LEFT : TS_DELIVERED;
    item->task.run = go_home;
    ts_loop_post(item->batch->home, &item->task);
}

/* ---- posting ---- */

static void pump(struct lane *lane);

static void on_end(struct ts_attempt *attempt, enum ts_fate fate)
{
    struct lane *lane = TS_CONTAINER_OF(attempt, struct lane, attempt);
    lane->failing = fate == TS_LEFT;
    lane->posting = false;
    for (size_t i = 0; i < lane->post.count; i++)
        finish(lane->in_post[i], fate);
    lane->post.count = 0;
    pump(lane);
}

static void start(struct ts_attempt *attempt)
{
    struct lane *lane = TS_CONTAINER_OF(attempt, struct lane, attempt);
    struct ts_evaluation_queue *q = lane->queue;
    lane->post.err = (struct ts_err){0};
    q->exporter->post(q->instance, &lane->post);
}

static void on_posted(struct ts_post *post, enum ts_outcome outcome)
{
    struct lane *lane = TS_CONTAINER_OF(post, struct lane, post);
    lane->failing = outcome == TS_RETRY || outcome == TS_BLOCKED;
    ts_attempt_outcome(&lane->attempt, outcome, &post->err);
}

/* ---- collecting ---- */

static struct item *take_first(struct lane *lane)
{
    struct item *item = lane->first;
    lane->first = item->next;
    if (!lane->first)
        lane->last = &lane->first;
    lane->count--;
    return item;
}

static void begin_post(struct lane *lane)
{
    struct ts_evaluation_queue *q = lane->queue;
    size_t n = 0;
    lane->posting = true;
    for (; lane->first && n < q->settings.post_size; n++) {
        lane->in_post[n] = take_first(lane);
        lane->post.items[n] = lane->in_post[n]->evaluation;
    }
    lane->post.count = n;
    lane->post.headers = lane->base.headers;
    lane->attempt.items = n;
    lane->attempt.number = 0;
    ts_attempt_begin(&lane->attempt);
}

static void on_settled(struct ts_timer *timer)
{
    begin_post(TS_CONTAINER_OF(timer, struct lane, settling));
}

static void free_lane(struct lane *lane)
{
    ts_timer_stop(lane->queue->loop, &lane->settling);
    free(lane->in_post);
    free(lane->post.items);
    ts_lane_free(&lane->base);
}

/* What is next for the lane; one that nothing is in any more goes. */
static void pump(struct lane *lane)
{
    struct ts_evaluation_queue *q = lane->queue;
    bool leave = q->leave_all || (q->delivery.leaving && lane->failing);
    while (leave && lane->first)
        finish(take_first(lane), TS_LEFT);
    if (lane->posting)
        return;
    if (!lane->first) {
        free_lane(lane);
        return;
    }
    bool now = q->stopping || lane->count >= q->settings.post_size;
    if (now || lane->settling.place == 0)
        ts_timer_start(q->loop, &lane->settling, ts_now() + (now ? 0 : q->settings.post_settle),
                       on_settled);
}

static struct lane *lane_of(struct ts_evaluation_queue *q, struct ts_headers *headers)
{
    struct lane *lane = (struct lane *)(void *)ts_lanes_find(&q->lanes, headers);
    if (lane->queue)
        return lane;
    lane->queue = q;
    lane->last = &lane->first;
    lane->in_post = ts_alloc(q->settings.post_size * sizeof *lane->in_post);
    lane->post.items = ts_alloc(q->settings.post_size * sizeof *lane->post.items);
    lane->post.done = on_posted;
    lane->attempt.of = &q->delivery;
    lane->attempt.start = start;
    lane->attempt.end = on_end;
    return lane;
}

static void arrive(struct ts_task *task)
{
    struct item *item = TS_CONTAINER_OF(task, struct item, task);
    struct lane *lane = lane_of(item->queue, item->evaluation->headers);
    *lane->last = item;
    lane->last = &item->next;
    lane->count++;
    pump(lane);
}

void ts_evaluation_queue_add(struct ts_evaluation_queue *q, struct ts_batch *batch,
                             struct ts_evaluation *evaluation)
{
    struct item *item = ts_alloc(sizeof *item);
    item->queue = q;
    item->batch = batch;
    item->evaluation = ts_evaluation_ref(evaluation);
    ts_batch_pending_add(batch);
    ts_barrier_enter(&batch->engine->barrier, TS_STAGE_EVALUATIONS);
    atomic_fetch_add(&q->waiting, 1);
    item->task.run = arrive;
    ts_loop_post(q->loop, &item->task);
}

/* ---- stopping ---- */

struct order {
    struct ts_task task;
    struct ts_evaluation_queue *queue;
    bool failing, all;
};

static void leave(struct ts_task *task)
{
    struct order *o = TS_CONTAINER_OF(task, struct order, task);
    struct ts_evaluation_queue *q = o->queue;
    q->stopping = true;
    q->leave_all = q->leave_all || o->all;
    if (o->failing || o->all)
        ts_delivery_leave(&q->delivery);
    for (struct ts_lane *l = q->lanes.first; l;) {
        struct ts_lane *next = l->next; /* pump may free it */
        pump((struct lane *)(void *)l);
        l = next;
    }
    free(o);
}

void ts_evaluation_queue_leave(struct ts_evaluation_queue *q, bool failing, bool all)
{
    struct order *o = ts_alloc(sizeof *o);
    *o = (struct order){{.run = leave}, q, failing, all};
    ts_loop_post(q->loop, &o->task);
}
