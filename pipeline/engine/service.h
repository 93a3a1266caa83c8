/* service.h - a plan brought to life: created, started from the back, stopped from the front. */
#ifndef TS_ENGINE_SERVICE_H
#define TS_ENGINE_SERVICE_H

#include "pipeline/engine/plan.h"

struct ts_service;

/* Creates and starts everything; receivers last. NULL with err (where = the component) when anything
 * fails; what had started is stopped. The plan must outlive the service. Thread: main. */
struct ts_service *ts_service_start(const struct ts_plan *plan, struct ts_err *err);
/* Stops accepting, lets go of what is held, drains the exporters until service.shutdown_timeout;
 * what is left stays in the store. Frees everything. NULL is fine. */
void ts_service_stop(struct ts_service *service);

#endif
