/* payload_gemini.c - Gemini and Vertex AI, in camel case and in snake case (dialects §5). */
#include "llm/dialect/message_reader.h"

static const cJSON *either(const cJSON *object, const char *a, const char *b)
{
    const cJSON *found = ts_json_path(object, a);
    return found ? found : ts_json_path(object, b);
}

static void read_system(struct ts_message_reader *s, const cJSON *tree)
{
    static const char *const places[] = {"config.system_instruction", "config.systemInstruction",
                                         "system_instruction", "systemInstruction"};
    const cJSON *system = NULL;
    for (size_t i = 0; i < TS_COUNT(places) && !system; i++)
        system = ts_json_path(tree, places[i]);
    if (cJSON_IsString(system))
        ts_read_text(s, "system", ts_json_text(system));
    else if (cJSON_IsObject(system) && !ts_json_get(system, "role"))
        ts_read_message(s, TS_LIT("system"), system);
    else if (cJSON_IsObject(system)) { /* its role is user, which it is not */
        cJSON *message = cJSON_CreateObject();
        cJSON_AddItemReferenceToObject(message, "parts",
                                       (cJSON *)(uintptr_t)ts_json_get(system, "parts"));
        ts_read_message(s, TS_LIT("system"), message);
        cJSON_Delete(message);
    }
}

/* response_schema and response_mime_type, in OpenAI's words. */
static const cJSON *format_of(struct ts_arena *arena, const cJSON *tree)
{
    static const char *const places[] = {"generation_config", "generationConfig", "config"};
    const cJSON *schema = NULL;
    const cJSON *mime = NULL;
    for (size_t i = 0; i < TS_COUNT(places) && !schema && !mime; i++) {
        const cJSON *config = ts_json_get(tree, places[i]);
        schema = either(config, "response_schema", "responseSchema");
        mime = either(config, "response_mime_type", "responseMimeType");
    }
    bool json = ts_view_is(ts_json_text(mime), "application/json");
    if (!cJSON_IsObject(schema) && !json)
        return NULL;
    cJSON *format = ts_keep_tree(arena, cJSON_CreateObject());
    cJSON_AddStringToObject(format, "type", cJSON_IsObject(schema) ? "json_schema" : "json_object");
    if (cJSON_IsObject(schema))
        cJSON_AddItemReferenceToObject(format, "schema", (cJSON *)(uintptr_t)schema);
    return format;
}

static bool read_request(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out)
{
    const cJSON *contents = ts_json_get(tree, "contents");
    struct ts_message_reader s = {.arena = arena};
    if (!cJSON_IsArray(contents) && !cJSON_IsString(contents) && !cJSON_IsObject(contents))
        return false;
    read_system(&s, tree);
    if (cJSON_IsString(contents))
        ts_read_text(&s, "user", ts_json_text(contents));
    else if (cJSON_IsObject(contents))
        ts_read_message(&s, TS_LIT("user"), contents);
    else
        ts_read_messages(&s, contents);
    ts_messages_as_prompt(&s, &out->prompt);
    out->model = ts_json_text(ts_json_get(tree, "model"));
    out->tools = either(tree, "config.tools", "tools");
    out->response_format = format_of(arena, tree);
    return true;
}

static void read_logprobs(struct ts_arena *arena, const cJSON *candidate,
                          struct ts_payload_response *out)
{
    const cJSON *list =
        either(candidate, "logprobsResult.chosenCandidates", "logprobs_result.chosen_candidates");
    const cJSON *item;
    if (!cJSON_IsArray(list))
        return;
    out->logprobs =
        ts_arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *out->logprobs);
    cJSON_ArrayForEach(item, list)
    {
        double p;
        if (ts_json_double(either(item, "logProbability", "log_probability"), &p))
            out->logprobs[out->logprob_count++] =
                (struct ts_logprob){ts_json_text(ts_json_get(item, "token")), p};
    }
    out->has_logprobs = true;
}

static bool read_response(struct ts_arena *arena, const cJSON *tree,
                          struct ts_payload_response *out)
{
    const cJSON *candidates = ts_json_get(tree, "candidates");
    const cJSON *candidate;
    if (!cJSON_IsArray(candidates) || !candidates->child)
        return false;
    struct ts_message_reader s = {.arena = arena, .tight = true};
    size_t n = 0;
    ts_view *finish =
        ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(candidates) * sizeof *finish);
    cJSON_ArrayForEach(candidate, candidates)
    {
        ts_read_reply(&s, ts_json_get(candidate, "content"));
        finish[n++] = ts_json_text(either(candidate, "finishReason", "finish_reason"));
    }
    ts_messages_as_choices(&s, finish, &out->side);
    out->model = ts_json_text(either(tree, "modelVersion", "model_version"));
    out->id = ts_json_text(either(tree, "responseId", "response_id"));
    out->usage = ts_usage_of(either(tree, "usageMetadata", "usage_metadata"));
    read_logprobs(arena, candidates->child, out);
    return true;
}

const struct ts_payload_shape ts_payload_gemini = {"Gemini", read_request, read_response};
