/* normal.c - the tables of dialects §2. */
#include "llm/normal.h"

#include "json/json.h"
#include "llm/dialect/dialect.h"

struct row {
    const char *recorded, *normal;
};

static ts_view lower(struct ts_arena *arena, ts_view v)
{
    ts_view copy = ts_arena_copy(arena, v);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (uint8_t)(p[i] + 32);
    return copy;
}

static const char *find(const struct row *rows, ts_view word)
{
    for (; rows->recorded; rows++)
        if (ts_view_eq_nocase(word, ts_view_str(rows->recorded)))
            return rows->normal;
    return NULL;
}

/* ---- roles ---- */

static const char *known_role(ts_view recorded)
{
    static const struct row rows[] = {
        {"user", "user"},         {"assistant", "assistant"},
        {"system", "system"},     {"tool", "tool"},
        {"developer", "system"},  {"human", "user"},
        {"ai", "assistant"},      {"model", "assistant"},
        {"chatbot", "assistant"}, {"AIMessageChunk", "assistant"},
        {"function", "tool"},     {"tool_result", "tool"},
        {"ipython", "tool"},      {NULL, NULL},
    };
    return find(rows, recorded);
}

ts_view ts_normal_role(ts_view recorded)
{
    const char *role = known_role(recorded);
    return ts_view_str(role ? role : "user");
}

ts_view ts_own_role(ts_view recorded)
{
    return known_role(recorded) ? TS_NOTHING : recorded;
}

/* ---- finish reasons ---- */

static const struct row finish_rows[] = {
    {"stop", "stop"},
    {"end_turn", "stop"},
    {"stop_sequence", "stop"},
    {"complete", "stop"},
    {"completed", "stop"},
    {"eos", "stop"},
    {"eos_token", "stop"},
    {"length", "length"},
    {"max_tokens", "length"},
    {"max_output_tokens", "length"},
    {"model_length", "length"},
    {"incomplete", "length"},
    {"model_context_window_exceeded", "length"},
    {"tool_calls", "tool_calls"},
    {"tool_call", "tool_calls"},
    {"tool-calls", "tool_calls"},
    {"tool_use", "tool_calls"},
    {"function_call", "tool_calls"},
    {"ToolCalls", "tool_calls"},
    {"content_filter", "content_filter"},
    {"content-filter", "content_filter"},
    {"content_filtered", "content_filter"},
    {"ContentFilter", "content_filter"},
    {"guardrail_intervened", "content_filter"},
    {"refusal", "content_filter"},
    {"SAFETY", "content_filter"},
    {"RECITATION", "content_filter"},
    {"PROHIBITED_CONTENT", "content_filter"},
    {"BLOCKLIST", "content_filter"},
    {"SPII", "content_filter"},
    {"error", "error"},
    {"MALFORMED_FUNCTION_CALL", "error"},
    {"failed", "error"},
    {NULL, NULL},
};

ts_view ts_normal_finish(struct ts_arena *arena, ts_view recorded)
{
    static const char *const nothing[] = {"", "N/A", "None", "unknown", "null"};
    ts_view word = ts_view_trim(recorded);
    if (ts_view_starts_nocase(word, TS_LIT("FinishReason.")))
        word = ts_view_from(word, 13);
    else if (ts_view_starts_nocase(word, TS_LIT("finish_reason_")))
        word = ts_view_from(word, 14);
    for (size_t i = 0; i < TS_COUNT(nothing); i++)
        if (ts_view_eq_nocase(word, ts_view_str(nothing[i])))
            return TS_NOTHING;
    if (ts_view_is(word, "other")) /* these two are told apart by their case */
        return TS_LIT("stop");
    if (ts_view_is(word, "OTHER"))
        return TS_LIT("error");
    const char *normal = find(finish_rows, word);
    return normal ? ts_view_str(normal) : lower(arena, word);
}

ts_view ts_first_word(struct ts_arena *arena, ts_view recorded)
{
    ts_view text = ts_view_trim(recorded);
    if (text.len > 0 && text.ptr[0] == '[') {
        cJSON *list = ts_json_parse(text, NULL, NULL);
        ts_view word = ts_json_text(cJSON_GetArrayItem(list, 0));
        word = ts_arena_copy(arena, word);
        cJSON_Delete(list);
        return word;
    }
    if (text.len > 1 && text.ptr[0] == '"' &&
        text.ptr[text.len - 1] == '"') /* Langfuse's metadata */
        return ts_view_cut(text, 1, text.len - 2);
    return ts_view_trim(ts_view_cut(text, 0, ts_view_find(text, TS_LIT(","))));
}

/* ---- providers ---- */

struct provider {
    const char *recorded; /* a '*' at the end: any more may follow */
    const char *normal;   /* NULL: a framework, not a provider */
};

static const struct provider providers[] = {
    {"openai", "openai"},
    {"openai.*", "openai"},
    {"azure_openai", "azure.ai.openai"},
    {"az.ai.openai", "azure.ai.openai"},
    {"azure.ai.openai", "azure.ai.openai"},
    {"azure-openai*", "azure.ai.openai"},
    {"az.ai.inference", "azure.ai.inference"},
    {"azure.ai.inference", "azure.ai.inference"},
    {"azure_ai", "azure.ai.inference"},
    {"anthropic", "anthropic"},
    {"anthropic.*", "anthropic"},
    {"aws", "aws.bedrock"},
    {"amazon", "aws.bedrock"},
    {"bedrock", "aws.bedrock"},
    {"aws_bedrock", "aws.bedrock"},
    {"aws.bedrock", "aws.bedrock"},
    {"amazon-bedrock*", "aws.bedrock"},
    {"bedrock_converse", "aws.bedrock"},
    {"vertex_ai", "gcp.vertex_ai"},
    {"vertexai", "gcp.vertex_ai"},
    {"google-vertex*", "gcp.vertex_ai"},
    {"google.vertex*", "gcp.vertex_ai"},
    {"gcp.vertex_ai", "gcp.vertex_ai"},
    {"vertex_ai_beta", "gcp.vertex_ai"},
    {"gemini", "gcp.gemini"},
    {"google.generative-ai*", "gcp.gemini"},
    {"google_genai", "gcp.gemini"},
    {"gcp.gemini", "gcp.gemini"},
    {"google", "gcp.gen_ai"},
    {"gcp.gen_ai", "gcp.gen_ai"},
    {"mistral", "mistral_ai"},
    {"mistralai", "mistral_ai"},
    {"mistral_ai", "mistral_ai"},
    {"mistral.*", "mistral_ai"},
    {"xai", "x_ai"},
    {"x_ai", "x_ai"},
    {"xai.*", "x_ai"},
    {"watsonx", "ibm.watsonx.ai"},
    {"ibm.watsonx.ai", "ibm.watsonx.ai"},
    {"langchain", NULL},
    {"spring_ai", NULL},
    {"spring-ai", NULL},
    {"strands-agents", NULL},
    {"crewai", NULL},
    {"litellm", NULL},
    {"dify", NULL},
    {"llamaindex", NULL},
    {"az.ai.agents", NULL},
    {"microsoft.agent_framework", NULL},
    {"_other", NULL},
    {"unknown", NULL},
};

static bool fits(ts_view word, const char *pattern)
{
    ts_view p = ts_view_of(pattern, strlen(pattern));
    if (p.ptr[p.len - 1] == '*')
        return ts_view_starts_nocase(word, ts_view_cut(p, 0, p.len - 1));
    return ts_view_eq_nocase(word, p);
}

static bool is_own_name(ts_view word)
{
    for (size_t i = 0; ts_dialects[i]; i++)
        for (const char *const *own = ts_dialects[i]->own_providers; own && *own; own++)
            if (ts_view_eq_nocase(word, ts_view_str(*own)))
                return true;
    return false;
}

ts_view ts_normal_provider(struct ts_arena *arena, ts_view recorded, ts_view system)
{
    ts_view word = ts_view_trim(recorded);
    if (word.len == 0)
        return TS_NOTHING;
    if (ts_view_eq_nocase(word, TS_LIT("azure")))
        return ts_view_eq_nocase(system, TS_LIT("openai")) ? TS_LIT("azure.ai.openai")
                                                           : TS_LIT("azure.ai.inference");
    if (ts_view_eq_nocase(word, TS_LIT("google")) && ts_view_eq_nocase(system, TS_LIT("vertexai")))
        return TS_LIT("gcp.vertex_ai");
    for (size_t i = 0; i < TS_COUNT(providers); i++)
        if (fits(word, providers[i].recorded))
            return ts_view_str(providers[i].normal);
    return is_own_name(word) ? TS_NOTHING : lower(arena, word);
}

ts_view ts_provider_of_model(ts_view model)
{
    static const struct row prefixes[] = {
        {"gpt-", "openai"},        {"o1", "openai"},          {"o3", "openai"},
        {"o4", "openai"},          {"chatgpt", "openai"},     {"text-davinci", "openai"},
        {"claude", "anthropic"},   {"gemini", "gcp.gemini"},  {"command", "cohere"},
        {"mistral", "mistral_ai"}, {"mixtral", "mistral_ai"}, {"codestral", "mistral_ai"},
        {"grok", "x_ai"},          {"deepseek", "deepseek"},
    };
    static const char *const bedrock[] = {"anthropic.", "amazon.", "meta."};
    for (size_t i = 0; i < TS_COUNT(bedrock); i++) {
        size_t at = ts_view_find(model, ts_view_str(bedrock[i]));
        if (at != SIZE_MAX && (at == 0 || model.ptr[at - 1] == '.'))
            return TS_LIT("aws.bedrock");
    }
    for (size_t i = 0; i < TS_COUNT(prefixes); i++)
        if (ts_view_starts_nocase(model, ts_view_str(prefixes[i].recorded)))
            return ts_view_str(prefixes[i].normal);
    return TS_NOTHING;
}

/* What stands in the place of the '*' of a dialect's pattern; empty: the text is no such reference. */
static ts_view reference_type(ts_view text)
{
    for (size_t i = 0; ts_dialects[i]; i++) {
        const char *pattern = ts_dialects[i]->media_reference;
        if (!pattern || !ts_fits(text, pattern))
            continue;
        size_t before = (size_t)(strchr(pattern, '*') - pattern);
        return ts_view_cut(text, before, text.len - (strlen(pattern) - 1));
    }
    return TS_NOTHING;
}

ts_view ts_media_marker(ts_view text)
{
    static const struct row rows[] = {
        {"image/", "[image]"}, {"audio/", "[audio]"}, {"video/", "[video]"}, {"", "[file]"}};
    ts_view type = reference_type(ts_view_trim(text));
    if (type.len == 0)
        return TS_NOTHING;
    size_t i = 0;
    while (!ts_view_starts(type, ts_view_str(rows[i].recorded)))
        i++;
    return ts_view_str(rows[i].normal);
}

static bool is_one_of(ts_view text, const char *const *patterns)
{
    for (; patterns && *patterns; patterns++)
        if (ts_fits(text, *patterns))
            return true;
    return false;
}

bool ts_is_mask(ts_view text)
{
    static const char *const common[] = {"redacted-by-litellm", "[REDACTED]", "<redacted>", NULL};
    ts_view t = ts_view_trim(text);
    if (t.len > 200 || t.len < 10)
        return false;
    bool mask = is_one_of(t, common);
    for (size_t i = 0; ts_dialects[i] && !mask; i++)
        mask = is_one_of(t, ts_dialects[i]->masks);
    return mask;
}
