/* otel_genai.c - gen_ai.input.messages and its kin as span attributes: JSON text or structure
 * (dialects §6.3). */
#include "llm/dialect/genai.h"

/* Parts, bare strings, or - LiteLLM - messages: one system message. */
static void read_system(struct ts_message_reader *s, const cJSON *instructions)
{
    const cJSON *first = instructions && cJSON_IsArray(instructions) ? instructions->child : NULL;
    if (cJSON_IsString(instructions)) {
        ts_read_text(s, "system", ts_json_text(instructions));
    } else if (first && ts_json_get(first, "role")) {
        ts_read_messages(s, instructions);
        for (size_t i = 0; i < s->count; i++)
            s->messages[i].role = TS_LIT("system");
    } else if (first) {
        cJSON *message = cJSON_CreateObject();
        cJSON_AddItemReferenceToObject(message, "parts", (cJSON *)(uintptr_t)instructions);
        ts_read_message(s, TS_LIT("system"), message);
        cJSON_Delete(message);
    }
}

static void read_prompt(struct ts_reader *r, const struct ts_attrs *attrs,
                        struct ts_prompt_side *out)
{
    const cJSON *input = ts_any_json(r->arena, ts_attrs_get(attrs, "gen_ai.input.messages"));
    const cJSON *system = ts_any_json(r->arena, ts_attrs_get(attrs, "gen_ai.system_instructions"));
    ts_view plain = ts_attrs_text(attrs, "gen_ai.system_instructions");
    struct ts_message_reader s = {.arena = r->arena};
    if (!system && plain.len > 0 && !ts_json_is_cut(plain))
        ts_read_text(&s, "system", plain);
    else
        read_system(&s, system);
    size_t instructions = s.count;
    ts_read_messages(&s, input);
    bool repeated = instructions == 1 && s.count > 1 && ts_view_is(s.messages[1].role, "system") &&
                    ts_view_eq(s.messages[0].content, s.messages[1].content);
    if (repeated) {
        s.messages++;
        s.count--;
    }
    if (cJSON_IsArray(input) || instructions > 0)
        ts_messages_as_prompt(&s, out);
    out->cut =
        ts_json_is_cut(plain) || ts_json_is_cut(ts_attrs_text(attrs, "gen_ai.input.messages"));
}

/* §6.3 rule 4: alternatives, or items of one answer? */
static bool are_choices(const struct ts_attrs *attrs, size_t messages)
{
    int64_t n = 1;
    const struct ts_any *reasons = ts_attrs_get(attrs, "gen_ai.response.finish_reasons");
    size_t told = 0;
    if (reasons && reasons->type == TS_ANY_ARRAY) {
        struct ts_cursor items = ts_cursor_of(reasons->bytes);
        struct ts_any one;
        while (ts_any_next(&items, &one))
            told++;
    }
    return messages > 1 &&
           ((ts_any_int64(ts_attrs_get(attrs, "gen_ai.request.choice.count"), &n) && n > 1) ||
            told == messages);
}

/* Google's ADK records a stream as a message a piece; all but the last say "finish_reason": "". */
static bool are_pieces(const cJSON *output)
{
    const cJSON *m;
    if (cJSON_GetArraySize(output) < 2)
        return false;
    cJSON_ArrayForEach(m, output)
    {
        const cJSON *reason = ts_json_get(m, "finish_reason");
        if (m->next && (!cJSON_IsString(reason) || ts_json_text(reason).len > 0))
            return false;
    }
    return true;
}

static void read_answer(struct ts_reader *r, const struct ts_attrs *attrs,
                        struct ts_response_side *out)
{
    const struct ts_any *value = ts_attrs_get(attrs, "gen_ai.output.messages");
    const cJSON *output = ts_any_json(r->arena, value);
    const cJSON *m;
    struct ts_message_reader s = {.arena = r->arena};
    if (cJSON_IsArray(output)) {
        size_t n = 0;
        ts_view *finish =
            ts_arena_alloc(r->arena, ((size_t)cJSON_GetArraySize(output) + 1) * sizeof *finish);
        cJSON_ArrayForEach(m, output)
        {
            ts_read_reply(&s, m);
            finish[n++] = ts_json_text(ts_json_get(m, "finish_reason"));
        }
        s.pieces = are_pieces(output);
        r->streaming = r->streaming || s.pieces;
        if (are_choices(attrs, s.count))
            ts_messages_as_choices(&s, finish, out);
        else
            ts_messages_as_response(&s, out);
    }
    out->cut = ts_json_is_cut(ts_any_text(value));
}

void ts_genai_read(struct ts_reader *r, const struct ts_attrs *attrs, struct ts_source *out)
{
    read_prompt(r, attrs, &out->prompt);
    read_answer(r, attrs, &out->response);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_genai_read(r, &r->attrs, out);
}

/* ---- what it says of itself ---- */

static const struct ts_kind_word operations[] = {
    {"chat", TS_KIND_LLM},
    {"text_completion", TS_KIND_LLM},
    {"generate_content", TS_KIND_LLM},
    {"completion", TS_KIND_LLM},
    {"acompletion", TS_KIND_LLM},
    {"atext_completion", TS_KIND_LLM},
    {"responses", TS_KIND_LLM},
    {"aresponses", TS_KIND_LLM},
    {"anthropic_messages", TS_KIND_LLM},
    {"generate", TS_KIND_LLM},
    {"llm", TS_KIND_LLM},
    {"llm_request", TS_KIND_LLM},
    {"embeddings", TS_KIND_EMBEDDING},
    {"embedding", TS_KIND_EMBEDDING},
    {"aembedding", TS_KIND_EMBEDDING},
    {"retrieval", TS_KIND_RETRIEVER},
    {"vector_db_retrieve", TS_KIND_RETRIEVER},
    {"search_memory", TS_KIND_RETRIEVER},
    {"rerank", TS_KIND_RERANKER},
    {"execute_tool", TS_KIND_TOOL},
    {"invoke_agent", TS_KIND_AGENT},
    {"create_agent", TS_KIND_AGENT},
    {"agent_step", TS_KIND_AGENT},
    {"plan", TS_KIND_AGENT},
    {"invoke_workflow", TS_KIND_CHAIN},
    {"framework", TS_KIND_CHAIN},
    {"chain", TS_KIND_CHAIN},
    {"execute_task", TS_KIND_CHAIN},
    {NULL, TS_KIND_OTHER},
};

static bool read_operation(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)notes;
    ts_view text = ts_any_text(value);
    *kind = TS_KIND_AGENT;
    return ts_kind_of_word(operations, text, kind) || ts_view_starts(text, TS_LIT("invoke_"));
}

static const struct ts_kind_key kind_keys[] = {
    {"gen_ai.operation.name", 7, .read = read_operation, .rule_text = "gen_ai.operation.name"},
    {"gen_ai.retrieval.documents*", TS_RULE_RETRIEVED, .kind = TS_KIND_RETRIEVER},
    {"gen_ai.input.messages*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"gen_ai.output.messages*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"gen_ai.tool.name", TS_RULE_TOOL_NAMED, .kind = TS_KIND_TOOL},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 1, .key = "gen_ai.response.model"},
    {TS_META_MODEL, 8, .key = "gen_ai.request.model"},
    {TS_META_PROVIDER, 1, .key = "gen_ai.provider.name"},
    {TS_META_PROVIDER, 3, .key = "gen_ai.system"},
    {TS_META_RESPONSE_ID, 1, .key = "gen_ai.response.id"},
    {TS_META_SESSION, 2, .key = "gen_ai.conversation.id"},
    {TS_META_USER, 4, .key = "gen_ai.user.id"},
    {TS_META_USER, 9, .key = "gen_ai.request.user"},
    {TS_META_FINISH_REASON, 1, .key = "gen_ai.response.finish_reasons"},
    {TS_META_INPUT_TOKENS, 1, .key = "gen_ai.usage.input_tokens"},
    {TS_META_INPUT_TOKENS, 3, .key = "gen_ai.usage.prompt_tokens"},
    {TS_META_OUTPUT_TOKENS, 1, .key = "gen_ai.usage.output_tokens"},
    {TS_META_OUTPUT_TOKENS, 3, .key = "gen_ai.usage.completion_tokens"},
    {TS_META_TOTAL_TOKENS, 2, .key = "gen_ai.usage.total_tokens"},
    {TS_META_CACHE_READ, 1, .key = "gen_ai.usage.cache_read.input_tokens"},
    {TS_META_CACHE_READ, 3, .key = "gen_ai.usage.cache_read_input_tokens"},
    {TS_META_CACHE_WRITE, 1, .key = "gen_ai.usage.cache_write.input_tokens"},
    {TS_META_CACHE_WRITE, 2, .key = "gen_ai.usage.cache_creation.input_tokens"},
    {TS_META_REASONING, 1, .key = "gen_ai.usage.reasoning.output_tokens"},
    {TS_META_TOOLS, 3, .key = "gen_ai.tool.definitions"},
    {TS_META_SCHEMA, 1, .key = "gen_ai.request.structured_output_schema"},
    {TS_META_STREAMING, 1, .key = "gen_ai.request.stream"},
    {TS_META_FIRST_TOKEN, 1, .key = "gen_ai.response.time_to_first_chunk"},
    {TS_META_FIRST_TOKEN, 2, .key = "gen_ai.client.operation.time_to_first_chunk"},
    {TS_META_DOCUMENTS, 1, .key = "gen_ai.retrieval.documents"},
    {0},
};

const struct ts_dialect ts_dialect_otel_genai = {
    .name = "otel_genai",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
};
