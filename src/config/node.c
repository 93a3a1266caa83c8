/* node.c - from libfyaml's document to our tree. libfyaml finds the syntax errors; aliases are
 * followed here, where their growth can be bounded. */
#include "config/node_internal.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdlib.h>

#include <libfyaml.h>

enum { MOST_NODES = 100000, DEEPEST = 100, MOST_BYTES = 4 << 20 };
enum { MOST_WRITTEN = 20000, LONGEST_DIRECTIVE = 200 };

struct build {
    struct ts_arena *arena;
    const char *file;
    struct ts_err *err;
    int nodes;
    struct ts_node *root; /* NULL: err says why */
};

static ts_view scalar_text(struct ts_arena *arena, struct fy_node *from)
{
    size_t len = 0;
    const char *text = fy_node_get_scalar(from, &len);
    return ts_arena_copy(arena, ts_view_of(text, text ? len : 0));
}

/* Only scalars know their place; maps and lists take that of their key or first member. */
static void mark(struct fy_node *scalar, int *line, int *column)
{
    struct fy_token *token = scalar ? fy_node_get_scalar_token(scalar) : NULL;
    const struct fy_mark *at = token ? fy_token_start_mark(token) : NULL;
    if (!at)
        return;
    *line = at->line + 1;
    *column = at->column + 1;
}

static void mark_as(struct ts_node *node, const struct ts_node *like)
{
    if (node->line == 0 && like) {
        node->line = like->line;
        node->column = like->column;
    }
}

static struct ts_node *convert(struct build *b, struct fy_node *from, int depth);

static bool convert_map(struct build *b, struct fy_node *from, struct ts_node *node, int depth)
{
    struct ts_node **tail = &node->first;
    void *at = NULL;
    struct fy_node_pair *pair;
    while ((pair = fy_node_mapping_iterate(from, &at))) {
        struct fy_node *key = fy_node_pair_key(pair);
        if (!key || !fy_node_is_scalar(key)) {
            ts_node_error_at(b->err, node, "");
            return ts_fail(b->err, TS_INVALID_ARGUMENT, "a key must be a plain word");
        }
        struct ts_node *child = convert(b, fy_node_pair_value(pair), depth + 1);
        if (!child)
            return false;
        child->key = scalar_text(b->arena, key);
        mark(key, &child->key_line, &child->key_column);
        if (child->kind != TS_NODE_SCALAR)
            mark(key, &child->line, &child->column);
        *tail = child;
        tail = &child->next;
    }
    return true;
}

static bool convert_list(struct build *b, struct fy_node *from, struct ts_node *node, int depth)
{
    struct ts_node **tail = &node->first;
    void *at = NULL;
    struct fy_node *item;
    while ((item = fy_node_sequence_iterate(from, &at))) {
        struct ts_node *child = convert(b, item, depth + 1);
        if (!child)
            return false;
        *tail = child;
        tail = &child->next;
    }
    return true;
}

static void convert_scalar(struct build *b, struct fy_node *from, struct ts_node *node)
{
    enum fy_node_style style = fy_node_get_style(from);
    node->text = scalar_text(b->arena, from);
    node->quoted = style != FYNS_PLAIN;
    node->kind = !node->quoted && ts_node_text_is_null(node->text) ? TS_NODE_NULL : TS_NODE_SCALAR;
}

static struct ts_node *convert(struct build *b, struct fy_node *from, int depth)
{
    struct ts_node *node = ts_arena_alloc(b->arena, sizeof *node);
    node->file = b->file;
    if (!from) /* "key:" with nothing behind it */
        return node;
    if (fy_node_is_scalar(from))
        mark(from, &node->line, &node->column);
    struct fy_node *target = fy_node_is_alias(from) ? fy_node_resolve_alias(from) : from;
    bool ok = true;
    ts_node_error_at(b->err, node, "");
    if (!target)
        ok = ts_fail(b->err, TS_INVALID_ARGUMENT, "the alias names an anchor that does not exist");
    else if (++b->nodes > MOST_NODES || depth > DEEPEST)
        ok = ts_fail(b->err, TS_RESOURCE_EXHAUSTED,
                     "more than %d values, or nested deeper than %d; is an alias inside itself?",
                     MOST_NODES, DEEPEST);
    else if (fy_node_is_scalar(target))
        convert_scalar(b, target, node);
    else if (fy_node_is_sequence(target)) {
        node->kind = TS_NODE_LIST;
        ok = convert_list(b, target, node, depth);
    } else {
        node->kind = TS_NODE_MAP;
        ok = convert_map(b, target, node, depth);
    }
    mark_as(node, node->first);
    return ok ? node : NULL;
}

/* ---- libfyaml ---- */

static struct ts_node *read_failure(struct fy_diag *diag, const char *file, struct ts_err *err)
{
    void *at = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &at);
    if (first)
        ts_fail_in(err, "%s:%d:%d", file, first->line, first->column);
    else
        ts_fail_in(err, "%s", file);
    ts_fail(err, TS_INVALID_ARGUMENT, "not YAML: %s",
            first && first->msg ? first->msg : "the text does not parse");
    return NULL;
}

static void read_documents(struct build *b, struct fy_parser *parser, struct fy_diag *diag)
{
    struct fy_document *document = fy_parse_load_document(parser);
    struct ts_node *root = NULL;
    if (fy_diag_got_error(diag)) {
        read_failure(diag, b->file, b->err);
    } else if (!document || !fy_document_root(document)) {
        root = ts_arena_alloc(b->arena, sizeof *root);
        *root = (struct ts_node){.kind = TS_NODE_MAP, .file = b->file, .line = 1, .column = 1};
    } else {
        root = convert(b, fy_document_root(document), 0);
    }
    struct fy_document *second = root ? fy_parse_load_document(parser) : NULL;
    if (root && fy_diag_got_error(diag)) {
        root = read_failure(diag, b->file, b->err);
    } else if (second) {
        ts_fail_in(b->err, "%s", b->file);
        ts_fail(b->err, TS_INVALID_ARGUMENT, "more than one YAML document; keep only one");
        root = NULL;
    }
    if (second)
        fy_parse_document_destroy(parser, second);
    if (document)
        fy_parse_document_destroy(parser, document);
    b->root = root;
}

/* Where a byte is that libfyaml may not see: one that is no UTF-8 on a line that begins with % keeps it busy
 * for ever. SIZE_MAX: none. */
static size_t first_bad_byte(ts_view yaml)
{
    size_t bad = ts_utf8_valid_prefix(yaml);
    const uint8_t *nul = yaml.len > 0 ? memchr(yaml.ptr, '\0', bad) : NULL;
    if (nul)
        return (size_t)(nul - yaml.ptr);
    return bad < yaml.len ? bad : SIZE_MAX;
}

static bool check_bytes(const char *file, ts_view yaml, struct ts_err *err)
{
    size_t bad = first_bad_byte(yaml);
    int line = 1;
    size_t start = 0;
    if (bad == SIZE_MAX)
        return true;
    for (size_t i = 0; i < bad; i++)
        if (yaml.ptr[i] == '\n') {
            line++;
            start = i + 1;
        }
    ts_fail_in(err, "%s:%d:%zu", file, line, bad - start + 1);
    if (yaml.ptr[bad] == '\0')
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "not YAML: byte %zu is a NUL; save the file as UTF-8 text", bad + 1);
    return ts_fail(err, TS_INVALID_ARGUMENT,
                   "not YAML: byte %zu (0x%02x) is not UTF-8; save the file as UTF-8", bad + 1,
                   yaml.ptr[bad]);
}

/* Directives are few and short; libfyaml takes for ever over a long one. */
static bool check_directives(const char *file, ts_view yaml, struct ts_err *err)
{
    int line = 1;
    for (size_t at = 0; at < yaml.len; line++) {
        const uint8_t *start = yaml.ptr + at;
        const uint8_t *end = memchr(start, '\n', yaml.len - at);
        size_t len = end ? (size_t)(end - start) : yaml.len - at;
        if (*start == '%' && len > LONGEST_DIRECTIVE) {
            ts_fail_in(err, "%s:%d:1", file, line);
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "not YAML: a line that begins with %% is longer than %d bytes; put "
                           "quotes around a value that does",
                           LONGEST_DIRECTIVE);
        }
        at += len + 1;
    }
    return true;
}

/* libfyaml compares each key of a map, and each anchor, with all before it, so they are counted before it builds
 * a document. What is no YAML ends the count; the document says what is wrong. */
static void check_count(struct build *b, struct fy_parser *parser, struct fy_diag *diag)
{
    (void)diag;
    int count = 0;
    int documents = 0;
    struct fy_event *event;
    while (count <= MOST_WRITTEN && documents < 2 && (event = fy_parser_parse(parser))) {
        documents += event->type == FYET_DOCUMENT_START;
        count += event->type == FYET_SCALAR || event->type == FYET_ALIAS ||
                 event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START;
        fy_parser_event_free(parser, event);
    }
    if (count <= MOST_WRITTEN)
        return;
    ts_fail_in(b->err, "%s", b->file);
    ts_fail(b->err, TS_RESOURCE_EXHAUSTED, "more than %d keys and values; leave some out",
            MOST_WRITTEN);
}

/* Runs `use` on a parser of the text, quiet, with its errors in `diag`. */
static void with_parser(struct build *b, ts_view yaml,
                        void (*use)(struct build *, struct fy_parser *, struct fy_diag *))
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (parser && fy_parser_set_string(parser, (const char *)yaml.ptr, yaml.len) == 0)
        use(b, parser, diag);
    else
        ts_fail(b->err, TS_INTERNAL, "the YAML parser cannot start");
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
}

struct ts_node *ts_node_parse_raw(struct ts_arena *arena, const char *file, ts_view yaml,
                                  struct ts_err *err)
{
    struct ts_err seen = {0};
    struct build b = {.arena = arena, .file = ts_arena_str(arena, file), .err = &seen};
    if (check_bytes(file, yaml, &seen) && check_directives(file, yaml, &seen))
        with_parser(&b, yaml, check_count);
    if (seen.code == TS_OK)
        with_parser(&b, yaml, read_documents);
    if (!b.root && err)
        *err = seen;
    return b.root;
}

struct ts_node *ts_node_parse(struct ts_arena *arena, const char *file, ts_view yaml,
                              struct ts_err *err)
{
    struct ts_node *root = ts_node_parse_raw(arena, file, yaml, err);
    return root && ts_node_expand(arena, root, err) ? root : NULL;
}

struct ts_node *ts_node_load(struct ts_arena *arena, const char *path, struct ts_err *err)
{
    struct ts_buf text = TS_BUF_LIMIT(MOST_BYTES);
    struct ts_node *root = NULL;
    if (ts_buf_read_file(&text, path, err))
        root = ts_node_parse(arena, path, ts_buf_view(&text), err);
    ts_buf_release(&text);
    return root;
}

/* ---- looking ---- */

bool ts_node_text_is_null(ts_view text)
{
    static const char *const words[] = {"", "null", "Null", "NULL", "~"};
    for (size_t i = 0; i < TS_COUNT(words); i++)
        if (ts_view_is(text, words[i]))
            return true;
    return false;
}

struct ts_node *ts_node_get(const struct ts_node *map, const char *key)
{
    if (!map || map->kind != TS_NODE_MAP)
        return NULL;
    for (struct ts_node *n = map->first; n; n = n->next)
        if (ts_view_is(n->key, key))
            return n;
    return NULL;
}

/* One step: a key, and perhaps a place in the list behind it. */
static const struct ts_node *step(const struct ts_node *node, ts_view name)
{
    size_t bracket = ts_view_find(name, TS_LIT("["));
    ts_view key = ts_view_cut(name, 0, bracket);
    const struct ts_node *n = node && node->kind == TS_NODE_MAP ? node->first : NULL;
    while (n && !ts_view_eq(n->key, key))
        n = n->next;
    if (!n || bracket == SIZE_MAX)
        return n;
    int64_t index = -1;
    ts_view digits = ts_view_cut(name, bracket + 1, name.len - bracket - 2);
    if (n->kind != TS_NODE_LIST || !ts_view_to_int64(digits, &index))
        return NULL;
    for (n = n->first; n && index > 0; index--)
        n = n->next;
    return n;
}

const struct ts_node *ts_node_at(const struct ts_node *node, const char *path)
{
    ts_view rest = ts_view_str(path);
    while (node && rest.len > 0) {
        size_t end = ts_view_find(rest, TS_LIT("::"));
        node = step(node, ts_view_cut(rest, 0, end));
        rest = end == SIZE_MAX ? TS_NOTHING : ts_view_from(rest, end + 2);
    }
    return node;
}

bool ts_node_error_at(struct ts_err *err, const struct ts_node *node, const char *path)
{
    return ts_fail_in(err, "%s:%d:%d%s%s", node->file, node->line, node->column, *path ? " " : "",
                      path);
}

bool ts_node_error_at_key(struct ts_err *err, const struct ts_node *node, const char *path)
{
    struct ts_node at_key = *node;
    at_key.line = node->key_line ? node->key_line : node->line;
    at_key.column = node->key_column ? node->key_column : node->column;
    return ts_node_error_at(err, &at_key, path);
}

/* ---- merging (otlp-and-collector.md 2.3) ---- */

static struct ts_node *copy_of(struct ts_arena *arena, const struct ts_node *node)
{
    struct ts_node *copy = ts_arena_alloc(arena, sizeof *copy);
    *copy = *node;
    copy->next = NULL;
    return copy;
}

struct ts_node *ts_node_merge(struct ts_arena *arena, struct ts_node *base, struct ts_node *over)
{
    if (!base || !over)
        return over ? over : base;
    if (base->kind != TS_NODE_MAP || over->kind != TS_NODE_MAP)
        return over;
    struct ts_node *merged = copy_of(arena, over);
    struct ts_node **tail = &merged->first;
    *tail = NULL;
    for (struct ts_node *b = base->first; b; b = b->next) {
        struct ts_node *o = over->first;
        while (o && !ts_view_eq(o->key, b->key))
            o = o->next;
        struct ts_node *kept = copy_of(arena, o ? ts_node_merge(arena, b, o) : b);
        kept->key = b->key;
        *tail = kept;
        tail = &kept->next;
    }
    for (struct ts_node *o = over->first; o; o = o->next) {
        bool seen = false;
        for (struct ts_node *b = base->first; b && !seen; b = b->next)
            seen = ts_view_eq(o->key, b->key);
        if (seen)
            continue;
        *tail = copy_of(arena, o);
        tail = &(*tail)->next;
    }
    return merged;
}
