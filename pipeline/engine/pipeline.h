/* pipeline.h - a chain of processors and the exporters behind it; which pipelines a batch goes through. */
#ifndef TS_ENGINE_PIPELINE_H
#define TS_ENGINE_PIPELINE_H

#include "pipeline/engine/fanout.h"

/* One processor in one pipeline. */
struct ts_processor_node {
    const struct ts_processor *processor;
    struct ts_instance *instance;
    struct ts_pipeline *pipeline;
    const char *key;         /* "traces trust": names it across restarts */
    bool inspects;           /* is shown the items of every batch */
    struct ts_consumer next; /* who takes what it passes on */
};

struct ts_pipeline {
    const char *id; /* "traces/second" */
    const struct ts_signal *signal;
    struct ts_processor_node *nodes; /* in the order of the chain */
    size_t node_count;
    struct ts_fanout fanout;
};

/* Chains the nodes (`processor` of each is set) and picks the one that inspects. */
void ts_pipeline_link(struct ts_pipeline *pipeline);

/* For processors: hand a score to the exporters of the pipeline that take evaluations (taken over), and
 * ask whether there are any. Thread: the batch's home loop. */
void ts_pipeline_evaluate(struct ts_pipeline *pipeline, struct ts_batch *batch,
                          struct ts_evaluation *evaluation);
bool ts_pipeline_wants_evaluations(const struct ts_pipeline *pipeline);

/* The pipelines that take what a receiver brings. */
struct ts_route {
    const char *source; /* id of the receiver; NULL: all pipelines of the signal */
    const struct ts_signal *signal;
    struct ts_pipeline **pipelines;
    size_t count;
};

/* A batch of the route. Takes over payload and headers. Thread: any. */
struct ts_batch *ts_route_batch(const struct ts_route *route, struct ts_engine *engine,
                                struct ts_payload *payload, struct ts_headers *headers);
/* Checks the batch's payload, counts its items, lets processors look at them. */
bool ts_route_scan(struct ts_batch *batch, bool strict_ids, struct ts_err *err);
/* Hands the batch to a loop, there to every pipeline of its route. Thread: the owner's. */
void ts_route_dispatch(struct ts_batch *batch);

struct ts_routes {
    struct ts_route *list; /* for each receiver and signal; then those without a source */
    size_t count;
    struct ts_pipeline *pipelines;
    size_t pipeline_count;
};

/* The receiver's route; when the source is not known (any more), that of all pipelines of the signal. NULL:
 * no pipeline takes the signal. */
const struct ts_route *ts_routes_find(const struct ts_routes *routes,
                                      const struct ts_signal *signal, ts_view source);
/* The processor that owns late records under this key; when there is none (any more), the first that
 * resumes any. NULL: none does. */
struct ts_processor_node *ts_routes_owner(const struct ts_routes *routes, ts_view key);
/* Hands a late batch to a loop, there to its owner. */
void ts_routes_resume(struct ts_batch *late, struct ts_processor_node *owner);

#endif
