/* extension.h - what helps the pipeline without standing in it. */
#ifndef TS_PIPELINE_EXTENSION_H
#define TS_PIPELINE_EXTENSION_H

#include "pipeline/component.h"
#include "store/store.h"

struct ts_extension {
    struct ts_component base;
    /* Storage extensions: what to open. NULL: no storage. */
    void (*storage)(const void *config, struct ts_store_options *out);
};

#endif
