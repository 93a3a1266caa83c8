#include "tlm/literal.h"

#include "json/json.h"
#include "tlm/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { DEEPEST = 100 };

struct reader {
    struct ts_arena *arena;
    ts_view in;
    size_t at;
    int depth;
    bool json_words;
};

static struct ts_literal *read_value(struct reader *r);

static void skip_space(struct reader *r)
{
    while (r->at < r->in.len && isspace(r->in.ptr[r->at]))
        r->at++;
}

static bool accept(struct reader *r, char c)
{
    skip_space(r);
    bool is = r->at < r->in.len && r->in.ptr[r->at] == (uint8_t)c;
    r->at += is;
    return is;
}

static struct ts_literal *make(struct reader *r, enum ts_literal_kind kind, ts_view text)
{
    struct ts_literal *v = ts_arena_alloc(r->arena, sizeof *v);
    v->kind = kind;
    v->text = text;
    return v;
}

/* ---- texts ---- */

static bool read_hex(struct reader *r, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        if (r->at >= r->in.len || !isxdigit(r->in.ptr[r->at]))
            return false;
        int c = tolower(r->in.ptr[r->at]);
        *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool add_char(struct reader *r, struct ts_buf *out, uint32_t c)
{
    uint32_t low;
    bool surrogates =
        c >= 0xd800 && c < 0xdc00 && ts_view_starts(ts_view_from(r->in, r->at), TS_LIT("\\u"));
    if (surrogates) {
        r->at += 2;
        if (!read_hex(r, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, bytes);
    return n > 0 && ts_buf_add(out, bytes, (size_t)n);
}

static bool read_escape(struct reader *r, struct ts_buf *out)
{
    static const char from[] = "nrtbfav\\\"'/";
    static const char to[] = "\n\r\t\b\f\a\v\\\"'/";
    if (r->at >= r->in.len)
        return false;
    char c = (char)r->in.ptr[r->at++];
    const char *at = strchr(from, c);
    uint32_t code;
    if (c && at)
        return ts_buf_add_byte(out, (uint8_t)to[at - from]);
    if (c == 'u' || c == 'x' || c == 'U')
        return read_hex(r, c == 'x' ? 2 : c == 'u' ? 4 : 8, &code) && add_char(r, out, code);
    return c == '\n' || (ts_buf_add_byte(out, '\\') && ts_buf_add_byte(out, (uint8_t)c));
}

static bool read_text(struct reader *r, ts_view *out)
{
    char quote = (char)r->in.ptr[r->at++];
    struct ts_buf value_text = TS_BUF_INIT;
    bool ok = true;
    while (ok && r->at < r->in.len && r->in.ptr[r->at] != (uint8_t)quote) {
        uint8_t c = r->in.ptr[r->at++];
        ok = c == '\\' ? read_escape(r, &value_text) : ts_buf_add_byte(&value_text, c);
    }
    ok = ok && r->at < r->in.len;
    r->at++;
    *out = ts_arena_copy(r->arena, ts_buf_view(&value_text));
    ts_buf_release(&value_text);
    return ok;
}

static bool is_one_of(uint8_t c, const char *set)
{
    return c && strchr(set, c);
}

static bool is_quote(struct reader *r)
{
    skip_space(r);
    return r->at < r->in.len && (r->in.ptr[r->at] == '"' || r->in.ptr[r->at] == '\'');
}

/* ---- values ---- */

static struct ts_literal *read_word(struct reader *r)
{
    static const struct {
        const char *text, *python;
        bool json;
    } words[] = {{"true", "True", true},  {"false", "False", true},  {"null", "None", true},
                 {"True", "True", false}, {"False", "False", false}, {"None", "None", false}};
    for (size_t i = 0; i < TS_COUNT(words); i++) {
        ts_view w = ts_view_str(words[i].text);
        if (!ts_view_starts(ts_view_from(r->in, r->at), w) ||
            !ts_text_stands_alone(r->in, r->at, r->at + w.len))
            continue;
        r->at += w.len;
        r->json_words |= words[i].json;
        return make(r, TS_LITERAL_WORD, ts_view_str(words[i].python));
    }
    return NULL;
}

static struct ts_literal *read_number(struct reader *r)
{
    size_t from = r->at;
    while (r->at < r->in.len && (isdigit(r->in.ptr[r->at]) || is_one_of(r->in.ptr[r->at], "+-.eE")))
        r->at++;
    ts_view t = ts_view_cut(r->in, from, r->at - from);
    bool digit = false;
    for (size_t i = 0; i < t.len; i++)
        digit |= isdigit(t.ptr[i]) != 0;
    return digit ? make(r, TS_LITERAL_NUMBER, t) : NULL;
}

static struct ts_literal *read_list(struct reader *r, char close, enum ts_literal_kind kind)
{
    struct ts_literal *v = make(r, kind, TS_NOTHING);
    struct ts_literal **end = &v->first;
    r->at++;
    while (!accept(r, close)) {
        ts_view key = TS_NOTHING;
        bool dict = kind == TS_LITERAL_DICT;
        if (dict && (!is_quote(r) || !read_text(r, &key) || !accept(r, ':')))
            return NULL;
        struct ts_literal *item = read_value(r);
        if (!item)
            return NULL;
        item->key = key;
        item->place = r->at;
        *end = item;
        end = &item->next;
        if (!accept(r, ',')) {
            if (!accept(r, close))
                return NULL;
            break;
        }
    }
    return v;
}

static struct ts_literal *read_value(struct reader *r)
{
    ts_view t;
    skip_space(r);
    if (r->at >= r->in.len || r->depth >= DEEPEST)
        return NULL;
    struct ts_literal *v;
    r->depth++;
    switch (r->in.ptr[r->at]) {
    case '{':
        v = read_list(r, '}', TS_LITERAL_DICT);
        break;
    case '[':
        v = read_list(r, ']', TS_LITERAL_LIST);
        break;
    case '(':
        v = read_list(r, ')', TS_LITERAL_TUPLE);
        break;
    case '"':
    case '\'':
        v = read_text(r, &t) ? make(r, TS_LITERAL_TEXT, t) : NULL;
        break;
    default:
        v = isalpha(r->in.ptr[r->at]) ? read_word(r) : read_number(r);
    }
    r->depth--;
    return v;
}

const struct ts_literal *ts_literal_read(struct ts_arena *arena, ts_view in, bool *json_words)
{
    struct reader r = {.arena = arena, .in = in};
    const struct ts_literal *v = read_value(&r);
    skip_space(&r);
    if (json_words)
        *json_words = r.json_words;
    return r.at == in.len ? v : NULL;
}

const struct ts_literal *ts_literal_get(const struct ts_literal *dict, const char *key)
{
    const struct ts_literal *found = NULL; /* the last one wins, as in Python */
    if (dict && dict->kind == TS_LITERAL_DICT)
        for (const struct ts_literal *v = dict->first; v; v = v->next)
            if (ts_view_is(v->key, key))
                found = v;
    return found;
}

/* ---- printing ---- */

static void print_text(struct ts_buf *out, ts_view t)
{
    bool single = ts_view_find(t, TS_LIT("'")) != SIZE_MAX;
    bool twice = ts_view_find(t, TS_LIT("\"")) != SIZE_MAX;
    uint8_t quote = single && !twice ? '"' : '\'';
    ts_buf_add_byte(out, quote);
    for (size_t i = 0; i < t.len; i++) {
        uint8_t c = t.ptr[i];
        if (c == quote || c == '\\')
            ts_buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            ts_buf_add_str(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c < 0x20 || c == 0x7f)
            ts_buf_printf(out, "\\x%02x", c);
        else
            ts_buf_add_byte(out, c);
    }
    ts_buf_add_byte(out, quote);
}

/* The shortest digits that read back, in Python's layout. */
static void print_number(struct ts_buf *out, ts_view t)
{
    bool whole = true;
    for (size_t i = 0; i < t.len; i++)
        whole &= !is_one_of(t.ptr[i], ".eE");
    if (whole) {
        ts_buf_add_view(out, t.ptr[0] == '+' ? ts_view_from(t, 1) : t);
        return;
    }
    char *copy = ts_view_dup(t);
    double v = strtod(copy, NULL);
    free(copy);
    char text_form[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text_form, sizeof text_form, "%.*g", precision, v);
        if (strtod(text_form, NULL) == v)
            break;
    }
    double size = v < 0 ? -v : v;
    if (strchr(text_form, 'e') && size >= 1e-4 && size < 1e16)
        snprintf(text_form, sizeof text_form, "%.0f", v);
    ts_buf_add_str(out, text_form);
    if (!strpbrk(text_form, ".en"))
        ts_buf_add_str(out, ".0");
}

static void print(struct ts_buf *out, const struct ts_literal *v)
{
    static const char *const brackets[] = {
        [TS_LITERAL_LIST] = "[]", [TS_LITERAL_TUPLE] = "()", [TS_LITERAL_DICT] = "{}"};
    if (v->kind == TS_LITERAL_TEXT) {
        print_text(out, v->text);
        return;
    }
    if (v->kind == TS_LITERAL_NUMBER) {
        print_number(out, v->text);
        return;
    }
    if (v->kind == TS_LITERAL_WORD) {
        ts_buf_add_view(out, v->text);
        return;
    }
    ts_buf_add_byte(out, (uint8_t)brackets[v->kind][0]);
    for (const struct ts_literal *i = v->first; i; i = i->next) {
        if (v->kind == TS_LITERAL_DICT) {
            print_text(out, i->key);
            ts_buf_add_str(out, ": ");
        }
        print(out, i);
        ts_buf_add_str(out, i->next ? ", " : "");
    }
    if (v->kind == TS_LITERAL_TUPLE && v->first && !v->first->next)
        ts_buf_add_byte(out, ',');
    ts_buf_add_byte(out, (uint8_t)brackets[v->kind][1]);
}

/* ---- canonical JSON ---- */

static int by_key(const void *a, const void *b)
{
    const struct ts_literal *x = *(const struct ts_literal *const *)a;
    const struct ts_literal *y = *(const struct ts_literal *const *)b;
    size_t common = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = common ? memcmp(x->key.ptr, y->key.ptr, common) : 0;
    if (order == 0 && x->key.len != y->key.len)
        order = x->key.len < y->key.len ? -1 : 1;
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static void canonical(struct ts_buf *out, const struct ts_literal *v);

static void canonical_dict(struct ts_buf *out, const struct ts_literal *dict)
{
    size_t n = 0;
    for (const struct ts_literal *i = dict->first; i; i = i->next)
        n++;
    const struct ts_literal **all = ts_alloc((n + 1) * sizeof *all);
    n = 0;
    for (const struct ts_literal *i = dict->first; i; i = i->next)
        all[n++] = i;
    qsort(all, n, sizeof *all, by_key);
    bool first = true;
    ts_buf_add_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i + 1 < n && ts_view_eq(all[i]->key, all[i + 1]->key))
            continue; /* of equal keys the last one counts */
        ts_buf_add_str(out, first ? "" : ",");
        ts_json_append_text(out, all[i]->key);
        ts_buf_add_byte(out, ':');
        canonical(out, all[i]);
        first = false;
    }
    ts_buf_add_byte(out, '}');
    free(all);
}

static void canonical(struct ts_buf *out, const struct ts_literal *v)
{
    if (v->kind == TS_LITERAL_TEXT) {
        ts_json_append_text(out, v->text);
    } else if (v->kind == TS_LITERAL_NUMBER) {
        print_number(out, v->text);
    } else if (v->kind == TS_LITERAL_WORD) {
        ts_buf_add_str(out, ts_view_is(v->text, "True")    ? "true"
                            : ts_view_is(v->text, "False") ? "false"
                                                           : "null");
    } else if (v->kind == TS_LITERAL_DICT) {
        canonical_dict(out, v);
    } else {
        ts_buf_add_byte(out, '[');
        for (const struct ts_literal *i = v->first; i; i = i->next) {
            canonical(out, i);
            ts_buf_add_str(out, i->next ? "," : "");
        }
        ts_buf_add_byte(out, ']');
    }
}

ts_view ts_literal_canonical(struct ts_arena *arena, const struct ts_literal *v)
{
    struct ts_buf out = TS_BUF_INIT;
    canonical(&out, v);
    ts_view printed = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return printed;
}

ts_view ts_literal_print(struct ts_arena *arena, const struct ts_literal *v)
{
    if (v->kind == TS_LITERAL_TEXT)
        return v->text;
    struct ts_buf out = TS_BUF_INIT;
    print(&out, v);
    ts_view printed = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return printed;
}
