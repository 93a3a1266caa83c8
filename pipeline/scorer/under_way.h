/* under_way.h - the scores that a scorer has taken and not given back, and how it stops.
 * A shutdown must end each of them exactly once, on the scorer's loop, before the loops go. */
#ifndef TS_SCORER_UNDER_WAY_H
#define TS_SCORER_UNDER_WAY_H

#include "loop/loop.h"
#include "net/api_client.h"

#include <semaphore.h>

struct ts_under_way_item { /* inside one score */
    struct ts_under_way_item *next, **back;
};

struct ts_under_way {
    struct ts_under_way_item *first;
    struct ts_loop *loop;
    struct ts_api *api;
    bool stopping;
    sem_t none_left;
    struct ts_task task;
};

/* `api`: closed by the stop, which is what ends the scores. */
void ts_under_way_init(struct ts_under_way *all, struct ts_loop *loop, struct ts_api *api);
void ts_under_way_release(struct ts_under_way *all);
/* Thread: the loop's. */
void ts_under_way_add(struct ts_under_way *all, struct ts_under_way_item *item);
void ts_under_way_remove(struct ts_under_way *all, struct ts_under_way_item *item);
/* Closes the API and waits until the last score was removed. Safe twice. Thread: not the loop's,
 * which must be running. */
void ts_under_way_stop(struct ts_under_way *all);

#endif
