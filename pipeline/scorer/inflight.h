/* inflight.h - the in-flight jobs of one scorer instance: submitted and not yet finished.
 * Jobs come from any loop, are worked on by the instance's own, and must each end exactly once, also
 * when the process stops. The scorer says how a job starts; what cancels it is its API's close. */
#ifndef TS_SCORER_INFLIGHT_H
#define TS_SCORER_INFLIGHT_H

#include "net/api_client.h"
#include "pipeline/scorer.h"

#include <semaphore.h>

struct ts_inflight;

struct ts_inflight_job { /* inside what the scorer keeps of one job */
    struct ts_inflight *inflight;
    struct ts_score_job *job;
    struct ts_inflight_job *next, **back; /* `back`: what points at it */
    struct ts_task task;
};

struct ts_inflight {
    struct ts_inflight_job *first;
    struct ts_loop *loop;
    struct ts_api *api;
    void (*start)(struct ts_inflight_job *); /* on the loop */
    bool stopping;
    sem_t drained; /* posted when stopping and the last job was removed */
    struct ts_task task;
};

/* `api` is closed by the stop, which is what ends the jobs. start is set before. */
void ts_inflight_init(struct ts_inflight *inflight, struct ts_loop *loop, struct ts_api *api);
void ts_inflight_release(struct ts_inflight *inflight);

/* `start` follows on the loop. Thread: any. */
void ts_inflight_submit(struct ts_inflight *inflight, struct ts_inflight_job *item,
                        struct ts_score_job *job);
/* The item's last act, before its memory goes. Thread: the loop's. */
void ts_inflight_remove(struct ts_inflight_job *item);

/* Closes the API and waits until the last job was removed. Safe twice. Thread: not the loop's,
 * which must be running. */
void ts_inflight_stop(struct ts_inflight *inflight);

#endif
