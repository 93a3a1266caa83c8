/* settings.h - a component's settings as rows of a table: one parser, one printer, one source of
 * documentation. Defaults and ranges are text in the user's own syntax. Unknown keys are errors
 * with the nearest known key. */
#ifndef TS_CONFIG_SETTINGS_H
#define TS_CONFIG_SETTINGS_H

#include "base/buf.h"
#include "config/node.h"

enum ts_setting_kind {
    TS_TEXT = 1,     /* const char *, NULL when there is no default and nothing is given */
    TS_SECRET,       /* the same; prints as [REDACTED] */
    TS_BOOL,         /* bool */
    TS_INT,          /* int64_t */
    TS_DOUBLE,       /* double */
    TS_DURATION,     /* ts_time: Go syntax, 300ms 1.5h 2h45m; a bare number is refused unless 0 */
    TS_SIZE,         /* uint64_t bytes: 4MiB, 64KiB, 1GB, or a bare number of bytes */
    TS_ENUM,         /* int: position in `choices` ("drop|retry|auto") */
    TS_TEXTS,        /* struct ts_texts: a list of strings; a single string is a list of one */
    TS_PAIRS,        /* struct ts_pairs: a map of strings */
    TS_SECRET_PAIRS, /* the same; values print as [REDACTED] */
    TS_BLOCK,        /* nested map: `sub` is its table, `offset` the place of its struct */
    TS_BLOCKS,       /* struct ts_blocks: a list of maps, each read by `sub` into `size` bytes */
    TS_TREE,         /* const struct ts_node *: left to the component */
};

struct ts_texts {
    size_t count;
    const char **items;
};
struct ts_pair {
    const char *key, *value;
};
struct ts_pairs {
    size_t count;
    struct ts_pair *items;
};

struct ts_blocks {
    size_t count;
    void *items; /* structs, one behind the other */
};

struct ts_setting {
    const char *key;
    enum ts_setting_kind kind;
    size_t offset;
    const char *default_text; /* as the user would write it; NULL: none (zero / NULL / absent) */
    const char *min, *max;    /* inclusive, for INT DOUBLE DURATION SIZE; NULL: open */
    const char *help;         /* one line; starts lower case, no full stop */
    const char *choices;      /* ENUM: "a|b|c" */
    const struct ts_setting *sub; /* BLOCK, BLOCKS */
    size_t size;                  /* BLOCKS: of one struct */
    size_t present;               /* offset of a bool set when the key is given; 0: not kept
                                   * (so the bool may not be the first member of the struct) */
};
/* Every table ends with {0}. */

/* Fills `config` (zeroed by the caller) from `node` (map, null or NULL) and the defaults. Strings
 * belong to `arena`. Defaults are expanded like the file (${env:…}). `path` is the place for
 * messages ("exporters::otlp_grpc/phoenix"). A key with a null value means its default; a BLOCK with
 * a null value is present with all defaults. Errors name file:line:column, the path, the value and
 * the fix: unknown key (nearest known), wrong type, out of range, missing unit. */
bool ts_settings_load(struct ts_arena *arena, const struct ts_setting *table,
                      const struct ts_node *node, const char *path, void *config,
                      struct ts_err *err);

/* YAML lines of all settings in force, secrets redacted; `indent` spaces in front. */
void ts_settings_print(const struct ts_setting *table, const void *config, int indent,
                       struct ts_buf *out);
/* Documentation rows: "key  kind  default  range  help", nested keys dotted; for `components`. */
void ts_settings_describe(const struct ts_setting *table, int indent, struct ts_buf *out);

/* The value parsers, for those who need one alone. */
bool ts_duration_parse(ts_view text, ts_time *out, struct ts_err *err);
bool ts_size_parse(ts_view text, uint64_t *out, struct ts_err *err);
/* The known word nearest to `word` by edit distance, NULL when none is near (more than half its
 * letters differ). */
const char *ts_nearest(ts_view word, const char *const *known, size_t count);

#endif
