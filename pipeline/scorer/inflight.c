#include "pipeline/scorer/inflight.h"

#include <stdlib.h>

void ts_inflight_init(struct ts_inflight *all, struct ts_loop *loop, struct ts_api *api)
{
    all->loop = loop;
    all->api = api;
    sem_init(&all->none_left, 0, 0);
}

void ts_inflight_release(struct ts_inflight *all)
{
    sem_destroy(&all->none_left);
}

/* ---- coming ---- */

static void arrive(struct ts_task *task)
{
    struct ts_inflight_item *item = TS_CONTAINER_OF(task, struct ts_inflight_item, task);
    struct ts_inflight *all = item->all;
    item->next = all->first;
    item->back = &all->first;
    if (item->next)
        item->next->back = &item->next;
    all->first = item;
    all->begin(item);
}

void ts_inflight_take(struct ts_inflight *all, struct ts_inflight_item *item,
                       struct ts_score_job *job)
{
    item->all = all;
    item->job = job;
    item->task.run = arrive;
    ts_loop_post(all->loop, &item->task);
}

/* ---- going ---- */

void ts_inflight_remove(struct ts_inflight_item *item)
{
    struct ts_inflight *all = item->all;
    *item->back = item->next;
    if (item->next)
        item->next->back = item->back;
    if (all->stopping && !all->first)
        sem_post(&all->none_left);
}

struct order {
    struct ts_task task;
    struct ts_inflight *all;
    struct ts_score_job *job;
};

static void cancel_here(struct ts_task *task)
{
    struct order *o = TS_CONTAINER_OF(task, struct order, task);
    struct ts_inflight_item *item = o->all->first;
    while (item && item->job != o->job)
        item = item->next;
    if (item)
        o->all->give_up(item);
    free(o);
}

void ts_inflight_cancel(struct ts_inflight *all, struct ts_score_job *job)
{
    struct order *o = ts_alloc(sizeof *o);
    *o = (struct order){{.run = cancel_here}, all, job};
    ts_loop_post(all->loop, &o->task);
}

static void stop_here(struct ts_task *task)
{
    struct ts_inflight *all = TS_CONTAINER_OF(task, struct ts_inflight, task);
    all->stopping = true;
    ts_api_close(all->api);
    if (!all->first)
        sem_post(&all->none_left);
}

void ts_inflight_stop(struct ts_inflight *all)
{
    all->task.run = stop_here;
    ts_loop_post(all->loop, &all->task);
    sem_wait(&all->none_left);
}
