/* job.h - work that somebody else finishes later.
 * The owner submits; until `done` the worker owns the job, afterwards the owner again. `done` runs
 * exactly once, on the home loop, never inside submit. */
#ifndef TS_LOOP_JOB_H
#define TS_LOOP_JOB_H

#include "loop/loop.h"

enum ts_job_end { TS_JOB_DONE, TS_JOB_FAILED, TS_JOB_EXPIRED, TS_JOB_CANCELLED };

struct ts_job {
    struct ts_loop *home;                           /* `done` runs on this loop's thread … */
    ts_time deadline;                               /* absolute; 0 or TS_NEVER: none */
    void (*done)(struct ts_job *, enum ts_job_end); /* … once */
    struct ts_err err;                              /* filled when FAILED */
    struct ts_task task;                            /* private: carries the job home */
    enum ts_job_end end;                            /* private until done */
};

/* The worker's last act: hands the job back. Thread: any. */
void ts_job_finish(struct ts_job *job, enum ts_job_end end);

#endif
