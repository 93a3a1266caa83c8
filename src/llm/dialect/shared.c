/* shared.c - small readings that all dialects need. */
#include "llm/dialect/dialect.h"

#include "base/utf8.h"

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

static cJSON *parse_into(struct ts_arena *arena, ts_view text)
{
    cJSON *tree = ts_json_parse(text, NULL, NULL);
    if (tree)
        ts_arena_defer(arena, delete_tree, tree);
    return tree;
}

cJSON *ts_parse_value(struct ts_arena *arena, ts_view text)
{
    ts_view t = ts_view_trim(text);
    if (t.len == 0 || (t.ptr[0] != '{' && t.ptr[0] != '[' && t.ptr[0] != '"'))
        return NULL;
    cJSON *tree = parse_into(arena, t);
    if (!cJSON_IsString(tree))
        return tree;
    ts_view inner = ts_view_trim(ts_json_text(tree)); /* encoded twice, never more (§2.1) */
    bool nested = inner.len > 0 && (inner.ptr[0] == '{' || inner.ptr[0] == '[');
    cJSON *second = nested ? parse_into(arena, inner) : NULL;
    return second ? second : tree;
}

const cJSON *ts_raw_tree(struct ts_reader *r, struct ts_raw *raw, const char *key)
{
    if (!raw->tried) {
        raw->tried = true;
        raw->tree = ts_parse_value(r->arena, ts_attrs_text(&r->attrs, key));
    }
    return raw->tree;
}

bool ts_is_cut(const struct ts_reader *r, ts_view text)
{
    return r->cut_length > 0 && text.len >= r->cut_length && ts_utf8_length(text) == r->cut_length;
}

static ts_view quoted(struct ts_arena *arena, ts_view text)
{
    struct ts_buf out = TS_BUF_INIT;
    ts_json_append_text(&out, text);
    ts_view copy = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return copy;
}

ts_view ts_arguments_of_text(struct ts_arena *arena, ts_view recorded)
{
    if (ts_view_trim(recorded).len == 0)
        return TS_LIT("{}");
    cJSON *tree = ts_json_parse(recorded, NULL, NULL);
    bool valid = tree != NULL;
    cJSON_Delete(tree);
    return valid ? recorded : quoted(arena, recorded);
}

ts_view ts_arguments_of_json(struct ts_arena *arena, const cJSON *recorded)
{
    if (!recorded || cJSON_IsNull(recorded))
        return TS_LIT("{}");
    if (cJSON_IsString(recorded))
        return ts_arguments_of_text(arena, ts_json_text(recorded));
    return ts_json_print(arena, recorded);
}

void ts_add_tool_call(struct ts_tool_call *list, size_t *count, struct ts_tool_call call)
{
    for (size_t i = 0; i < *count; i++) {
        bool same_id = call.id.len > 0 && ts_view_eq(list[i].id, call.id);
        bool same_call = (call.id.len == 0 || list[i].id.len == 0) &&
                         ts_view_eq(list[i].name, call.name) &&
                         ts_view_eq(list[i].arguments, call.arguments);
        if (same_id || same_call)
            return;
    }
    list[(*count)++] = call;
}

ts_view ts_join_lines(struct ts_arena *arena, ts_view a, ts_view b)
{
    if (a.len == 0 || b.len == 0)
        return a.len ? a : b;
    uint8_t *joined = ts_arena_alloc(arena, a.len + 1 + b.len);
    memcpy(joined, a.ptr, a.len);
    joined[a.len] = '\n';
    memcpy(joined + a.len + 1, b.ptr, b.len);
    return ts_view_of(joined, a.len + 1 + b.len);
}

bool ts_tool_of_json(struct ts_arena *arena, const cJSON *json, struct ts_tool *out)
{
    static const char *const schemas[] = {"parameters", "input_schema", "inputSchema.json",
                                          "inputSchema"};
    const cJSON *body = ts_json_get(json, "function");
    if (!body)
        body = ts_json_get(json, "toolSpec");
    if (!body)
        body = json;
    out->name = ts_arena_copy(arena, ts_json_text(ts_json_get(body, "name")));
    out->description = ts_arena_copy(arena, ts_json_text(ts_json_get(body, "description")));
    const cJSON *schema = NULL;
    for (size_t i = 0; i < TS_COUNT(schemas) && !schema; i++)
        schema = ts_json_path(body, schemas[i]);
    out->parameters = schema ? ts_json_print(arena, schema) : TS_NOTHING;
    return out->name.len > 0;
}
