/* meta.c - the lists of dialects §9.3 as tables: first present value wins, empty is not present. */
#include "llm/meta.h"

#include "llm/normal.h"

/* Lists end with NULL. A '*' entry asks the raw response or request at that place of the order. */
#define RAW_RESPONSE "*response"
#define RAW_REQUEST  "*request"

static const char *const models[] = {"gen_ai.response.model",
                                     "llm.response.model_name",
                                     "llm.model_name",
                                     "ai.response.model",
                                     "langfuse.observation.model.name",
                                     "mlflow.llm.model",
                                     RAW_RESPONSE,
                                     "gen_ai.request.model",
                                     "llm.request.model_name",
                                     "ai.model.id",
                                     "langsmith.metadata.ls_model_name",
                                     RAW_REQUEST,
                                     NULL};
static const char *const response_ids[] = {"gen_ai.response.id", "ai.response.id", NULL};
static const char *const sessions[] = {"session.id",
                                       "gen_ai.conversation.id",
                                       "langfuse.session.id",
                                       "traceloop.association.properties.session_id",
                                       "ai.telemetry.metadata.sessionId",
                                       "ai.settings.context.sessionId",
                                       "langsmith.metadata.session_id",
                                       "langsmith.metadata.thread_id",
                                       "langsmith.metadata.conversation_id",
                                       "gcp.vertex.agent.session_id",
                                       NULL};
static const char *const users[] = {"user.id",
                                    "enduser.id",
                                    "langfuse.user.id",
                                    "gen_ai.user.id",
                                    "traceloop.association.properties.user_id",
                                    "ai.telemetry.metadata.userId",
                                    "ai.settings.context.userId",
                                    "langsmith.metadata.user_id",
                                    "gen_ai.request.user",
                                    "gen_ai.user",
                                    "llm.user",
                                    NULL};
static const char *const finish_reasons[] = {"gen_ai.response.finish_reasons",
                                             "llm.finish_reason",
                                             "gen_ai.response.finish_reason",
                                             "llm.response.finish_reason",
                                             "ai.response.finishReason",
                                             "ai.finishReason",
                                             "langfuse.observation.metadata.finish_reason",
                                             NULL};

static const struct count_row {
    size_t offset;
    const char *names[8];
} counts[] = {
    {offsetof(struct ts_usage, input_tokens),
     {"gen_ai.usage.input_tokens", "llm.token_count.prompt", "gen_ai.usage.prompt_tokens",
      "ai.usage.inputTokens", "ai.usage.promptTokens"}},
    {offsetof(struct ts_usage, output_tokens),
     {"gen_ai.usage.output_tokens", "llm.token_count.completion", "gen_ai.usage.completion_tokens",
      "ai.usage.outputTokens", "ai.usage.completionTokens"}},
    {offsetof(struct ts_usage, total_tokens),
     {"llm.token_count.total", "gen_ai.usage.total_tokens", "llm.usage.total_tokens",
      "ai.usage.totalTokens"}},
    {offsetof(struct ts_usage, cache_read),
     {"gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read",
      "gen_ai.usage.cache_read_input_tokens", "ai.usage.cachedInputTokens"}},
    {offsetof(struct ts_usage, cache_write),
     {"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
      "llm.token_count.prompt_details.cache_write"}},
    {offsetof(struct ts_usage, reasoning),
     {"gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning",
      "ai.usage.reasoningTokens"}},
};

static ts_view first_text(const struct ts_reader *r, const char *const *names)
{
    ts_view text = TS_NOTHING;
    for (; *names && text.len == 0; names++)
        text = ts_attrs_text(&r->attrs, *names);
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

/* An attribute's text; MLflow's are JSON texts of themselves (§2.1). */
static ts_view plain_text(struct ts_reader *r, const char *name)
{
    ts_view text = ts_attrs_text(&r->attrs, name);
    if (!ts_view_starts(ts_view_str(name), TS_LIT("mlflow.")))
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
    for (const char *const *name = models; *name && out->model.len == 0; name++) {
        if (strcmp(*name, RAW_RESPONSE) == 0)
            out->model = raw->model;
        else if (strcmp(*name, RAW_REQUEST) == 0)
            out->model = raw_model(r);
        else
            out->model = plain_text(r, *name);
    }
}

static void read_provider(struct ts_reader *r, struct ts_llm *out)
{
    static const char *const names[] = {"gen_ai.provider.name",
                                        "llm.provider",
                                        "gen_ai.system",
                                        "llm.system",
                                        "ai.model.provider",
                                        "mlflow.llm.provider",
                                        "langsmith.metadata.ls_provider"};
    ts_view system = ts_attrs_text(&r->attrs, "llm.system");
    for (size_t i = 0; i < TS_COUNT(names) && out->provider.len == 0; i++) {
        bool paired = strcmp(names[i], "llm.provider") == 0;
        ts_view recorded = plain_text(r, names[i]);
        if (!paired && ts_view_eq_nocase(recorded, TS_LIT("azure")))
            recorded = TS_LIT("azure.ai.openai"); /* §2.4; beside llm.system it is another story */
        out->provider = ts_normal_provider(r->arena, recorded, paired ? system : TS_NOTHING);
    }
    if (out->provider.len == 0)
        out->provider = ts_provider_of_model(out->model);
}

static void read_usage(struct ts_reader *r, const struct ts_payload_response *raw,
                       struct ts_usage *out)
{
    static const char *const objects[] = {"langfuse.observation.usage_details",
                                          "mlflow.chat.tokenUsage"};
    struct ts_usage told[TS_COUNT(objects)];
    for (size_t i = 0; i < TS_COUNT(objects); i++)
        told[i] = ts_usage_of(ts_attr_json(r, objects[i]));
    *out = (struct ts_usage){-1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < TS_COUNT(counts); i++) {
        int64_t *to = (int64_t *)(void *)((char *)out + counts[i].offset);
        for (const char *const *name = counts[i].names; *name && *to < 0; name++)
            if (!ts_any_int64(ts_attrs_get(&r->attrs, *name), to))
                *to = -1;
        for (size_t k = 0; k < TS_COUNT(objects) && *to < 0; k++)
            memcpy(to, (const char *)&told[k] + counts[i].offset, sizeof *to);
        if (*to < 0)
            memcpy(to, (const char *)&raw->usage + counts[i].offset, sizeof *to);
    }
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
    for (const char *const *name = finish_reasons; *name; name++)
        if (try_finish(r, finish_word(r, ts_attrs_get(&r->attrs, *name)), out))
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

/* llm.request.functions.<i>.name, .description, .parameters (§7.1) */
static void add_functions(struct ts_reader *r, struct ts_llm *out)
{
    struct ts_flats flats;
    struct ts_flats one;
    ts_attrs_flat(r->arena, &r->attrs, "llm.request.functions.", &flats);
    if (flats.count == 0 || out->has_tools)
        return;
    out->tools = ts_arena_alloc(r->arena, flats.count * sizeof *out->tools);
    out->has_tools = true;
    while (ts_flats_take(&flats, &one)) {
        const struct ts_any *schema = ts_flats_get(&one, "parameters");
        const cJSON *tree =
            ts_any_json(r->arena, schema ? schema : ts_flats_get(&one, "input_schema"));
        out->tools[out->tool_count++] =
            (struct ts_tool){ts_flats_text(&one, "name"), ts_flats_text(&one, "description"),
                             tree ? ts_json_print(r->arena, tree) : TS_NOTHING};
    }
}

static void read_tools(struct ts_reader *r, struct ts_llm *out)
{
    static const char *const lists[] = {"gen_ai.tool.definitions", "ai.prompt.tools"};
    struct ts_flats flats;
    struct ts_flats one;
    ts_attrs_flat(r->arena, &r->attrs, "llm.tools.", &flats);
    if (flats.count > 0) {
        out->tools = ts_arena_alloc(r->arena, flats.count * sizeof *out->tools);
        out->has_tools = true;
    }
    while (ts_flats_take(&flats, &one)) {
        const cJSON *json = ts_any_json(r->arena, ts_flats_get(&one, "tool.json_schema"));
        out->tool_count += json && ts_tool_of_json(r->arena, json, &out->tools[out->tool_count]);
    }
    ts_meta_tools(r->arena, ts_attr_json(r, "llm.tools"), out);
    for (size_t i = 0; i < TS_COUNT(lists); i++)
        ts_meta_tools(r->arena, ts_attr_json(r, lists[i]), out);
    add_functions(r, out);
    ts_meta_tools(r->arena, ts_attr_json(r, "mlflow.chat.tools"), out);
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
    if (read_format_json(r, ts_parameter(r, "response_format"), out) ||
        read_schema(r, "gen_ai.request.structured_output_schema", out) ||
        read_schema(r, "ai.schema", out))
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
    out->response_id = first_text(r, response_ids);
    if (out->response_id.len == 0)
        out->response_id = raw.id;
    read_usage(r, &raw, &out->usage);
    read_finish(r, finish_raw, &raw, out);
    read_tools(r, out);
    read_format(r, out);
    out->logprobs = raw.logprobs;
    out->logprob_count = raw.logprob_count;
    out->has_logprobs = raw.has_logprobs;
    out->session_id = first_text(r, sessions);
    out->user_id = first_text(r, users);
}
