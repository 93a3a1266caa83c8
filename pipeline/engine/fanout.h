/* fanout.h - the end of a pipeline: one part to every exporter that takes its signal, one evaluation to
 * every exporter that takes evaluations. */
#ifndef TS_ENGINE_FANOUT_H
#define TS_ENGINE_FANOUT_H

#include "pipeline/engine/batch.h"
#include "pipeline/engine/evaluation_queue.h"
#include "pipeline/engine/sending_queue.h"

/* One exporter instance with the queues in front of it; many pipelines may share it. */
struct ts_exporter_node {
    const char *id; /* "otlp_grpc/phoenix" */
    const struct ts_exporter *exporter;
    struct ts_instance *instance;
    struct ts_loop *loop;
    struct ts_sending_queue **sending;       /* by place in ts_signals; NULL: takes none of it */
    struct ts_evaluation_queue *evaluations; /* NULL: takes none */
};

/* The node's queues, for the signals of the program. */
void ts_exporter_node_init(struct ts_exporter_node *node, struct ts_metrics *metrics);
void ts_exporter_node_release(struct ts_exporter_node *node);
/* A stop: see the queues. Thread: any. */
void ts_exporter_node_leave(struct ts_exporter_node *node, bool failing, bool all);

struct ts_fanout {
    struct ts_exporter_node **nodes;
    size_t count;
    size_t signal; /* place in ts_signals */
};

/* As ts_consumer.consume; `self` is the struct ts_fanout. */
void ts_fanout_consume(void *self, struct ts_batch *batch, struct ts_part *part,
                       const struct ts_items *items, struct ts_completion *completion);
/* Does any exporter take evaluations? */
bool ts_fanout_wants_evaluations(const struct ts_fanout *fanout);
/* Takes over the evaluation. The batch is pending until all have it or have given up. Thread: the batch's
 * home loop. */
void ts_fanout_evaluate(const struct ts_fanout *fanout, struct ts_batch *batch,
                        struct ts_evaluation *evaluation);

#endif
