/* processor.h - what stands between receivers and exporters.
 * Processors of a pipeline form a chain, in the order of its list; each has an instance in each pipeline
 * that names it. */
#ifndef TS_PIPELINE_PROCESSOR_H
#define TS_PIPELINE_PROCESSOR_H

#include "pipeline/component.h"
#include "pipeline/consumer.h"

/* What a processor wants to remember of a batch from the look at its items; first member of its own
 * struct. */
struct ts_notes {
    void (*free)(struct ts_notes *);
};

/* Shows a scorer that settings name: its id, which may be exchanged; the preset that it is wanted with (NULL:
 * its own); the block of settings that does so ("rules[1]", "" for the outermost). False: stop. */
typedef bool ts_scorer_visit(void *arg, const char **id, const char *preset, const char *block);

struct ts_processor {
    struct ts_component base;
    /* Looks at an item while its request is checked, before it is durable, so that nobody need walk
     * through it again. `*notes` is NULL at first. Asked of the first in a chain that has it, for
     * parts that reach it whole (ts_batch_notes). Thread: any. NULL: does not look. */
    void (*inspect)(const struct ts_instance *, struct ts_notes **notes,
                    const struct ts_span_at *at);
    /* As ts_consumer.consume: sees to it that all items of the part are passed on to host->next, at some
     * time. `notes`: what it noted of this part (*notes NULL: nothing), which goes with the batch; NULL:
     * it must look itself. The batch is pending until the call returns; who keeps something adds to it. */
    void (*consume)(struct ts_instance *, struct ts_batch *batch, struct ts_part *part,
                    const struct ts_items *items, struct ts_completion *completion,
                    struct ts_notes *const *notes);
    /* Takes up what it persisted in an earlier run (ts_batch_keep), on its own: what it is of is gone. NULL: keeps nothing. Thread:
     * the batch's home loop. */
    void (*resume)(struct ts_instance *, struct ts_batch *batch);
    /* Every scorer that the settings name, to `visit`; false as soon as that says so. NULL: names none. */
    bool (*scorers)(void *config, ts_scorer_visit *visit, void *arg);
    /* No more time: let go of what is held back, hold nothing from now on. Thread: the given loop, once
     * for each. NULL: holds nothing. */
    void (*flush)(struct ts_instance *, struct ts_loop *loop);
};

#endif
