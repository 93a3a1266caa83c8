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

bool ts_meta_raw_request(struct ts_reader *r, struct ts_payload_request *out)
{
    if (r->request) {
        *out = *r->request;
        return true;
    }
    return ts_payload_read_request(r->arena, ts_raw_tree(r, &r->input, "input.value"), out);
}

/* Parsing the request again only pays when it says something that is asked for. */
static bool request_about(struct ts_reader *r, const char *key, struct ts_payload_request *out)
{
    return (r->request || mentions(ts_attrs_text(&r->attrs, "input.value"), key)) &&
           ts_meta_raw_request(r, out);
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

static void read_model(struct ts_reader *r, const struct ts_payload_response *raw,
                       struct ts_llm *out)
{
    struct ts_payload_request request;
    for (const char *const *name = models; *name && out->model.len == 0; name++) {
        if (strcmp(*name, RAW_RESPONSE) == 0)
            out->model = raw->model;
        else if (strcmp(*name, RAW_REQUEST) == 0)
            out->model = request_about(r, "\"model\"", &request) ? request.model : TS_NOTHING;
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
    struct ts_usage told = {-1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < TS_COUNT(objects); i++)
        if (ts_attrs_text(&r->attrs, objects[i]).len > 0)
            told = ts_usage_of(ts_parse_value(r->arena, ts_attrs_text(&r->attrs, objects[i])));
    *out = (struct ts_usage){-1, -1, -1, -1, -1, -1};
    for (size_t i = 0; i < TS_COUNT(counts); i++) {
        int64_t *to = (int64_t *)(void *)((char *)out + counts[i].offset);
        for (const char *const *name = counts[i].names; *name && *to < 0; name++)
            if (!ts_any_int64(ts_attrs_get(&r->attrs, *name), to))
                *to = -1;
        if (*to < 0)
            memcpy(to, (const char *)&told + counts[i].offset, sizeof *to);
        if (*to < 0)
            memcpy(to, (const char *)&raw->usage + counts[i].offset, sizeof *to);
    }
    if (out->total_tokens < 0 && out->input_tokens >= 0 && out->output_tokens >= 0)
        out->total_tokens = out->input_tokens + out->output_tokens;
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
    ts_view parameters = ts_attrs_text(&r->attrs, "llm.invocation_parameters");
    if (mentions(parameters, "\"stop_reason\"")) /* Bedrock Converse, and nowhere else */
        try_finish(
            r, ts_json_text(ts_json_get(ts_parse_value(r->arena, parameters), "stop_reason")), out);
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
        ts_view schema = ts_flats_text(&one, "parameters");
        if (schema.len == 0)
            schema = ts_flats_text(&one, "input_schema");
        const cJSON *tree = ts_parse_value(r->arena, schema);
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
    struct ts_payload_request request;
    ts_attrs_flat(r->arena, &r->attrs, "llm.tools.", &flats);
    if (flats.count > 0) {
        out->tools = ts_arena_alloc(r->arena, flats.count * sizeof *out->tools);
        out->has_tools = true;
    }
    while (ts_flats_take(&flats, &one)) {
        const cJSON *json = ts_parse_value(r->arena, ts_flats_text(&one, "tool.json_schema"));
        out->tool_count += json && ts_tool_of_json(r->arena, json, &out->tools[out->tool_count]);
    }
    ts_meta_tools(r->arena, ts_parse_value(r->arena, ts_attrs_text(&r->attrs, "llm.tools")), out);
    for (size_t i = 0; i < TS_COUNT(lists); i++)
        ts_meta_tools(r->arena, ts_any_json(r->arena, ts_attrs_get(&r->attrs, lists[i])), out);
    add_functions(r, out);
    ts_meta_tools(r->arena, ts_any_json(r->arena, ts_attrs_get(&r->attrs, "mlflow.chat.tools")),
                  out);
    if (!out->has_tools && request_about(r, "\"tools\"", &request))
        ts_meta_tools(r->arena, request.tools, out);
}

static bool read_format_json(struct ts_reader *r, const cJSON *format, struct ts_llm *out)
{
    ts_view type = ts_json_text(ts_json_get(format, "type"));
    if (ts_view_is(type, "json_schema")) {
        const cJSON *schema = ts_json_path(format, "json_schema.schema");
        out->format_type = TS_FORMAT_JSON_SCHEMA;
        out->format_schema = schema ? ts_json_print(r->arena, schema) : TS_NOTHING;
    } else if (ts_view_is(type, "json_object")) {
        out->format_type = TS_FORMAT_JSON_OBJECT;
    } else if (ts_view_is(type, "text")) {
        out->format_type = TS_FORMAT_TEXT;
    }
    return out->format_type != TS_FORMAT_NONE;
}

static bool read_schema(struct ts_llm *out, ts_view schema)
{
    if (schema.len == 0)
        return false;
    out->format_type = TS_FORMAT_JSON_SCHEMA;
    out->format_schema = schema;
    return true;
}

static void read_format(struct ts_reader *r, struct ts_llm *out)
{
    struct ts_payload_request request;
    ts_view parameters = ts_attrs_text(&r->attrs, "llm.invocation_parameters");
    if (mentions(parameters, "\"response_format\"") &&
        read_format_json(r, ts_json_get(ts_parse_value(r->arena, parameters), "response_format"),
                         out))
        return;
    if (read_schema(out, ts_attrs_text(&r->attrs, "gen_ai.request.structured_output_schema")) ||
        read_schema(out, ts_attrs_text(&r->attrs, "ai.schema")))
        return;
    if (request_about(r, "\"response_format\"", &request) &&
        read_format_json(r, request.response_format, out))
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
