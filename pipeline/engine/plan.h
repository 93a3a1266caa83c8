/* plan.h - a configuration, checked: which components, with which settings, connected how.
 * Nothing is created yet, so `validate` stops here. */
#ifndef TS_ENGINE_PLAN_H
#define TS_ENGINE_PLAN_H

#include "pipeline/component.h"
#include "pipeline/signal.h"

struct ts_planned {
    struct ts_planned *next;
    const struct ts_component *component;
    const char *id;   /* "otlp_grpc/phoenix" */
    const char *path; /* "exporters::otlp_grpc/phoenix", for messages */
    void *config;
    const struct ts_node *node; /* NULL: made by default */
    bool used;                  /* named in service, or part of the default pipeline */
};

struct ts_planned_list {
    const struct ts_planned **list;
    size_t count;
};

/* One pipeline: ids in the order of their lists. */
struct ts_planned_pipeline {
    struct ts_planned_pipeline *next;
    const char *id; /* "traces/second" */
    const struct ts_signal *signal;
    struct ts_planned_list receivers, processors, exporters;
};

struct ts_service_config {
    struct ts_texts extensions;
    const struct ts_node *pipelines;
    int storage;           /* TS_STORAGE_FILE, TS_STORAGE_NONE */
    uint64_t memory_limit; /* bytes of requests in memory */
    int64_t loops, grpc_threads;
    ts_time shutdown_timeout;
    struct {
        struct {
            const char *endpoint;
        } metrics;
        struct {
            const char *level;
        } logs;
    } telemetry;
};
enum { TS_STORAGE_FILE, TS_STORAGE_NONE };

struct ts_plan {
    struct ts_arena *arena;
    struct ts_service_config service;
    struct ts_planned *components; /* all kinds, in the order of the file */
    struct ts_planned_pipeline *pipelines;
    const char *trust_scorer; /* what `auto` came to, for the log; NULL: no trust processor */
};

/* `root` NULL: no file at all, the drop-in. The plan belongs to `arena`. NULL with err when it is
 * not good; where and what name the place, the value and the fix. */
struct ts_plan *ts_plan_make(struct ts_arena *arena, const struct ts_node *root,
                             struct ts_err *err);
/* Only the scorers of a file, for `score`; nothing else needs to be good. */
struct ts_plan *ts_plan_scoring(struct ts_arena *arena, const struct ts_node *root,
                                struct ts_err *err);
/* The settings of one scorer alone, for `score`: `id` "auto" or one under scorers. */
struct ts_planned *ts_plan_scorer(struct ts_plan *plan, const char *id, struct ts_err *err);

extern const struct ts_setting ts_service_table[];

#endif
