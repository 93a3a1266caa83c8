/* service_internal.h - what service.c (start and stop) and service_create.c (instances, and how they are
 * connected) share. */
#ifndef TS_ENGINE_SERVICE_INTERNAL_H
#define TS_ENGINE_SERVICE_INTERNAL_H

#include "net/grpc.h"
#include "net/http_server.h"
#include "pipeline/engine/intake.h"
#include "pipeline/engine/service.h"
#include "pipeline/scorer.h"

/* One created instance. */
struct made {
    const struct ts_planned *planned;
    struct ts_host host;
    struct ts_intake intake; /* receivers */
    struct ts_instance *instance;
};

struct ts_service {
    const struct ts_plan *plan;
    struct ts_engine engine;
    struct ts_loader loader;
    struct ts_grpc *grpc;
    struct ts_http_server *page;
    struct made *made; /* in the order of creation: scorers, exporters, processors, receivers */
    size_t made_count;
    struct ts_scorer_instance *scorers;
    size_t scorer_count;
    struct ts_exporter_node *exporters;
    size_t exporter_count;
    struct ts_routes routes;
};

/* Creates all instances, links pipelines, makes routes, and the loader. False: what was created stays to be
 * freed. */
bool ts_service_create(struct ts_service *s, struct ts_err *err);
/* Frees them in the reverse order. */
void ts_service_free_created(struct ts_service *s);

#endif
