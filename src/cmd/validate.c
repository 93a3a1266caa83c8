/* validate.c - is the configuration good? Silent when it is. */
#include "cmd/cmd.h"

int ts_cmd_validate(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_node *root = NULL;
    bool ok = ts_cmd_config(arena, &argc, argv, &root, &err);
    if (ok && argc > 0)
        ok = ts_cmd_unknown(argv[0], "validate takes --config FILE and --set KEY=VALUE", &err);
    ok = ok && ts_plan_make(arena, root, &err);
    ts_arena_free(arena);
    return ok ? 0 : ts_cmd_failed(&err);
}
