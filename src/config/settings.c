/* settings.c - a node and a table in, a filled struct out. */
#include "config/settings.h"

#include "base/secrets.h"
#include "config/node_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct load {
    struct ts_arena *arena;
    struct ts_err *err;
    ts_view written; /* of the value that is read; empty: it is as it stands there */
};

/* What messages show of a value: how it was written, never what ${…} in it came to. */
static ts_view quoted(const struct load *l, ts_view text)
{
    return l->written.len > 0 ? l->written : text;
}

static ts_view shown(const struct load *l, ts_view text)
{
    return ts_view_cut(quoted(l, text), 0, 80);
}

static void *place(void *config, const struct ts_setting *row)
{
    return (char *)config + row->offset;
}

/* "path::key" for messages. */
static const char *below(struct ts_arena *arena, const char *path, const char *key)
{
    return (const char *)ts_arena_printf(arena, "%s%s%s", path, *path ? "::" : "", key).ptr;
}

/* ---- scalars ---- */

static bool read_bool(const struct load *l, ts_view text, bool *out)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on"};
    static const char *const no[] = {"false", "False", "FALSE", "no", "off"};
    for (size_t i = 0; i < TS_COUNT(yes); i++) {
        if (ts_view_is(text, yes[i]) || ts_view_is(text, no[i])) {
            *out = ts_view_is(text, yes[i]);
            return true;
        }
    }
    return ts_fail(l->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is neither true nor false",
                   TS_ARG(shown(l, text)));
}

static bool read_double(const struct load *l, ts_view text, double *out)
{
    char copy[64];
    char *end = copy;
    if (text.len > 0 && text.len < sizeof copy) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        *out = strtod(copy, &end);
    }
    if (end == copy || *end != '\0' || !isfinite(*out))
        return ts_fail(l->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is no number",
                       TS_ARG(shown(l, text)));
    return true;
}

static bool read_int(const struct load *l, ts_view text, int64_t *out)
{
    return ts_view_to_int64(text, out) ||
           ts_fail(l->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is no whole number",
                   TS_ARG(shown(l, text)));
}

/* These two quote what they cannot read, so that has to be what may be shown. */
static bool read_duration(const struct load *l, ts_view text, ts_time *out)
{
    return ts_duration_parse(text, out, NULL) || ts_duration_parse(quoted(l, text), out, l->err);
}

static bool read_size(const struct load *l, ts_view text, uint64_t *out)
{
    return ts_size_parse(text, out, NULL) || ts_size_parse(quoted(l, text), out, l->err);
}

/* Words of "a|b|c"; returns how many. */
static size_t choices(struct ts_arena *arena, const char *list, const char **out, size_t most)
{
    size_t n = 0;
    for (char *word = ts_arena_str(arena, list); word && n < most;) {
        char *bar = strchr(word, '|');
        if (bar)
            *bar = '\0';
        out[n++] = word;
        word = bar ? bar + 1 : NULL;
    }
    return n;
}

static const char *join(struct ts_arena *arena, const char *const *words, size_t count)
{
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < count; i++)
        ts_buf_printf(&out, "%s%s", i ? ", " : "", words[i]);
    const char *text = ts_arena_str(arena, ts_buf_cstr(&out));
    ts_buf_release(&out);
    return text;
}

static bool read_enum(const struct load *l, const struct ts_setting *row, ts_view text, int *out)
{
    const char *words[32];
    size_t n = choices(l->arena, row->choices, words, TS_COUNT(words));
    for (size_t i = 0; i < n; i++)
        if (ts_view_is(text, words[i])) {
            *out = (int)i;
            return true;
        }
    const char *near = ts_nearest(shown(l, text), words, n);
    return ts_fail(l->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' is none of %s%s%s%s",
                   TS_ARG(shown(l, text)), join(l->arena, words, n), near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

/* A value and its range as one ordered number, so that all kinds are checked alike. */
static bool measure(const struct load *l, const struct ts_setting *row, ts_view text, double *out)
{
    int64_t i = 0;
    uint64_t u = 0;
    bool ok;
    switch (row->kind) {
    case TS_DOUBLE:
        return read_double(l, text, out);
    case TS_DURATION:
        ok = read_duration(l, text, &i);
        *out = (double)i;
        return ok;
    case TS_SIZE:
        ok = read_size(l, text, &u);
        *out = (double)u;
        return ok;
    default:
        ok = read_int(l, text, &i);
        *out = (double)i;
        return ok;
    }
}

static bool check_range(const struct load *l, const struct ts_setting *row, ts_view text)
{
    double value;
    double limit;
    if (!row->min && !row->max)
        return true;
    if (!measure(l, row, text, &value))
        return false;
    if (row->min && measure(l, row, ts_view_str(row->min), &limit) && value < limit)
        return ts_fail(l->err, TS_OUT_OF_RANGE, "'" TS_FMT "' is below the least '%s'",
                       TS_ARG(shown(l, text)), row->min);
    if (row->max && measure(l, row, ts_view_str(row->max), &limit) && value > limit)
        return ts_fail(l->err, TS_OUT_OF_RANGE, "'" TS_FMT "' is above the most '%s'",
                       TS_ARG(shown(l, text)), row->max);
    return true;
}

static bool read_scalar(const struct load *l, const struct ts_setting *row, ts_view text, void *out)
{
    bool ok;
    switch (row->kind) {
    case TS_TEXT:
    case TS_SECRET:
        if (row->kind == TS_SECRET)
            ts_secret_add(text);
        else
            ts_secret_add_user(text);
        *(const char **)out = (const char *)ts_arena_copy(l->arena, text).ptr;
        return true;
    case TS_BOOL:
        return read_bool(l, text, out);
    case TS_ENUM:
        return read_enum(l, row, text, out);
    case TS_INT:
        ok = read_int(l, text, out);
        break;
    case TS_DOUBLE:
        ok = read_double(l, text, out);
        break;
    case TS_DURATION:
        ok = read_duration(l, text, out);
        break;
    default:
        ok = read_size(l, text, out);
        break;
    }
    return ok && check_range(l, row, text);
}

/* ---- lists and maps ---- */

static size_t count_children(const struct ts_node *node)
{
    size_t n = 0;
    for (const struct ts_node *c = node->first; c; c = c->next)
        n++;
    return n;
}

static const char *cstr(const struct load *l, ts_view text)
{
    return (const char *)ts_arena_copy(l->arena, text).ptr;
}

static bool read_texts(const struct load *l, const struct ts_node *node, const char *path,
                       struct ts_texts *out)
{
    size_t n = node->kind == TS_NODE_LIST ? count_children(node) : 1;
    out->items = ts_arena_alloc(l->arena, n * sizeof *out->items);
    out->count = 0;
    const struct ts_node *item = node->kind == TS_NODE_LIST ? node->first : node;
    for (size_t i = 0; i < n; i++, item = item->next) {
        if (item->kind != TS_NODE_SCALAR) {
            ts_node_error_at(l->err, item, path);
            return ts_fail(l->err, TS_INVALID_ARGUMENT, "a list of words is wanted here");
        }
        out->items[out->count++] = cstr(l, item->text);
    }
    return true;
}

static bool read_pairs(const struct load *l, const struct ts_node *node, const char *path,
                       bool secret, struct ts_pairs *out)
{
    if (node->kind != TS_NODE_MAP) {
        ts_node_error_at(l->err, node, path);
        return ts_fail(l->err, TS_INVALID_ARGUMENT, "a map of 'key: value' is wanted here");
    }
    out->items = ts_arena_alloc(l->arena, count_children(node) * sizeof *out->items);
    out->count = 0;
    for (const struct ts_node *n = node->first; n; n = n->next) {
        if (n->kind == TS_NODE_MAP || n->kind == TS_NODE_LIST) {
            ts_node_error_at(l->err, n, path);
            return ts_fail(l->err, TS_INVALID_ARGUMENT, "'" TS_FMT "' needs a plain value",
                           TS_ARG(n->key));
        }
        if (secret)
            ts_secret_add(n->text);
        out->items[out->count++] = (struct ts_pair){cstr(l, n->key), cstr(l, n->text)};
    }
    return true;
}

static bool read_blocks(const struct load *l, const struct ts_setting *row,
                        const struct ts_node *node, const char *path, struct ts_blocks *out)
{
    if (node->kind != TS_NODE_LIST) {
        ts_node_error_at(l->err, node, path);
        return ts_fail(l->err, TS_INVALID_ARGUMENT, "a list of blocks is wanted here; write '- …'");
    }
    out->items = ts_arena_alloc(l->arena, count_children(node) * row->size);
    out->count = 0;
    for (const struct ts_node *n = node->first; n; n = n->next) {
        void *item = (char *)out->items + out->count * row->size;
        const char *here = (const char *)ts_arena_printf(l->arena, "%s[%zu]", path, out->count).ptr;
        if (!ts_settings_load(l->arena, row->sub, n, here, item, l->err))
            return false;
        out->count++;
    }
    return true;
}

/* ---- tables ---- */

static const struct ts_setting *find_row(const struct ts_setting *table, ts_view key)
{
    for (; table->key; table++)
        if (ts_view_is(key, table->key))
            return table;
    return NULL;
}

static bool unknown_key(const struct load *l, const struct ts_setting *table,
                        const struct ts_node *node, const char *path)
{
    const char *known[128] = {NULL};
    size_t n = 0;
    for (; table->key && n < TS_COUNT(known); table++)
        known[n++] = table->key;
    const char *near = ts_nearest(node->key, known, n);
    ts_node_error_at_key(l->err, node, path);
    if (near)
        return ts_fail(l->err, TS_INVALID_ARGUMENT, "unknown key '" TS_FMT "'; did you mean '%s'?",
                       TS_ARG(ts_view_cut(node->key, 0, 80)), near);
    return ts_fail(l->err, TS_INVALID_ARGUMENT, "unknown key '" TS_FMT "'; known keys are %s",
                   TS_ARG(ts_view_cut(node->key, 0, 80)), n ? join(l->arena, known, n) : "none");
}

static bool load_default(const struct load *l, const struct ts_setting *row, const char *path,
                         void *config)
{
    bool whole;
    bool unset;
    ts_view text;
    if (row->kind == TS_BLOCK)
        return ts_settings_load(l->arena, row->sub, NULL, path, place(config, row), l->err);
    if (!row->default_text || row->kind == TS_TREE)
        return true;
    if (!ts_expand_text(l->arena, ts_view_str(row->default_text), &text, &whole, &unset, l->err))
        return false;
    if (unset || (whole && text.len == 0))
        return true;
    if (row->kind == TS_TEXTS) {
        struct ts_texts *list = place(config, row);
        const char *words[32];
        size_t n = choices(l->arena, cstr(l, text), words, TS_COUNT(words));
        list->items = ts_arena_alloc(l->arena, n * sizeof *list->items);
        memcpy(list->items, words, n * sizeof *words);
        list->count = n;
        return true;
    }
    struct load here = {l->arena, l->err, ts_view_str(row->default_text)};
    if (read_scalar(&here, row, text, place(config, row)))
        return true;
    return ts_fail_in(l->err, "default of %s", path);
}

static bool load_row(const struct load *l, const struct ts_setting *row, const struct ts_node *node,
                     const char *path, void *config)
{
    if (row->present && (row->kind == TS_BLOCK || node->kind != TS_NODE_NULL))
        *((bool *)((char *)config + row->present)) = true;
    if (row->kind == TS_TREE) {
        *(const struct ts_node **)place(config, row) = node;
        return true;
    }
    if (row->kind == TS_BLOCK)
        return ts_settings_load(l->arena, row->sub, node, path, place(config, row), l->err);
    if (node->kind == TS_NODE_NULL)
        return load_default(l, row, path, config);
    if (row->kind == TS_BLOCKS)
        return read_blocks(l, row, node, path, place(config, row));
    if (row->kind == TS_TEXTS)
        return read_texts(l, node, path, place(config, row));
    if (row->kind == TS_PAIRS || row->kind == TS_SECRET_PAIRS)
        return read_pairs(l, node, path, row->kind == TS_SECRET_PAIRS, place(config, row));
    ts_node_error_at(l->err, node, path);
    if (node->kind != TS_NODE_SCALAR)
        return ts_fail(l->err, TS_INVALID_ARGUMENT, "a single value is wanted here, not a %s",
                       node->kind == TS_NODE_MAP ? "map" : "list");
    struct load here = {l->arena, l->err, node->written};
    return read_scalar(&here, row, node->text, place(config, row));
}

bool ts_settings_load(struct ts_arena *arena, const struct ts_setting *table,
                      const struct ts_node *node, const char *path, void *config,
                      struct ts_err *err)
{
    struct load l = {arena, err, TS_NOTHING};
    if (node && node->kind != TS_NODE_MAP && node->kind != TS_NODE_NULL) {
        ts_node_error_at(err, node, path);
        return ts_fail(err, TS_INVALID_ARGUMENT, "a map of settings is wanted here");
    }
    for (const struct ts_node *n = node ? node->first : NULL; n; n = n->next)
        if (!find_row(table, n->key))
            return unknown_key(&l, table, n, path);
    for (const struct ts_setting *row = table; row->key; row++) {
        const struct ts_node *given = ts_node_get(node, row->key);
        const char *here = below(arena, path, row->key);
        if (given ? !load_row(&l, row, given, here, config) : !load_default(&l, row, here, config))
            return false;
    }
    if (err)
        *err = (struct ts_err){0};
    return true;
}
