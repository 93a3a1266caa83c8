/* fanout.c - one part to every exporter, one evaluation to every exporter that takes them. */
#include "pipeline/engine/engine_internal.h"

#include <stdlib.h>

struct sending {
    struct ts_batch *batch;
    void (*sent)(void *, bool);
    void *arg;
};

static void on_end(void *arg, bool delivered)
{
    struct sending *s = arg;
    if (s->sent)
        s->sent(s->arg, delivered);
    ts_batch_delivered(s->batch);
    free(s);
}

static int span_outlets(const struct ts_engine *e)
{
    int n = 0;
    for (size_t i = 0; i < e->outlet_count; i++)
        n += e->outlets[i].spans != NULL;
    return n;
}

void ts_engine_send(struct ts_batch *b, struct ts_part *part, void (*sent)(void *, bool), void *arg)
{
    struct ts_engine *e = b->engine;
    int outlets = span_outlets(e);
    if (part->spans == 0 || outlets == 0) {
        ts_part_release(part);
        if (sent)
            sent(arg, true);
        return;
    }
    struct sending *s = ts_alloc(sizeof *s);
    *s = (struct sending){b, sent, arg};
    ts_batch_owe(b);
    struct ts_outgoing *o = ts_alloc(sizeof *o);
    o->owner = ts_part_hold(part, &o->part);
    o->headers = ts_headers_ref(b->headers);
    o->home = b->home;
    o->end = on_end;
    o->arg = s;
    atomic_init(&o->open, outlets);
    for (size_t i = 0; i < e->outlet_count; i++)
        if (e->outlets[i].spans)
            ts_sending_queue_add(e->outlets[i].spans, o);
}

void ts_engine_evaluate(struct ts_batch *b, struct ts_evaluation *evaluation)
{
    struct ts_engine *e = b->engine;
    for (size_t i = 0; i < e->outlet_count; i++)
        if (e->outlets[i].evaluations)
            ts_evaluation_queue_add(e->outlets[i].evaluations, b, evaluation);
    ts_evaluation_unref(evaluation);
}
