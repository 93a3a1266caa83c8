/* processor.h - what stands between receivers and exporters. */
#ifndef TS_PIPELINE_PROCESSOR_H
#define TS_PIPELINE_PROCESSOR_H

#include "pipeline/component.h"

struct ts_batch;

struct ts_processor {
    struct ts_component base;
    /* Takes one batch and sees to it that all of its spans are sent (ts_engine_send) at some time.
     * Thread: the batch's home loop. */
    void (*consume)(struct ts_instance *, struct ts_batch *batch);
    /* Shows each scorer that the settings name, with the preset that it is wanted with (NULL: its own)
     * and the block of settings that does so ("rules[1]", "" for the outermost); `visit` may put another id there. False as soon as
     * it says so. NULL: names none. */
    bool (*scorers)(void *config,
                    bool (*visit)(void *arg, const char **id, const char *preset,
                                  const char *block),
                    void *arg);
    /* No more time: let go of what is held back. Thread: the given loop, once for each. */
    void (*flush)(struct ts_instance *, struct ts_loop *loop);
};

#endif
