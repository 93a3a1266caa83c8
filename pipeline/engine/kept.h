/* kept.h - what a processor has decided about the items of a batch, and what is due after they left.
 * A record of its own in the store, which hangs on that of the batch: as long as the batch may come back
 * from the store, its items meet the same decisions again; and when the batch is delivered, what is due
 * of it (scores, evaluations) need not hold the request. */
#ifndef TS_ENGINE_KEPT_H
#define TS_ENGINE_KEPT_H

#include "pipeline/engine/batch.h"

struct ts_keep {
    const char *key;   /* the processor's (ts_host.key) */
    ts_view decisions; /* its own words, shown to it again; borrowed for the call */
    ts_time give_up;   /* wall clock; for what is due, else 0 */
    void (*kept)(void *arg, bool durable);
    void *arg;
};

/* Keeps it as a new batch on the same loop. `part` (taken over) has the items whose scores are due, and puts
 * it on the late list; NULL: none are. The new batch is pending until the store has answered, and until
 * the end of `of` if that is stored; the caller adds what else it stands for before it returns to the
 * loop. Without a store it lives in memory only. `kept` comes once on the home loop, later: durable means
 * that the processor is shown it again after a restart. Thread: the home loop, where `of` is pending. */
struct ts_batch *ts_batch_keep(struct ts_batch *of, struct ts_part *part,
                               const struct ts_keep *keep);

#endif
