/* meta.c - the fields of dialects §9.3, from the keys that the dialects name: the first present value wins,
 * empty is not present. */
#include "llm/meta.h"

#include "llm/normal.h"

static ts_view first_text(const struct ts_reader *r, enum ts_meta_field field)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(field, &count);
    ts_view text = TS_NOTHING;
    for (size_t i = 0; i < count && text.len == 0; i++)
        text = ts_attrs_text(&r->attrs, keys[i]->key);
    return text;
}

/* ---- raw payloads ---- */

static bool mentions(ts_view text, const char *key)
{
    return ts_view_find(text, ts_view_str(key)) != SIZE_MAX;
}

/* Parsing the request again only pays when it says something that is asked for. In a text that was encoded
 * twice the quotes are escaped. */
static bool may_mention(const struct ts_any *input, const char *key)
{
    ts_view text = ts_view_trim(ts_any_text(input));
    bool structure = input && (input->type == TS_ANY_KVLIST || input->type == TS_ANY_ARRAY);
    return structure || (text.len > 0 && text.ptr[0] == '"') || mentions(text, key);
}

const struct ts_payload_request *ts_meta_raw_request(struct ts_reader *r, const char *about)
{
    if (r->request || !may_mention(ts_attrs_get(&r->attrs, "input.value"), about))
        return r->request;
    struct ts_payload_request *request = ts_arena_alloc(r->arena, sizeof *request);
    if (ts_payload_read_request(r->arena, ts_raw_tree(r, &r->input, "input.value"), request))
        r->request = request;
    return r->request;
}

/* ---- fields ---- */

/* An attribute's text, whether it is encoded once more (§2.1) or not. */
static ts_view plain_text(struct ts_reader *r, const struct ts_meta_key *key)
{
    ts_view text = ts_attrs_text(&r->attrs, key->key);
    if (!key->is_json)
        return text;
    const cJSON *tree = ts_parse_value(r->arena, text);
    return cJSON_IsString(tree) ? ts_json_text(tree) : text;
}

static ts_view raw_model(struct ts_reader *r)
{
    const struct ts_payload_request *request = ts_meta_raw_request(r, "\"model\"");
    return request ? request->model : TS_NOTHING;
}

static void read_model(struct ts_reader *r, const struct ts_payload_response *raw,
                       struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(TS_META_MODEL, &count);
    for (size_t i = 0; i < count && out->model.len == 0; i++) {
        if (strcmp(keys[i]->key, TS_META_RAW_RESPONSE) == 0)
            out->model = raw->model;
        else if (strcmp(keys[i]->key, TS_META_RAW_REQUEST) == 0)
            out->model = raw_model(r);
        else
            out->model = plain_text(r, keys[i]);
    }
}

static void read_provider(struct ts_reader *r, struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(TS_META_PROVIDER, &count);
    ts_view system = ts_attrs_text(&r->attrs, "llm.system");
    for (size_t i = 0; i < count && out->provider.len == 0; i++) {
        bool paired = strcmp(keys[i]->key, "llm.provider") == 0;
        ts_view recorded = plain_text(r, keys[i]);
        if (!paired && ts_view_eq_nocase(recorded, TS_LIT("azure")))
            recorded = TS_LIT("azure.ai.openai"); /* §2.4; beside llm.system it is another story */
        out->provider = ts_normal_provider(r->arena, recorded, paired ? system : TS_NOTHING);
    }
    if (out->provider.len == 0)
        out->provider = ts_provider_of_model(out->model);
}

/* The counts in the order of their fields; the same in a record, an object, a raw payload. */
static int64_t *count_of(struct ts_usage *usage, enum ts_meta_field field)
{
    int64_t *const counts[] = {&usage->input_tokens, &usage->output_tokens, &usage->total_tokens,
                               &usage->cache_read,   &usage->cache_write,   &usage->reasoning};
    return counts[field - TS_META_INPUT_TOKENS];
}

static int64_t first_count(const struct ts_reader *r, enum ts_meta_field field)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(field, &count);
    int64_t number;
    for (size_t i = 0; i < count; i++)
        if (ts_any_int64(ts_attrs_get(&r->attrs, keys[i]->key), &number) && number >= 0)
            return number;
    return -1;
}

/* Where `to` has no count, that of `from`. */
static void fill_counts(struct ts_usage *to, struct ts_usage from)
{
    for (enum ts_meta_field f = TS_META_INPUT_TOKENS; f <= TS_META_REASONING; f++)
        if (*count_of(to, f) < 0)
            *count_of(to, f) = *count_of(&from, f);
}

static void read_usage(struct ts_reader *r, const struct ts_payload_response *raw,
                       struct ts_usage *out)
{
    size_t count;
    const struct ts_meta_key *const *objects = ts_meta_keys(TS_META_USAGE, &count);
    for (enum ts_meta_field f = TS_META_INPUT_TOKENS; f <= TS_META_REASONING; f++)
        *count_of(out, f) = first_count(r, f);
    for (size_t i = 0; i < count; i++)
        if (ts_attrs_get(&r->attrs, objects[i]->key))
            fill_counts(out, ts_usage_of(ts_attr_json(r, objects[i]->key)));
    fill_counts(out, raw->usage);
    if (out->total_tokens < 0 && out->input_tokens >= 0 && out->output_tokens >= 0)
        out->total_tokens = ts_count_sum(out->input_tokens, out->output_tokens);
}

/* A recorded value as one word; an array gives its first. */
static ts_view finish_word(struct ts_reader *r, const struct ts_any *any)
{
    struct ts_any first;
    if (any && any->type == TS_ANY_ARRAY) {
        struct ts_cursor items = ts_cursor_of(any->bytes);
        return ts_any_next(&items, &first) ? ts_any_text(&first) : TS_NOTHING;
    }
    return ts_first_word(r->arena, ts_any_text(any));
}

static bool try_finish(struct ts_reader *r, ts_view word, struct ts_llm *out)
{
    ts_view normal = ts_normal_finish(r->arena, word);
    if (normal.len == 0)
        return false;
    out->finish_reason = normal;
    out->finish_reason_raw = word;
    return true;
}

static void read_finish(struct ts_reader *r, ts_view of_source,
                        const struct ts_payload_response *raw, struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(TS_META_FINISH_REASON, &count);
    for (size_t i = 0; i < count; i++)
        if (try_finish(r, finish_word(r, ts_attrs_get(&r->attrs, keys[i]->key)), out))
            return;
    if (try_finish(r, of_source, out) || try_finish(r, raw->side.finish_raw, out))
        return;
    try_finish(r, ts_json_text(ts_parameter(r, "stop_reason")), out); /* Bedrock Converse */
}

/* Gemini: one entry holds several (§5.1). */
static const cJSON *declarations(const cJSON *item)
{
    const cJSON *list = ts_json_get(item, "function_declarations");
    return list ? list : ts_json_get(item, "functionDeclarations");
}

static size_t count_tools(const cJSON *list)
{
    size_t n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) n += 1 + (size_t)cJSON_GetArraySize(declarations(item));
    return n;
}

static void add_tool(struct ts_arena *arena, const cJSON *item, struct ts_llm *out)
{
    const cJSON *json = cJSON_IsString(item) ? ts_parse_value(arena, ts_json_text(item)) : item;
    const cJSON *inner;
    if (declarations(json))
        cJSON_ArrayForEach(inner, declarations(json)) add_tool(arena, inner, out);
    else if (json)
        out->tool_count += ts_tool_of_json(arena, json, &out->tools[out->tool_count]);
}

void ts_meta_tools(struct ts_arena *arena, const cJSON *list, struct ts_llm *out)
{
    if (!cJSON_IsArray(list) || out->has_tools)
        return;
    out->tools = ts_arena_alloc(arena, (count_tools(list) + 1) * sizeof *out->tools);
    out->has_tools = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) add_tool(arena, item, out);
}

static void read_tools(struct ts_reader *r, struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *keys = ts_meta_keys(TS_META_TOOLS, &count);
    for (size_t i = 0; i < count && !out->has_tools; i++) {
        if (keys[i]->read_tools)
            keys[i]->read_tools(r, keys[i]->key, out);
        else
            ts_meta_tools(r->arena, ts_attr_json(r, keys[i]->key), out);
    }
    const struct ts_payload_request *request =
        out->has_tools ? NULL : ts_meta_raw_request(r, "\"tools\"");
    if (request)
        ts_meta_tools(r->arena, request->tools, out);
}

static bool read_format_json(struct ts_reader *r, const cJSON *format, struct ts_llm *out)
{
    ts_view type = ts_json_text(ts_json_get(format, "type"));
    if (ts_view_is(type, "json_schema")) {
        const cJSON *schema = ts_json_path(format, "json_schema.schema");
        if (!schema)
            schema = ts_json_get(format, "schema"); /* Responses */
        out->format_type = TS_FORMAT_JSON_SCHEMA;
        out->format_schema = schema ? ts_json_print(r->arena, schema) : TS_NOTHING;
    } else if (ts_view_is(type, "json_object")) {
        out->format_type = TS_FORMAT_JSON_OBJECT;
    } else if (ts_view_is(type, "text")) {
        out->format_type = TS_FORMAT_TEXT;
    }
    return out->format_type != TS_FORMAT_NONE;
}

static bool read_schema(struct ts_reader *r, const char *name, struct ts_llm *out)
{
    const struct ts_any *value = ts_attrs_get(&r->attrs, name);
    ts_view text = ts_any_text(value);
    const cJSON *tree = text.len ? NULL : ts_any_json(r->arena, value);
    ts_view schema = tree ? ts_json_print(r->arena, tree) : ts_json_clean(r->arena, text);
    if (schema.len == 0)
        return false;
    out->format_type = TS_FORMAT_JSON_SCHEMA;
    out->format_schema = schema;
    return true;
}

static void read_format(struct ts_reader *r, struct ts_llm *out)
{
    size_t count;
    const struct ts_meta_key *const *schemas = ts_meta_keys(TS_META_SCHEMA, &count);
    if (read_format_json(r, ts_parameter(r, "response_format"), out))
        return;
    for (size_t i = 0; i < count; i++)
        if (read_schema(r, schemas[i]->key, out))
            return;
    static const char *const keys[] = {"\"response_format\"",    "\"format\"",
                                       "\"response_schema\"",    "\"responseSchema\"",
                                       "\"response_mime_type\"", "\"responseMimeType\""};
    const struct ts_payload_request *request = NULL;
    for (size_t i = 0; i < TS_COUNT(keys) && !request; i++)
        request = ts_meta_raw_request(r, keys[i]);
    if (request && read_format_json(r, request->response_format, out))
        return;
    ts_view word = ts_attrs_text(&r->attrs, "gen_ai.openai.request.response_format");
    ts_view type = ts_attrs_text(&r->attrs, "gen_ai.output.type");
    if (ts_view_is(word, "json_schema"))
        out->format_type = TS_FORMAT_JSON_SCHEMA;
    else if (ts_view_is(word, "json_object") || (word.len == 0 && ts_view_is(type, "json")))
        out->format_type = TS_FORMAT_JSON_OBJECT;
    else if (ts_view_is(word, "text") || (word.len == 0 && ts_view_is(type, "text")))
        out->format_type = TS_FORMAT_TEXT;
}

void ts_meta_read(struct ts_reader *r, ts_view finish_raw, struct ts_llm *out)
{
    struct ts_payload_response raw;
    if (r->response)
        raw = *r->response;
    else
        ts_payload_read_response(r->arena, ts_raw_tree(r, &r->output, "output.value"), &raw);
    read_model(r, &raw, out);
    read_provider(r, out);
    out->response_id = first_text(r, TS_META_RESPONSE_ID);
    if (out->response_id.len == 0)
        out->response_id = raw.id;
    read_usage(r, &raw, &out->usage);
    read_finish(r, finish_raw, &raw, out);
    read_tools(r, out);
    read_format(r, out);
    out->logprobs = raw.logprobs;
    out->logprob_count = raw.logprob_count;
    out->has_logprobs = raw.has_logprobs;
    out->session_id = first_text(r, TS_META_SESSION);
    out->user_id = first_text(r, TS_META_USER);
}
