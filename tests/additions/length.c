/* length.c - a scorer that trusts short answers. */
#include "pipeline/scorer.h"

#include <stdlib.h>

struct length_config {
    int64_t longest;
};

struct ts_instance {
    const struct length_config *config;
};

static void score(struct ts_instance *self, struct ts_score_job *job)
{
    double part = (double)job->llm->response.len / (double)self->config->longest;
    job->result.has_score = true;
    job->result.score = part < 1 ? 1 - part : 0;
    job->result.explanation = TS_LIT("Short answers are better.");
    ts_job_finish(&job->job, TS_JOB_DONE);
}

static void identity(const struct ts_instance *self, struct ts_buf *out)
{
    ts_buf_printf(out, "length/1 %lld", (long long)self->config->longest);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)host;
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    return self;
}

static void free_instance(struct ts_instance *self)
{
    free(self);
}

static const struct ts_setting settings[] = {
    {.key = "longest",
     .kind = TS_INT,
     .offset = offsetof(struct length_config, longest),
     .default_text = "1000",
     .min = "1",
     .max = "1000000",
     .help = "bytes of an answer that is not trusted at all"},
    {0},
};

const struct ts_scorer ts_scorer_length = {
    .base = {.kind = TS_SCORER,
             .type = "length",
             .about = "trusts short answers",
             .settings = settings,
             .config_size = sizeof(struct length_config),
             .create = create,
             .free = free_instance},
    .annotator_kind = "CODE",
    .identity = identity,
    .score = score,
};
