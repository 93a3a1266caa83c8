/* shared.c - small readings that all dialects need. */
#include "llm/dialect/dialect.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

cJSON *ts_keep_tree(struct ts_arena *arena, cJSON *tree)
{
    ts_arena_defer(arena, delete_tree, tree);
    return tree;
}

static cJSON *parse_into(struct ts_arena *arena, ts_view text)
{
    cJSON *tree = ts_json_parse(text, NULL, NULL);
    return tree ? ts_keep_tree(arena, tree) : NULL;
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
        raw->tree = ts_attr_json(r, key);
    }
    return raw->tree;
}

const cJSON *ts_attr_json(struct ts_reader *r, const char *name)
{
    return ts_any_json(r->arena, ts_attrs_get(&r->attrs, name));
}

const cJSON *ts_parameter(struct ts_reader *r, const char *name)
{
    return ts_json_get(ts_raw_tree(r, &r->parameters, "llm.invocation_parameters"), name);
}

bool ts_is_cut(const struct ts_reader *r, ts_view text)
{
    return r->cut_length > 0 && text.len >= r->cut_length && ts_utf8_length(text) == r->cut_length;
}

bool ts_any_cut(const struct ts_reader *r, const struct ts_indexed_attrs *values)
{
    for (size_t i = 0; r->cut_length && i < values->count; i++)
        if (ts_is_cut(r, ts_any_text(values->items[i].value)))
            return true;
    return false;
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
    ts_view clean = ts_json_clean(arena, recorded);
    return clean.len ? clean : quoted(arena, recorded);
}

ts_view ts_arguments_of_json(struct ts_arena *arena, const cJSON *recorded)
{
    if (!recorded || cJSON_IsNull(recorded))
        return TS_LIT("{}");
    if (cJSON_IsString(recorded))
        return ts_arguments_of_text(arena, ts_json_text(recorded));
    return ts_json_print(arena, recorded);
}

ts_view ts_arguments_of_any(struct ts_arena *arena, const struct ts_any *recorded)
{
    bool structure =
        recorded && (recorded->type == TS_ANY_ARRAY || recorded->type == TS_ANY_KVLIST);
    return structure ? ts_arguments_of_json(arena, ts_any_json(arena, recorded))
                     : ts_arguments_of_text(arena, ts_any_text(recorded));
}

void ts_add_tool_call(struct ts_tool_call *list, size_t *count, struct ts_tool_call call)
{
    enum { NEAR = 256 }; /* how far back a copy is looked for: a list of any length is linear */
    for (size_t i = *count > NEAR ? *count - NEAR : 0; i < *count; i++) {
        bool same_id = call.id.len > 0 && ts_view_eq(list[i].id, call.id);
        bool same_call = (call.id.len == 0 || list[i].id.len == 0) &&
                         ts_view_eq(list[i].name, call.name) &&
                         ts_view_eq(list[i].arguments, call.arguments);
        if (same_id || same_call)
            return;
    }
    list[(*count)++] = call;
}

void ts_text_add(struct ts_arena *arena, struct ts_text *text, ts_view piece, const char *between)
{
    size_t gap = strlen(between);
    size_t need = text->view.len + gap + piece.len;
    if (piece.len == 0)
        return;
    if (text->view.len == 0) {
        *text = (struct ts_text){piece, 0};
        return;
    }
    uint8_t *bytes = (uint8_t *)(uintptr_t)text->view.ptr;
    if (need > text->room) {
        text->room = text->room ? 2 * need : need;
        bytes = ts_arena_alloc(arena, text->room);
        memcpy(bytes, text->view.ptr, text->view.len);
    }
    memcpy(bytes + text->view.len, between, gap);
    memcpy(bytes + text->view.len + gap, piece.ptr, piece.len);
    text->view = ts_view_of(bytes, need);
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

/* ---- usage ---- */

static int64_t first_count(const cJSON *usage, const char *const *names)
{
    int64_t n;
    for (; *names; names++)
        if (ts_json_int64(ts_json_path(usage, *names), &n))
            return n;
    return -1;
}

int64_t ts_count_sum(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? -1 : sum;
}

struct ts_usage ts_usage_of(const cJSON *usage)
{
    static const char *const input[] = {"prompt_tokens",
                                        "input_tokens",
                                        "promptTokenCount",
                                        "prompt_token_count",
                                        "inputTokens",
                                        "input",
                                        NULL};
    static const char *const output[] = {"completion_tokens",
                                         "output_tokens",
                                         "candidatesTokenCount",
                                         "candidates_token_count",
                                         "outputTokens",
                                         "output",
                                         NULL};
    static const char *const total[] = {"total_tokens", "totalTokenCount", "total_token_count",
                                        "totalTokens",  "total",           NULL};
    static const char *const cached[] = {
        "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens",
        "cache_read_input_tokens", "cachedContentTokenCount", NULL};
    static const char *const written[] = {"cache_creation_input_tokens", NULL};
    static const char *const reasoning[] = {"completion_tokens_details.reasoning_tokens",
                                            "output_tokens_details.reasoning_tokens",
                                            "thoughtsTokenCount", "thoughts_token_count", NULL};
    return (struct ts_usage){first_count(usage, input),   first_count(usage, output),
                             first_count(usage, total),   first_count(usage, cached),
                             first_count(usage, written), first_count(usage, reasoning)};
}

/* ---- attribute values as JSON ---- */

static cJSON *convert(const struct ts_any *any, int depth, size_t *room);

static cJSON *convert_list(ts_view list, bool map, int depth, size_t *room)
{
    cJSON *out = map ? cJSON_CreateObject() : cJSON_CreateArray();
    struct ts_cursor c = ts_cursor_of(list);
    struct ts_field f;
    while (*room > 0 && !ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        struct ts_attr pair = {0};
        bool ok = f.number == TS_LIST_VALUES && f.wire == TS_WIRE_LEN &&
                  (map ? ts_attr_read(f.bytes, &pair) : ts_any_read(f.bytes, &pair.value));
        if (!ok)
            continue;
        --*room;
        cJSON *item = convert(&pair.value, depth + 1, room);
        if (!map) {
            cJSON_AddItemToArray(out, item);
            continue;
        }
        cJSON *key = ts_json_new_text(pair.key);
        cJSON_AddItemToObject(out, key->valuestring, item);
        cJSON_Delete(key);
    }
    return out;
}

static cJSON *convert(const struct ts_any *any, int depth, size_t *room)
{
    char digits[24];
    if (depth > TS_ANY_MAX_DEPTH)
        return cJSON_CreateNull();
    switch (any->type) {
    case TS_ANY_STRING:
    case TS_ANY_BYTES:
        return any->type == TS_ANY_BYTES && !ts_utf8_valid(any->bytes)
                   ? cJSON_CreateNull()
                   : ts_json_new_text(any->bytes);
    case TS_ANY_BOOL:
        return cJSON_CreateBool(any->i != 0);
    case TS_ANY_INT:
        if (any->i >= -TS_JSON_EXACT && any->i <= TS_JSON_EXACT)
            return cJSON_CreateNumber((double)any->i);
        snprintf(digits, sizeof digits, "%" PRId64, any->i);
        return cJSON_CreateString(digits); /* as ts_json_parse has it */
    case TS_ANY_DOUBLE:
        return cJSON_CreateNumber(any->d);
    case TS_ANY_ARRAY:
    case TS_ANY_KVLIST:
        return convert_list(any->bytes, any->type == TS_ANY_KVLIST, depth, room);
    default:
        return cJSON_CreateNull();
    }
}

const cJSON *ts_any_json(struct ts_arena *arena, const struct ts_any *any)
{
    if (!any || (any->type != TS_ANY_ARRAY && any->type != TS_ANY_KVLIST))
        return ts_parse_value(arena, ts_any_text(any));
    size_t room = ts_json_default.max_values;
    cJSON *tree = convert(any, 0, &room);
    if (room == 0) {
        cJSON_Delete(tree);
        return NULL;
    }
    return ts_keep_tree(arena, tree);
}

void ts_indexed_tools(struct ts_reader *r, const char *prefix, struct ts_indexed_attrs *indexed,
                      struct ts_llm *out)
{
    ts_attrs_indexed(r->arena, &r->attrs, prefix, indexed);
    if (indexed->count == 0)
        return;
    out->tools = ts_arena_alloc(r->arena, indexed->count * sizeof *out->tools);
    out->has_tools = true;
}
