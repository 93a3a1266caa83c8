#include "pipeline/scorer/under_way.h"

void ts_under_way_init(struct ts_under_way *all, struct ts_loop *loop, struct ts_api *api)
{
    all->loop = loop;
    all->api = api;
    sem_init(&all->none_left, 0, 0);
}

void ts_under_way_release(struct ts_under_way *all)
{
    sem_destroy(&all->none_left);
}

void ts_under_way_add(struct ts_under_way *all, struct ts_under_way_item *item)
{
    item->next = all->first;
    item->back = &all->first;
    if (item->next)
        item->next->back = &item->next;
    all->first = item;
}

void ts_under_way_remove(struct ts_under_way *all, struct ts_under_way_item *item)
{
    *item->back = item->next;
    if (item->next)
        item->next->back = item->back;
    if (all->stopping && !all->first)
        sem_post(&all->none_left);
}

static void stop_here(struct ts_task *task)
{
    struct ts_under_way *all = TS_OUTER(task, struct ts_under_way, task);
    all->stopping = true;
    ts_api_close(all->api);
    if (!all->first)
        sem_post(&all->none_left);
}

void ts_under_way_stop(struct ts_under_way *all)
{
    all->task.run = stop_here;
    ts_loop_post(all->loop, &all->task);
    sem_wait(&all->none_left);
}
