#include "pipeline/scorer/local_schema.h"

#include "base/utf8.h"

#include <math.h>

enum { DEEPEST = 64 };

struct check {
    struct ts_arena *arena;
    const cJSON *root; /* of the schema, for $ref */
    int depth;
};

static ts_view validate(struct check *c, const cJSON *schema, const cJSON *value, ts_view path);

static const char *type_name(const cJSON *v)
{
    if (cJSON_IsObject(v))
        return "object";
    if (cJSON_IsArray(v))
        return "array";
    if (cJSON_IsString(v))
        return "string";
    if (cJSON_IsBool(v))
        return "boolean";
    return cJSON_IsNumber(v) ? "number" : "null";
}

static bool has_type(const cJSON *v, ts_view type)
{
    if (ts_view_is(type, "integer"))
        return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble);
    return ts_view_is(type, type_name(v));
}

static ts_view check_type(struct check *c, const cJSON *type, const cJSON *v, ts_view path)
{
    bool ok = !type || (cJSON_IsString(type) && has_type(v, ts_json_text(type)));
    const cJSON *one;
    if (cJSON_IsArray(type))
        cJSON_ArrayForEach(one, type) ok = ok || has_type(v, ts_json_text(one));
    if (ok)
        return TS_NOTHING;
    return ts_arena_printf(c->arena, "'" TS_FMT "' is %s %s, not the type that was asked for",
                           TS_ARG(path), strchr("aeiou", type_name(v)[0]) ? "an" : "a",
                           type_name(v));
}

static ts_view below(struct check *c, ts_view path, const char *key)
{
    ts_view name = ts_view_cut(ts_view_str(key), 0, 60);
    return path.len ? ts_arena_printf(c->arena, TS_FMT "." TS_FMT, TS_ARG(path), TS_ARG(name))
                    : ts_arena_copy(c->arena, name);
}

static ts_view check_object(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    const cJSON *properties = ts_json_get(schema, "properties");
    const cJSON *extra = ts_json_get(schema, "additionalProperties");
    const cJSON *item;
    cJSON_ArrayForEach(item, ts_json_get(schema, "required")) if (
        cJSON_IsString(item) &&
        !ts_json_get(
            v,
            item->valuestring)) return ts_arena_printf(c->arena, "'" TS_FMT "' is missing",
                                                       TS_ARG(below(c, path, item->valuestring)));
    cJSON_ArrayForEach(item, v)
    {
        const cJSON *rule = ts_json_get(properties, item->string);
        ts_view here = below(c, path, item->string);
        if (!rule && cJSON_IsFalse(extra))
            return ts_arena_printf(c->arena, "'" TS_FMT "' is not in the schema", TS_ARG(here));
        if (!rule && cJSON_IsObject(extra))
            rule = extra;
        ts_view wrong = rule ? validate(c, rule, item, here) : TS_NOTHING;
        if (wrong.len)
            return wrong;
    }
    return TS_NOTHING;
}

static ts_view check_limit(struct check *c, const cJSON *schema, const char *key, double value,
                           bool least, bool exclusive, ts_view path)
{
    const cJSON *limit = ts_json_get(schema, key);
    if (!cJSON_IsNumber(limit))
        return TS_NOTHING;
    double l = limit->valuedouble;
    bool ok = least ? (exclusive ? value > l : value >= l) : (exclusive ? value < l : value <= l);
    if (ok)
        return TS_NOTHING;
    return ts_arena_printf(c->arena, "'" TS_FMT "' breaks %s %g", TS_ARG(path), key, l);
}

static ts_view check_range(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    static const struct {
        const char *key;
        char kind; /* n number, s string length, a items */
        bool least, exclusive;
    } rows[] = {{"minimum", 'n', true, false},         {"maximum", 'n', false, false},
                {"exclusiveMinimum", 'n', true, true}, {"exclusiveMaximum", 'n', false, true},
                {"minLength", 's', true, false},       {"maxLength", 's', false, false},
                {"minItems", 'a', true, false},        {"maxItems", 'a', false, false}};
    char kind = cJSON_IsNumber(v) ? 'n' : cJSON_IsString(v) ? 's' : cJSON_IsArray(v) ? 'a' : 0;
    double value = kind == 'n'   ? v->valuedouble
                   : kind == 's' ? (double)ts_utf8_length(ts_json_text(v))
                                 : (double)cJSON_GetArraySize(v);
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        if (rows[i].kind != kind)
            continue;
        ts_view wrong =
            check_limit(c, schema, rows[i].key, value, rows[i].least, rows[i].exclusive, path);
        if (wrong.len)
            return wrong;
    }
    return TS_NOTHING;
}

static ts_view check_items(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    const cJSON *rule = ts_json_get(schema, "items");
    const cJSON *item;
    int i = 0;
    if (!cJSON_IsObject(rule))
        return TS_NOTHING;
    cJSON_ArrayForEach(item, v)
    {
        ts_view here = ts_arena_printf(c->arena, TS_FMT "[%d]", TS_ARG(path), i++);
        ts_view wrong = validate(c, rule, item, here);
        if (wrong.len)
            return wrong;
    }
    return TS_NOTHING;
}

static ts_view check_words(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    const cJSON *words = ts_json_get(schema, "enum");
    const cJSON *constant = ts_json_get(schema, "const");
    const cJSON *word;
    bool ok = !cJSON_IsArray(words);
    if (!ok)
        cJSON_ArrayForEach(word, words) ok = ok || cJSON_Compare(word, v, true);
    ok = ok && (!constant || cJSON_Compare(constant, v, true));
    return ok ? TS_NOTHING
              : ts_arena_printf(c->arena, "'" TS_FMT "' is none of the allowed values",
                                TS_ARG(path));
}

/* anyOf and oneOf hold when some (one) of them holds, allOf when all do. */
static ts_view check_choices(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    static const char *const keys[] = {"anyOf", "oneOf"};
    const cJSON *rule;
    cJSON_ArrayForEach(rule, ts_json_get(schema, "allOf"))
    {
        ts_view wrong = validate(c, rule, v, path);
        if (wrong.len)
            return wrong;
    }
    for (size_t i = 0; i < TS_COUNT(keys); i++) {
        const cJSON *rules = ts_json_get(schema, keys[i]);
        int fits = 0;
        if (!cJSON_IsArray(rules))
            continue;
        cJSON_ArrayForEach(rule, rules) fits += validate(c, rule, v, path).len == 0;
        if (fits == 0 || (i == 1 && fits > 1))
            return ts_arena_printf(c->arena, "'" TS_FMT "' fits %s of the allowed forms",
                                   TS_ARG(path), fits ? "several" : "none");
    }
    return TS_NOTHING;
}

static const cJSON *resolve(struct check *c, const cJSON *schema)
{
    ts_view ref = ts_json_text(ts_json_get(schema, "$ref"));
    static const char *const homes[] = {"$defs", "definitions"};
    if (ts_view_is(ref, "#"))
        return c->root;
    for (size_t i = 0; i < TS_COUNT(homes); i++) {
        ts_view prefix = ts_arena_printf(c->arena, "#/%s/", homes[i]);
        if (ref.len > prefix.len && ts_view_starts(ref, prefix))
            return ts_json_get(ts_json_get(c->root, homes[i]), (const char *)ref.ptr + prefix.len);
    }
    return NULL;
}

static ts_view validate(struct check *c, const cJSON *schema, const cJSON *v, ts_view path)
{
    ts_view shown = path.len ? path : TS_LIT("the value");
    if (!cJSON_IsObject(schema) || c->depth >= DEEPEST)
        return TS_NOTHING;
    c->depth++;
    ts_view wrong = TS_NOTHING;
    if (ts_json_get(schema, "$ref")) {
        const cJSON *target = resolve(c, schema);
        wrong = target ? validate(c, target, v, path) : TS_NOTHING;
    }
    if (!wrong.len)
        wrong = check_type(c, ts_json_get(schema, "type"), v, shown);
    if (!wrong.len)
        wrong = check_words(c, schema, v, shown);
    if (!wrong.len)
        wrong = check_range(c, schema, v, shown);
    if (!wrong.len && cJSON_IsObject(v))
        wrong = check_object(c, schema, v, path);
    if (!wrong.len && cJSON_IsArray(v))
        wrong = check_items(c, schema, v, shown);
    if (!wrong.len)
        wrong = check_choices(c, schema, v, path);
    c->depth--;
    return wrong;
}

ts_view ts_schema_violation(struct ts_arena *arena, const cJSON *schema, const cJSON *value)
{
    struct check c = {arena, schema, 0};
    return validate(&c, schema, value, TS_NOTHING);
}
