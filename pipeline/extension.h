/* extension.h - what helps the pipeline without standing in it. */
#ifndef TS_PIPELINE_EXTENSION_H
#define TS_PIPELINE_EXTENSION_H

#include "pipeline/component.h"
#include "store/store.h"

/* What a storage extension says. */
struct ts_storage {
    struct ts_store_options store;
    const char *encryption_key; /* as text (seal.h); NULL: none */
};

struct ts_extension {
    struct ts_component base;
    /* Storage extensions: what to open. NULL: no storage. */
    void (*storage)(const void *config, struct ts_storage *out);
};

#endif
