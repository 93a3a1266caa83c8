/* late.h - items that left without their score, kept until it comes. */
#ifndef TS_ENGINE_LATE_H
#define TS_ENGINE_LATE_H

#include "pipeline/engine/batch.h"

/* Puts the part (taken over) on the late list under the processor's key (ts_host.key): a new batch on the same
 * loop whose items have left already and whose scores are due until `give_up` (wall clock). It is pending
 * once for its caller. Without a store it lives in memory only. `kept` comes once on the home loop, later:
 * durable means that the processor is asked to take it up again after a restart. Thread: the home loop. */
struct ts_batch *ts_late_persist(struct ts_batch *from, struct ts_part *part, const char *key,
                                 ts_time give_up, void (*kept)(void *arg, bool durable), void *arg);

#endif
