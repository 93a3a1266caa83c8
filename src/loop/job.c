/* job.c - the way home. */
#include "loop/job.h"

#include "base/view.h"

static void arrive(struct ts_task *task)
{
    struct ts_job *job = TS_CONTAINER_OF(task, struct ts_job, task);
    job->done(job, job->end);
}

void ts_job_finish(struct ts_job *job, enum ts_job_end end)
{
    job->end = end;
    job->task.run = arrive;
    ts_loop_post(job->home, &job->task);
}
