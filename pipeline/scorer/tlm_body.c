#include "pipeline/scorer/tlm_body.h"

#include "json/json.h"

static bool is_json_scalar(const struct ts_node *n)
{
    cJSON *tree = n->quoted ? NULL : ts_json_parse(n->text, NULL, NULL);
    bool is = cJSON_IsNumber(tree) || cJSON_IsBool(tree);
    cJSON_Delete(tree);
    return is;
}

static void add_value(struct ts_buf *out, const struct ts_node *n)
{
    if (n->kind == TS_NODE_NULL) {
        ts_buf_add_str(out, "null");
    } else if (n->kind == TS_NODE_SCALAR) {
        if (is_json_scalar(n))
            ts_buf_add_view(out, n->text);
        else
            ts_json_append_text(out, n->text);
    } else {
        bool map = n->kind == TS_NODE_MAP;
        ts_buf_add_byte(out, map ? '{' : '[');
        for (const struct ts_node *i = n->first; i; i = i->next) {
            ts_buf_add_str(out, i == n->first ? "" : ",");
            if (map) {
                ts_json_append_text(out, i->key);
                ts_buf_add_byte(out, ':');
            }
            add_value(out, i);
        }
        ts_buf_add_byte(out, map ? '}' : ']');
    }
}

ts_view ts_tlm_extra_body(struct ts_arena *arena, const struct ts_node *body)
{
    struct ts_buf out = TS_BUF_INIT;
    if (!body || body->kind != TS_NODE_MAP || !body->first)
        return TS_NOTHING;
    add_value(&out, body);
    ts_view members = ts_arena_copy(arena, ts_view_cut(ts_buf_view(&out), 1, out.len - 2));
    ts_buf_release(&out);
    return members;
}

/* Where the member or value that begins at `i` ends. The text is our own, so it is good JSON. */
static size_t end_of(ts_view json, size_t i)
{
    int depth = 0;
    bool quoted = false;
    for (; i < json.len; i++) {
        uint8_t c = json.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (quoted)
            continue;
        else if (c == '{' || c == '[')
            depth++;
        else if (depth == 0 && (c == ',' || c == '}'))
            break;
        else if (c == '}' || c == ']')
            depth--;
    }
    return i;
}

static bool is_given(const struct ts_node *body, ts_view member)
{
    static const char *const length[] = {"max_tokens", "max_completion_tokens"}; /* mean the same */
    ts_view key = ts_view_cut(member, 1, ts_view_find(member, TS_LIT("\":")) - 1);
    bool is_length = ts_view_is(key, length[0]) || ts_view_is(key, length[1]);
    for (const struct ts_node *n = body->first; n; n = n->next)
        if (ts_view_eq(n->key, key) ||
            (is_length && (ts_view_is(n->key, length[0]) || ts_view_is(n->key, length[1]))))
            return true;
    return false;
}

void ts_tlm_drop_overridden(const struct ts_node *body, ts_view extra, struct ts_buf *request)
{
    if (!body || body->kind != TS_NODE_MAP || extra.len == 0)
        return;
    ts_view all = ts_buf_view(request);
    size_t ours = all.len - extra.len - 1; /* behind our members and the comma; then extra and } */
    size_t to = 1;
    for (size_t i = 1; i < ours;) {
        size_t end = end_of(all, i) + 1; /* with its comma */
        if (!is_given(body, ts_view_cut(all, i, end - i))) {
            memmove(request->ptr + to, request->ptr + i, end - i);
            to += end - i;
        }
        i = end;
    }
    memmove(request->ptr + to, request->ptr + ours, all.len - ours);
    request->len = to + all.len - ours;
}
