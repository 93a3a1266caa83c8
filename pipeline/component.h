/* component.h - what every component says of itself.
 * A component is one constant struct with its settings table beside it; registry.def lists them.
 * The engine creates, starts, stops and frees instances, in this order. */
#ifndef TS_PIPELINE_COMPONENT_H
#define TS_PIPELINE_COMPONENT_H

#include "config/settings.h"
#include "loop/loop.h"

enum ts_component_kind { TS_RECEIVER, TS_PROCESSOR, TS_SCORER, TS_EXPORTER, TS_EXTENSION };
/* "receiver" …; the section of the configuration is its plural. */
const char *ts_component_kind_name(enum ts_component_kind kind);

struct ts_instance; /* each component's own struct */
struct ts_engine;
struct ts_grpc;
struct ts_store;

/* What an instance gets from the engine. Lives longer than the instance. */
struct ts_host {
    const char *id;           /* "exporter/otlp_grpc/phoenix", for logs and counters */
    struct ts_loop *loop;     /* the loop that this instance belongs to */
    struct ts_grpc *grpc;     /* gRPC runtime; NULL in commands that need none */
    struct ts_store *store;   /* NULL with storage: none */
    struct ts_engine *engine; /* NULL in commands without a pipeline */
};

struct ts_component {
    enum ts_component_kind kind;
    const char *type;  /* id in YAML, lower_snake_case */
    const char *about; /* one line for `trustspan components` */
    const struct ts_setting *settings;
    size_t config_size;
    /* Rules across keys; NULL: none. Sets err, and where to the setting ("rules[1]::kind"; empty: the
     * component); the caller makes a place in the file of it. */
    bool (*check)(const void *config, struct ts_err *err);
    /* `config` outlives the instance. NULL: failed. */
    struct ts_instance *(*create)(const struct ts_host *host, const void *config,
                                  struct ts_err *err);
    bool (*start)(struct ts_instance *, struct ts_err *err); /* NULL: nothing to start */
    /* Drains; safe twice, safe unstarted. NULL: nothing to stop, the engine drains the queues. */
    void (*stop)(struct ts_instance *, ts_time deadline);
    void (*free)(struct ts_instance *); /* NULL instance is fine */
};

/* All components, NULL at the end. */
extern const struct ts_component *const ts_components[];
const struct ts_component *ts_component_find(enum ts_component_kind kind, ts_view type);

#endif
