/* config.c - any file given to --config: refused with a place and a reason, or read into settings. */
#include "pipeline/engine/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The machine's own files and variables are no part of it. */
static bool names_a_file(ts_view yaml)
{
    return ts_view_find(yaml, TS_LIT("file:")) != SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ts_view yaml = ts_view_of(data, size);
    if (names_a_file(yaml))
        return 0;
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    struct ts_node *root = ts_node_parse(arena, "f", yaml, &err);
    bool good = root && ts_plan_make(arena, root, &err);
    if (!good && (err.code == TS_OK || !err.what[0]))
        abort(); /* somebody has to find out what is wrong */
    ts_arena_free(arena);
    return 0;
}
