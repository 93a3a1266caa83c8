#include "pipeline/scorer/inflight.h"

#include <stdlib.h>

void ts_inflight_init(struct ts_inflight *inflight, struct ts_loop *loop, struct ts_api *api)
{
    inflight->loop = loop;
    inflight->api = api;
    sem_init(&inflight->drained, 0, 0);
}

void ts_inflight_release(struct ts_inflight *inflight)
{
    sem_destroy(&inflight->drained);
}

/* ---- submit and remove ---- */

static void insert_and_start(struct ts_task *task)
{
    struct ts_inflight_job *item = TS_CONTAINER_OF(task, struct ts_inflight_job, task);
    struct ts_inflight *inflight = item->inflight;
    item->next = inflight->first;
    item->back = &inflight->first;
    if (item->next)
        item->next->back = &item->next;
    inflight->first = item;
    inflight->start(item);
}

void ts_inflight_submit(struct ts_inflight *inflight, struct ts_inflight_job *item,
                        struct ts_score_job *job)
{
    item->inflight = inflight;
    item->job = job;
    item->task.run = insert_and_start;
    ts_loop_post(inflight->loop, &item->task);
}

void ts_inflight_remove(struct ts_inflight_job *item)
{
    struct ts_inflight *inflight = item->inflight;
    *item->back = item->next;
    if (item->next)
        item->next->back = item->back;
    if (inflight->stopping && !inflight->first)
        sem_post(&inflight->drained);
}

/* ---- stop ---- */

static void stop_on_loop(struct ts_task *task)
{
    struct ts_inflight *inflight = TS_CONTAINER_OF(task, struct ts_inflight, task);
    inflight->stopping = true;
    ts_api_close(inflight->api);
    if (!inflight->first)
        sem_post(&inflight->drained);
}

void ts_inflight_stop(struct ts_inflight *inflight)
{
    inflight->task.run = stop_on_loop;
    ts_loop_post(inflight->loop, &inflight->task);
    sem_wait(&inflight->drained);
}
