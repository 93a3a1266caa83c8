/* consumer.h - what stands in a pipeline: it takes a part of a batch and hands on what it makes of it.
 * A processor's next consumer is the processor behind it, the last one's the exporters. */
#ifndef TS_PIPELINE_CONSUMER_H
#define TS_PIPELINE_CONSUMER_H

#include "wire/splice.h"

#include <assert.h>

struct ts_batch;
struct ts_decision;

/* How something ended that was to be delivered. */
enum ts_fate {
    TS_DELIVERED, /* every exporter's backend has it */
    TS_DROPPED,   /* a backend refused some of it for good; counted and logged */
    TS_LEFT,      /* the process stops first: it stays in the store, if there is one */
};

/* Tells when all that a part became has met its fate. Lives inside who waits. Who makes several parts of
 * one adds the others. Thread: the batch's home loop. */
struct ts_completion {
    unsigned open;
    enum ts_fate worst;
    void (*end)(struct ts_completion *, enum ts_fate fate);
};

static inline void ts_completion_init(struct ts_completion *c,
                                      void (*end)(struct ts_completion *, enum ts_fate))
{
    *c = (struct ts_completion){1, TS_DELIVERED, end};
}

static inline void ts_completion_add(
    struct ts_completion *c) /* NULL: nobody waits; here, too, below */
{
    if (c)
        c->open++;
}

static inline void ts_completion_done(struct ts_completion *c, enum ts_fate fate)
{
    if (!c)
        return;
    assert(c->open > 0);
    if (fate > c->worst)
        c->worst = fate;
    if (--c->open == 0)
        c->end(c, c->worst);
}

/* What is known of an item of a part. Borrowed for the call that shows it. */
struct ts_item {
    size_t index; /* in the part, from 0 */
    const struct ts_decision *decision;
};
struct ts_items {
    const struct ts_item *list; /* ascending by index; those that are not there are not known */
    size_t count;
};

/* Takes over `part`. `completion` (NULL: nobody waits) has one open for it; it ends later, never inside the
 * call. Thread: the batch's home loop. */
struct ts_consumer {
    void *self;
    void (*consume)(void *self, struct ts_batch *batch, struct ts_part *part,
                    const struct ts_items *items, struct ts_completion *completion);
};

static inline void ts_pass_on(const struct ts_consumer *to, struct ts_batch *batch,
                              struct ts_part *part, const struct ts_items *items,
                              struct ts_completion *completion)
{
    to->consume(to->self, batch, part, items, completion);
}

#endif
