/* expand.c - ${NAME}, ${env:NAME:-default}, ${file:path}, $$ (otlp-and-collector.md 2.3). */
#include "config/node_internal.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/secrets.h"

#include <stdlib.h>

enum { MOST_ROUNDS = 1000, MOST_BYTES = 1 << 20 };

struct expansion {
    struct ts_arena *arena;
    struct ts_err *err;
    int rounds;
    bool unset; /* of the expression resolved last */
    bool given; /* its value is no default of ours */
};

static bool is_name(ts_view name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static bool resolve_env(struct expansion *x, ts_view inside, ts_view *out)
{
    size_t dash = ts_view_find(inside, TS_LIT(":-"));
    ts_view name = dash == SIZE_MAX ? inside : ts_view_cut(inside, 0, dash);
    if (!is_name(name))
        return ts_fail(x->err, TS_INVALID_ARGUMENT,
                       "'" TS_FMT "' is no name of an environment variable; names are letters, "
                       "digits and _",
                       TS_ARG(ts_view_cut(name, 0, 80)));
    char *key = ts_view_dup(name);
    const char *value = getenv(key);
    x->unset = !value && dash == SIZE_MAX;
    x->given = value != NULL;
    if (x->unset)
        ts_log(TS_WARN, "config", "an environment variable is not set and has no default",
               "variable=%s", key);
    free(key);
    *out = value              ? ts_arena_copy(x->arena, ts_view_str(value))
           : dash == SIZE_MAX ? TS_NOTHING
                              : ts_view_from(inside, dash + 2);
    return true;
}

static bool resolve_file(struct expansion *x, ts_view path, ts_view *out)
{
    struct ts_buf text = TS_BUF_LIMIT(MOST_BYTES);
    char *name = ts_view_dup(path);
    bool ok = ts_buf_read_file(&text, name, x->err);
    x->given = ok;
    if (ok)
        *out = ts_arena_copy(x->arena, ts_view_trim(ts_buf_view(&text)));
    free(name);
    ts_buf_release(&text);
    return ok;
}

static bool resolve(struct expansion *x, ts_view inside, ts_view *out)
{
    x->unset = false;
    if (ts_view_starts(inside, TS_LIT("env:")))
        return resolve_env(x, ts_view_from(inside, 4), out);
    if (ts_view_starts(inside, TS_LIT("file:")))
        return resolve_file(x, ts_view_from(inside, 5), out);
    size_t colon = ts_view_find(inside, TS_LIT(":"));
    if (colon != SIZE_MAX && colon != ts_view_find(inside, TS_LIT(":-")))
        return ts_fail(x->err, TS_INVALID_ARGUMENT,
                       "'${" TS_FMT ":…}' is not known; use ${env:…} or ${file:…}",
                       TS_ARG(ts_view_cut(inside, 0, colon)));
    return resolve_env(x, inside, out);
}

/* Position of the '}' that closes the expression whose inside starts at `from`; SIZE_MAX: none. */
static size_t closing(ts_view text, size_t from)
{
    int depth = 1;
    for (size_t i = from; i < text.len; i++) {
        if (text.ptr[i] == '{' && i > 0 && text.ptr[i - 1] == '$')
            depth++;
        else if (text.ptr[i] == '}' && --depth == 0)
            return i;
    }
    return SIZE_MAX;
}

static bool expand(struct expansion *x, ts_view text, struct ts_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t next = i + 1 < text.len ? text.ptr[i + 1] : 0;
        if (text.ptr[i] != '$' || (next != '$' && next != '{')) {
            ts_buf_add_byte(out, text.ptr[i]);
            continue;
        }
        i++;
        if (next == '$') {
            ts_buf_add_byte(out, '$');
            continue;
        }
        size_t end = closing(text, i + 1);
        if (end == SIZE_MAX)
            return ts_fail(x->err, TS_INVALID_ARGUMENT,
                           "'${' without its '}'; write $$ for a dollar");
        if (++x->rounds > MOST_ROUNDS)
            return ts_fail(x->err, TS_INVALID_ARGUMENT,
                           "more than %d expansions; does a variable name itself?", MOST_ROUNDS);
        struct ts_buf inside = TS_BUF_INIT;
        ts_view value = TS_NOTHING;
        bool ok = expand(x, ts_view_cut(text, i + 1, end - i - 1), &inside) &&
                  resolve(x, ts_arena_copy(x->arena, ts_buf_view(&inside)), &value);
        bool unset = x->unset;
        bool given = x->given;
        size_t from = out->len;
        ok = ok && expand(x, value, out);
        x->unset = unset;
        ts_buf_release(&inside);
        if (!ok)
            return false;
        if (given)
            ts_secret_add_expanded(ts_view_from(ts_buf_view(out), from),
                                   ts_view_cut(text, i - 1, end - i + 2));
        i = end;
    }
    return true;
}

bool ts_expand_text(struct ts_arena *arena, ts_view text, ts_view *out, bool *whole, bool *unset,
                    struct ts_err *err)
{
    *whole = false;
    *unset = false;
    *out = text;
    if (ts_view_find(text, TS_LIT("$")) == SIZE_MAX)
        return true;
    struct expansion x = {.arena = arena, .err = err};
    struct ts_buf result = TS_BUF_LIMIT(MOST_BYTES);
    bool ok = expand(&x, text, &result);
    if (ok && result.overflow)
        ok = ts_fail(err, TS_RESOURCE_EXHAUSTED, "the expanded value is larger than %d bytes",
                     MOST_BYTES);
    *whole = ts_view_starts(text, TS_LIT("${")) && closing(text, 2) == text.len - 1;
    *unset = *whole && x.unset;
    if (ok)
        *out = ts_arena_copy(arena, ts_buf_view(&result));
    ts_buf_release(&result);
    return ok;
}

/* What was read out of a value is as secret as that. */
static void mark(struct ts_node *first, ts_view written)
{
    for (struct ts_node *n = first; n; n = n->next) {
        n->written = written;
        ts_secret_add_expanded(n->key, written);
        ts_secret_add_expanded(n->text, written);
        mark(n->first, written);
    }
}

static bool expand_scalar(struct ts_arena *arena, struct ts_node *node, struct ts_err *err)
{
    bool whole;
    bool unset;
    ts_view text;
    if (!ts_expand_text(arena, node->text, &text, &whole, &unset, err))
        return ts_node_error_at(err, node, "");
    if (ts_view_find(node->text, TS_LIT("${")) != SIZE_MAX)
        node->written = node->text;
    node->text = text;
    if (!whole || node->quoted)
        return true;
    if (unset || ts_node_text_is_null(text)) {
        node->kind = unset ? TS_NODE_NULL : TS_NODE_SCALAR;
        return true;
    }
    if (text.ptr[0] != '[' && text.ptr[0] != '{')
        return true;
    struct ts_node *parsed = ts_node_parse_raw(arena, node->file, text, NULL);
    if (parsed && parsed->kind != TS_NODE_SCALAR) {
        node->kind = parsed->kind;
        node->first = parsed->first;
        mark(node->first, node->written);
    }
    return true;
}

bool ts_node_expand(struct ts_arena *arena, struct ts_node *root, struct ts_err *err)
{
    if (root->kind == TS_NODE_SCALAR)
        return expand_scalar(arena, root, err);
    for (struct ts_node *n = root->first; n; n = n->next)
        if (!ts_node_expand(arena, n, err))
            return false;
    return true;
}
