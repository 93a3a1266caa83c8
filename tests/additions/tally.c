/* tally.c - a processor that counts what it is told of the items, and passes all of them on. */
#include "pipeline/processor.h"

#include "pipeline/assess/decision.h"
#include "telemetry/metrics.h"

#include <stdlib.h>

struct tally_config {
    bool unused; /* no setting */
};

struct ts_instance {
    const struct ts_host *host;
    struct ts_counter *items, *scored;
};

static void consume(struct ts_instance *self, struct ts_batch *batch, struct ts_part *part,
                    const struct ts_items *items, struct ts_completion *completion,
                    struct ts_notes *const *notes)
{
    (void)notes;
    ts_count(self->items, (int64_t)part->items);
    for (size_t i = 0; i < items->count; i++)
        ts_count(self->scored, ts_decision_has_score(items->list[i].decision));
    ts_pass_on(self->host->next, batch, part, items, completion);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)config;
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->host = host;
    self->items = ts_metrics_counter(host->metrics, "tally_items", "", "Items that passed.");
    self->scored = ts_metrics_counter(host->metrics, "tally_scored", "", "Those with a score.");
    return self;
}

static void free_instance(struct ts_instance *self)
{
    free(self);
}

static const struct ts_setting settings[] = {{0}};

const struct ts_processor ts_processor_tally = {
    .base = {.kind = TS_PROCESSOR,
             .type = "tally",
             .about = "counts items and scores",
             .settings = settings,
             .config_size = sizeof(struct tally_config),
             .create = create,
             .free = free_instance},
    .consume = consume,
};
