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
struct ts_grpc;
struct ts_metrics;
struct ts_scorer_instance;
struct ts_intake;
struct ts_pipeline;
struct ts_consumer;

/* What an instance gets from who creates it. Lives longer than the instance. */
struct ts_host {
    const char *id;              /* "exporter/otlp_grpc/phoenix", for logs and counters */
    struct ts_loop *loop;        /* the loop that this instance belongs to */
    struct ts_metrics *metrics;  /* where it counts */
    struct ts_grpc *grpc;        /* gRPC runtime; NULL in commands that serve and forward nothing */
    const char *state_directory; /* for what is worth keeping; NULL: nothing is kept */
    int patience;                /* retries of a paid service that cannot be reached: a service that
                                    * had rather be late than do without takes TS_API_PATIENT, a
                                    * command with somebody waiting for it 0 */
    struct ts_loop *const *loops; /* all that batches live on */
    size_t loop_count;
    const struct ts_scorer_instance *scorers; /* created before; for processors */
    size_t scorer_count;
    struct ts_intake *intake;       /* receivers: where requests go (engine/intake.h) */
    struct ts_pipeline *pipeline;   /* processors: what they stand in (engine/pipeline.h) … */
    const struct ts_consumer *next; /* … and who takes what they pass on */
    const char *key;                /* processors: names the instance across restarts */
};

/* Threads: check, create, start, stop and free run on one thread, main's, one after the other; the
 * loops run meanwhile. So create may not touch the loop but remember it, and what stop must do on the
 * loop it posts there and waits for. Order: all are created, then started from the exporters to the
 * receivers, stopped from the receivers to the exporters, freed in the reverse of the order of creation.
 * The loops stand still when free runs. */
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
    /* Ends what is under way; safe twice, safe unstarted. Afterwards it does nothing of its own accord.
     * NULL: nothing to stop. */
    void (*stop)(struct ts_instance *, ts_time deadline);
    void (*free)(struct ts_instance *); /* NULL instance is fine */
};

/* All components, NULL at the end. */
extern const struct ts_component *const ts_components[];
const struct ts_component *ts_component_find(enum ts_component_kind kind, ts_view type);

#endif
