/* fanout.c - to every exporter, and back when all are through. */
#include "pipeline/engine/fanout.h"

#include <stdlib.h>

/* ---- one exporter ---- */

static size_t signal_count(void)
{
    size_t n = 0;
    while (ts_signals[n])
        n++;
    return n;
}

void ts_exporter_node_init(struct ts_exporter_node *n, struct ts_metrics *metrics)
{
    n->sending = ts_alloc(signal_count() * sizeof(struct ts_sending_queue *));
    for (size_t i = 0; n->exporter->send && ts_signals[i]; i++)
        n->sending[i] =
            ts_sending_queue_new(n->exporter, n->instance, n->id, ts_signals[i], n->loop, metrics);
    if (n->exporter->post)
        n->evaluations = ts_evaluation_queue_new(n->exporter, n->instance, n->id, n->loop, metrics);
}

void ts_exporter_node_release(struct ts_exporter_node *n)
{
    for (size_t i = 0; n->sending && ts_signals[i]; i++)
        ts_sending_queue_free(n->sending[i]);
    free(n->sending);
    ts_evaluation_queue_free(n->evaluations);
}

void ts_exporter_node_leave(struct ts_exporter_node *n, bool failing, bool all)
{
    for (size_t i = 0; (failing || all) && ts_signals[i]; i++)
        if (n->sending[i])
            ts_sending_queue_leave(n->sending[i], all);
    if (n->evaluations)
        ts_evaluation_queue_leave(n->evaluations, failing, all);
}

/* ---- to all of them ---- */

/* A part on its way to all exporters. */
struct sending {
    struct ts_batch *batch;
    struct ts_completion *completion;
};

static void on_end(void *arg, enum ts_fate fate)
{
    struct sending *s = arg;
    ts_completion_done(s->completion, fate);
    ts_batch_pending_done(s->batch, fate);
    free(s);
}

static int takers(const struct ts_fanout *f)
{
    int n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += f->nodes[i]->sending[f->signal] != NULL;
    return n;
}

void ts_fanout_consume(void *self, struct ts_batch *b, struct ts_part *part,
                       const struct ts_items *items, struct ts_completion *completion)
{
    const struct ts_fanout *f = self;
    int open = part->items > 0 ? takers(f) : 0;
    (void)items;
    if (open == 0 && !completion) {
        ts_part_release(part);
        return;
    }
    struct sending *s = ts_alloc(sizeof *s);
    *s = (struct sending){b, completion};
    ts_batch_pending_add(b);
    struct ts_outgoing *o = ts_outgoing_new(part);
    o->headers = ts_headers_ref(b->headers);
    o->home = b->home;
    o->end = on_end;
    o->arg = s;
    atomic_init(&o->open, open + 1); /* ours, so that nobody is done before all have begun */
    for (size_t i = 0; open > 0 && i < f->count; i++)
        if (f->nodes[i]->sending[f->signal])
            ts_sending_queue_add(f->nodes[i]->sending[f->signal], o);
    ts_outgoing_done(o, TS_DELIVERED);
}

bool ts_fanout_wants_evaluations(const struct ts_fanout *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->nodes[i]->evaluations)
            return true;
    return false;
}

void ts_fanout_evaluate(const struct ts_fanout *f, struct ts_batch *b,
                        struct ts_evaluation *evaluation)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->nodes[i]->evaluations)
            ts_evaluation_queue_add(f->nodes[i]->evaluations, b, evaluation);
    ts_evaluation_unref(evaluation);
}
