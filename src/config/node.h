/* node.h - a configuration file as a tree in which every value knows where it stands.
 * YAML in (libfyaml), ${…} expanded, files merged; settings.h turns the tree into structs. */
#ifndef TS_CONFIG_NODE_H
#define TS_CONFIG_NODE_H

#include "base/arena.h"
#include "base/err.h"

enum ts_node_kind { TS_NODE_NULL, TS_NODE_SCALAR, TS_NODE_LIST, TS_NODE_MAP };

struct ts_node {
    enum ts_node_kind kind;
    ts_view key;              /* in a map: its name */
    ts_view text;             /* SCALAR: the value, expanded, as written (0123 stays 0123) */
    ts_view written;          /* the text with its ${…}, which messages show; empty: none in it */
    bool quoted;              /* SCALAR: was in quotes, so "true" is text and no boolean */
    const char *file;         /* name for messages: path, "--set", "env:NAME", "preset:drop-in" */
    int line, column;         /* 1-based; of the value */
    int key_line, key_column; /* of the key, in a map */
    struct ts_node *first;    /* LIST, MAP: children in the order written */
    struct ts_node *next;     /* sibling */
};

/* Parse one document. `file` is the name for messages. The tree and its strings belong to `arena`.
 * Errors (where = file:line:column): a byte that is no UTF-8, YAML syntax, duplicate key, more than one
 * document, more than 20,000 values, aliases that grow beyond 100,000, a line beginning with % of more
 * than 200 bytes, ${…} that is malformed, a file behind ${file:…} that cannot be
 * read. Environment: ${NAME}, ${env:NAME}, ${env:NAME:-default}, ${file:path}, $$ for a dollar
 * (otlp-and-collector.md 2.3). An unset variable without default is null, with a warning logged.
 * An empty file is an empty map. */
struct ts_node *ts_node_parse(struct ts_arena *arena, const char *file, ts_view yaml,
                              struct ts_err *err);
/* The same from a file ("-": standard input), at most 4 MiB. */
struct ts_node *ts_node_load(struct ts_arena *arena, const char *path, struct ts_err *err);

/* `over` wins: maps merge deep, lists and scalars are replaced, null erases. Returns the merged
 * tree (either argument may be part of it). NULL arguments are empty. */
struct ts_node *ts_node_merge(struct ts_arena *arena, struct ts_node *base, struct ts_node *over);

/* Child of a map by key; NULL when absent or when `map` is NULL or no map. */
struct ts_node *ts_node_get(const struct ts_node *map, const char *key);
/* What stands at "a::b[1]::c" below `node`; NULL: nothing does. */
const struct ts_node *ts_node_at(const struct ts_node *node, const char *path);
/* where = "file:line:column path"; for use before ts_fail. `path` like "exporters::debug::level".
 * Returns false. */
bool ts_node_error_at(struct ts_err *err, const struct ts_node *node, const char *path);
/* The same with the place of its key. */
bool ts_node_error_at_key(struct ts_err *err, const struct ts_node *node, const char *path);

#endif
