/* inflight.h - the scores that a scorer has taken and not given back.
 * Scores come from any loop, are worked on by the scorer's own, and must each end exactly once, also
 * when somebody gives up or the process stops. A scorer says how one begins and how it is given up. */
#ifndef TS_SCORER_INFLIGHT_H
#define TS_SCORER_INFLIGHT_H

#include "net/api_client.h"
#include "pipeline/scorer.h"

#include <semaphore.h>

struct ts_inflight;

struct ts_inflight_item { /* inside what the scorer keeps of one score */
    struct ts_inflight *all;
    struct ts_score_job *job;
    struct ts_inflight_item *next, **back;
    struct ts_task task;
};

struct ts_inflight {
    struct ts_inflight_item *first;
    struct ts_loop *loop;
    struct ts_api *api;
    void (*begin)(struct ts_inflight_item *); /* on the loop */
    void (*give_up)(
        struct ts_inflight_item *); /* on the loop; ends it as cancelled, perhaps later */
    bool stopping;
    sem_t none_left;
    struct ts_task task;
};

/* `api` is closed by the stop, which is what ends the scores. begin and give_up are set before. */
void ts_inflight_init(struct ts_inflight *all, struct ts_loop *loop, struct ts_api *api);
void ts_inflight_release(struct ts_inflight *all);

/* `begin` follows on the loop. Thread: any. */
void ts_inflight_take(struct ts_inflight *all, struct ts_inflight_item *item,
                       struct ts_score_job *job);
/* `give_up` follows on the loop, unless the job has ended by then. Thread: any. */
void ts_inflight_cancel(struct ts_inflight *all, struct ts_score_job *job);
/* The item's last act, before its memory goes. Thread: the loop's. */
void ts_inflight_remove(struct ts_inflight_item *item);

/* Closes the API and waits until the last score was removed. Safe twice. Thread: not the loop's,
 * which must be running. */
void ts_inflight_stop(struct ts_inflight *all);

#endif
