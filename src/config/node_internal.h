/* node_internal.h - between parsing and expanding. */
#ifndef TS_CONFIG_NODE_INTERNAL_H
#define TS_CONFIG_NODE_INTERNAL_H

#include "config/node.h"

/* Without expansion. */
struct ts_node *ts_node_parse_raw(struct ts_arena *arena, const char *file, ts_view yaml,
                                  struct ts_err *err);
/* All ${…} in the tree, in place. */
bool ts_node_expand(struct ts_arena *arena, struct ts_node *root, struct ts_err *err);
/* ${…} in one text. *whole: the text was exactly one expression; *unset: and its variable is unset
 * and has no default. */
bool ts_expand_text(struct ts_arena *arena, ts_view text, ts_view *out, bool *whole, bool *unset,
                    struct ts_err *err);
bool ts_node_text_is_null(ts_view text);

#endif
