/* vercel_ai.c - the Vercel AI SDK's own attributes, versions 3 to 6 (dialects §8.1). */
#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    const cJSON *messages = ts_attr_json(r, "ai.prompt.messages");
    const cJSON *whole = ts_attr_json(r, "ai.prompt");
    struct ts_message_reader s = {.arena = r->arena};
    if (cJSON_IsArray(messages)) {
        ts_read_messages(&s, messages);
    } else if (cJSON_IsObject(whole)) {
        const cJSON *system = ts_json_get(whole, "system");
        if (cJSON_IsString(system))
            ts_read_text(&s, "system", ts_json_text(system));
        if (cJSON_IsString(ts_json_get(whole, "prompt")))
            ts_read_text(&s, "user", ts_json_text(ts_json_get(whole, "prompt")));
        ts_read_messages(&s, ts_json_get(whole, "messages"));
    }
    ts_messages_as_prompt(&s, out);
    out->cut = ts_json_is_cut(ts_attrs_text(&r->attrs, "ai.prompt.messages")) ||
               (!messages && ts_json_is_cut(ts_attrs_text(&r->attrs, "ai.prompt")));
}

static const struct ts_any *either(const struct ts_reader *r, const char *now, const char *before)
{
    const struct ts_any *value = ts_attrs_get(&r->attrs, now);
    bool empty = !value || (value->type == TS_ANY_STRING && value->bytes.len == 0);
    return empty ? ts_attrs_get(&r->attrs, before) : value;
}

/* An object is its JSON text. */
static ts_view object_text(struct ts_reader *r, const struct ts_any *value)
{
    bool structure = value && (value->type == TS_ANY_ARRAY || value->type == TS_ANY_KVLIST);
    const cJSON *tree = structure ? ts_any_json(r->arena, value) : NULL;
    return tree ? ts_json_print(r->arena, tree) : ts_any_text(value);
}

static void read_answer(struct ts_reader *r, struct ts_response_side *out)
{
    ts_view text = ts_any_text(either(r, "ai.response.text", "ai.result.text"));
    ts_view object = object_text(r, either(r, "ai.response.object", "ai.result.object"));
    const struct ts_any *calls = either(r, "ai.response.toolCalls", "ai.result.toolCalls");
    cJSON *message = cJSON_CreateObject();
    const cJSON *list = ts_any_json(r->arena, calls);
    struct ts_message_reader s = {.arena = r->arena};
    if (cJSON_IsArray(list))
        cJSON_AddItemReferenceToObject(message, "tool_calls", (cJSON *)(uintptr_t)list);
    ts_read_message(&s, TS_LIT("assistant"), message);
    cJSON_Delete(message);
    s.messages[0].content = text.len ? text : object;
    ts_messages_as_response(&s, out);
    out->structured = text.len == 0 && object.len > 0;
    out->masked = out->masked || ts_is_mask(text) || ts_is_mask(object);
    out->cut = ts_json_is_cut(ts_any_text(calls)) || ts_json_is_cut(object) || ts_is_cut(r, text);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    read_answer(r, &out->response);
}

/* ---- what it says of itself ---- */

/* Asked of the name of every span there is: so by lengths and bytes that the compiler knows. */
static bool kind_of(ts_view operation, enum ts_kind *kind)
{
    if (ts_view_ends(operation, TS_LIT(".doGenerate")) ||
        ts_view_ends(operation, TS_LIT(".doStream")))
        *kind = TS_KIND_LLM;
    else if (ts_view_ends(operation, TS_LIT(".doEmbed")))
        *kind = TS_KIND_EMBEDDING;
    else if (ts_view_is(operation, "ai.toolCall"))
        *kind = TS_KIND_TOOL;
    else if (ts_view_starts(operation, TS_LIT("ai.rerank")))
        *kind = TS_KIND_RERANKER;
    else if (ts_view_starts(operation, TS_LIT("ai.generate")) ||
             ts_view_starts(operation, TS_LIT("ai.stream")))
        *kind = TS_KIND_AGENT;
    else if (ts_view_starts(operation, TS_LIT("ai.embed")))
        *kind = TS_KIND_CHAIN;
    else
        return false;
    return true;
}

/* The id of the operation says it; without one the first word of operation.name, when it is one of the
 * SDK's; without that the span's name, which is the same. */
enum { HAS_ID = 0x80, HAS_NAME = 0x40, NAME_IS_OURS = 0x20, NAMED_KIND = 0x1f };

static bool read_id(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    ts_view id = ts_any_text(value);
    if (id.len > 0)
        *notes |= HAS_ID;
    return kind_of(id, kind);
}

static bool read_name(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    ts_view name = ts_any_text(value);
    ts_view first = ts_view_cut(name, 0, ts_view_find(name, TS_LIT(" ")));
    if (name.len == 0 || *notes & HAS_NAME)
        return false;
    *notes |= HAS_NAME;
    if (ts_view_starts(first, TS_LIT("ai.")))
        *notes |=
            (uint8_t)(NAME_IS_OURS | (kind_of(first, kind) ? (unsigned)*kind : TS_KIND_OTHER));
    return false;
}

static bool kind_of_notes(uint8_t notes, ts_view span_name, enum ts_kind *kind)
{
    if (notes & HAS_ID)
        return false;
    if (!(notes & NAME_IS_OURS))
        return kind_of(span_name, kind);
    *kind = (enum ts_kind)(notes & NAMED_KIND);
    return *kind != TS_KIND_OTHER;
}

static bool is_streaming(const struct ts_reader *r)
{
    return ts_view_ends(ts_attrs_text(&r->attrs, "ai.operationId"), TS_LIT(".doStream"));
}

static const struct ts_kind_key kind_keys[] = {
    {"ai.operationId", 5, .read = read_id, .rule_text = "the Vercel AI SDK's operation"},
    {"operation.name", 5, .read = read_name},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 4, .key = "ai.response.model"},
    {TS_META_MODEL, 10, .key = "ai.model.id"},
    {TS_META_PROVIDER, 5, .key = "ai.model.provider"},
    {TS_META_RESPONSE_ID, 2, .key = "ai.response.id"},
    {TS_META_SESSION, 5, .key = "ai.telemetry.metadata.sessionId"},
    {TS_META_SESSION, 6, .key = "ai.settings.context.sessionId"},
    {TS_META_USER, 6, .key = "ai.telemetry.metadata.userId"},
    {TS_META_USER, 7, .key = "ai.settings.context.userId"},
    {TS_META_FINISH_REASON, 5, .key = "ai.response.finishReason"},
    {TS_META_FINISH_REASON, 6, .key = "ai.finishReason"},
    {TS_META_INPUT_TOKENS, 4, .key = "ai.usage.inputTokens"},
    {TS_META_INPUT_TOKENS, 5, .key = "ai.usage.promptTokens"},
    {TS_META_OUTPUT_TOKENS, 4, .key = "ai.usage.outputTokens"},
    {TS_META_OUTPUT_TOKENS, 5, .key = "ai.usage.completionTokens"},
    {TS_META_TOTAL_TOKENS, 4, .key = "ai.usage.totalTokens"},
    {TS_META_CACHE_READ, 4, .key = "ai.usage.cachedInputTokens"},
    {TS_META_REASONING, 3, .key = "ai.usage.reasoningTokens"},
    {TS_META_TOOLS, 4, .key = "ai.prompt.tools"},
    {TS_META_SCHEMA, 2, .key = "ai.schema"},
    {0},
};

const struct ts_dialect ts_dialect_vercel_ai = {
    .name = "vercel_ai",
    .read = read_source,
    .kind_keys = kind_keys,
    .kind_of_notes = kind_of_notes,
    .notes_rule = 5,
    .names_spans = true,
    .meta_keys = meta_keys,
    .stream_event = "ai.stream.*",
    .is_streaming = is_streaming,
};
