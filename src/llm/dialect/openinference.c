/* openinference.c - flattened OpenInference attributes (dialects §4), what Phoenix itself shows. */
#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

/* ---- one message (§4.3) ---- */

struct content {
    struct ts_text text;
    bool media, masked;
};

static void add_text(struct ts_reader *r, struct content *c, ts_view text)
{
    ts_text_add(r->arena, &c->text, text, "\n");
    c->masked = c->masked || ts_is_mask(text);
}

static void read_part(struct ts_reader *r, const struct ts_indexed_attrs *part, struct content *c)
{
    ts_view type = ts_indexed_attrs_text(part, "message_content.type");
    ts_view text = ts_indexed_attrs_text(part, "message_content.text");
    bool image =
        ts_view_is(type, "image") || ts_indexed_attrs_get(part, "message_content.image.image.url");
    bool audio =
        ts_view_is(type, "audio") || ts_indexed_attrs_get(part, "message_content.audio.audio.url");
    if (image || audio) {
        c->media = true;
        add_text(r, c, image ? TS_LIT("[image]") : TS_LIT("[audio]"));
    } else if (text.len > 0 && (type.len == 0 || ts_view_is(type, "text"))) {
        add_text(r, c, text);
    }
}

static struct content read_content(struct ts_reader *r, const struct ts_indexed_attrs *message)
{
    struct content c = {0};
    struct ts_indexed_attrs parts;
    struct ts_indexed_attrs part;
    ts_indexed_attrs_below(r->arena, message, "message.contents.", &parts);
    while (ts_indexed_attrs_next(&parts, &part))
        read_part(r, &part, &c);
    ts_view plain = ts_indexed_attrs_text(message, "message.content");
    if (c.text.view.len == 0 && plain.len > 0)
        add_text(r, &c, plain);
    else if (ts_is_mask(plain))
        c.masked = true;
    return c;
}

static struct ts_tool_call read_call(struct ts_reader *r, const struct ts_indexed_attrs *call)
{
    return (struct ts_tool_call){
        .id = ts_indexed_attrs_text(call, "tool_call.id"),
        .name = ts_indexed_attrs_text(call, "tool_call.function.name"),
        .arguments = ts_arguments_of_any(
            r->arena, ts_indexed_attrs_get(call, "tool_call.function.arguments")),
    };
}

static void read_calls(struct ts_reader *r, const struct ts_indexed_attrs *message,
                       const char *prefix, struct ts_tool_call **list, size_t *count)
{
    struct ts_indexed_attrs calls;
    struct ts_indexed_attrs call;
    ts_indexed_attrs_below(r->arena, message, prefix, &calls);
    if (calls.count == 0)
        return;
    struct ts_tool_call *longer = ts_arena_alloc(r->arena, (*count + calls.count) * sizeof *longer);
    if (*count)
        memcpy(longer, *list, *count * sizeof *longer);
    *list = longer;
    while (ts_indexed_attrs_next(&calls, &call))
        if (ts_indexed_attrs_get(&call, "tool_call.function.name") ||
            ts_indexed_attrs_get(&call, "tool_call.id"))
            ts_add_tool_call(*list, count, read_call(r, &call));
}

static void read_message(struct ts_reader *r, const struct ts_indexed_attrs *message,
                         struct ts_message *out, struct content *content)
{
    *content = read_content(r, message);
    ts_view role = ts_indexed_attrs_text(message, "message.role");
    *out =
        (struct ts_message){.role = ts_normal_role(role),
                            .content = content->text.view,
                            .tool_call_id = ts_indexed_attrs_text(message, "message.tool_call_id"),
                            .name = ts_indexed_attrs_text(message, "message.name")};
    if (out->name.len == 0)
        out->name = ts_own_role(role);
    read_calls(r, message, "message.tool_calls.", &out->tool_calls, &out->tool_call_count);
    read_calls(r, message, "message.contents.", &out->tool_calls, &out->tool_call_count);
    ts_view name = ts_indexed_attrs_text(message, "message.function_call_name");
    if (name.len > 0 && out->tool_call_count == 0) {
        out->tool_calls = ts_arena_alloc(r->arena, sizeof *out->tool_calls);
        const struct ts_any *arguments =
            ts_indexed_attrs_get(message, "message.function_call_arguments_json");
        out->tool_calls[out->tool_call_count++] = (struct ts_tool_call){
            .name = name, .arguments = ts_arguments_of_any(r->arena, arguments)};
    }
    if (out->tool_call_id.len > 0 && ts_view_is(out->role, "user"))
        out->role = TS_LIT("tool"); /* Anthropic writes tool results under role user */
}

/* ---- the prompt ---- */

/* Lost messages: the first index is not 0, or there is a gap, and the span dropped attributes. */
static bool has_gap(const struct ts_indexed_attrs *indexed)
{
    int64_t expected = 0;
    for (size_t i = 0; i < indexed->count; i++) {
        if (indexed->items[i].index > expected)
            return true;
        expected = indexed->items[i].index + 1;
    }
    return false;
}

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    ts_attrs_indexed(r->arena, &r->attrs, "llm.input_messages.", &indexed);
    if (indexed.count == 0)
        return;
    out->cut = ts_any_cut(r, &indexed);
    out->damaged = r->dropped_attributes > 0 && has_gap(&indexed);
    out->messages = ts_arena_alloc(r->arena, indexed.count * sizeof *out->messages);
    while (ts_indexed_attrs_next(&indexed, &one)) {
        struct content content;
        read_message(r, &one, &out->messages[out->count++], &content);
        out->media = out->media || content.media;
        out->masked = out->masked || content.masked;
    }
}

static void add_user_text(struct ts_reader *r, struct ts_prompt_side *out, ts_view text)
{
    if (text.len == 0 || out->count > 0) /* several prompts are several calls: the first counts */
        return;
    out->messages = ts_arena_alloc(r->arena, sizeof *out->messages);
    out->messages[out->count++] = (struct ts_message){.role = TS_LIT("user"), .content = text};
    out->masked = ts_is_mask(text);
    out->cut = ts_is_cut(r, text);
}

/* llm.prompts: flattened, or the older form as one array of strings. */
static void read_prompts(struct ts_reader *r, struct ts_prompt_side *out)
{
    struct ts_indexed_attrs indexed;
    ts_attrs_indexed(r->arena, &r->attrs, "llm.prompts.", &indexed);
    if (indexed.count > 0)
        add_user_text(r, out, ts_indexed_attrs_text(&indexed, "prompt.text"));
    const struct ts_any *array = ts_attrs_get(&r->attrs, "llm.prompts");
    if (array && array->type == TS_ANY_STRING)
        add_user_text(r, out, array->bytes);
    if (array && array->type == TS_ANY_ARRAY) {
        struct ts_cursor items = ts_cursor_of(array->bytes);
        struct ts_any item;
        if (ts_any_next(&items, &item))
            add_user_text(r, out, ts_any_text(&item));
    }
}

/* ---- the response ---- */

/* §4.3 rule 3: is an output index a choice, or an item of one answer? */
static bool indexes_are_choices(struct ts_reader *r)
{
    int64_t n = 1;
    if (ts_json_int64(ts_parameter(r, "n"), &n) && n > 1)
        return true;
    const cJSON *raw = ts_raw_tree(r, &r->output, "output.value");
    const cJSON *first = cJSON_GetArrayItem(ts_json_get(raw, "generations"), 0);
    return cJSON_GetArraySize(ts_json_get(raw, "choices")) > 1 ||
           cJSON_GetArraySize(ts_json_get(raw, "candidates")) > 1 || cJSON_GetArraySize(first) > 1;
}

static size_t count_elements(struct ts_indexed_attrs indexed)
{
    struct ts_indexed_attrs one;
    size_t n = 0;
    while (ts_indexed_attrs_next(&indexed, &one))
        n++;
    return n;
}

static void read_response(struct ts_reader *r, struct ts_response_side *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    ts_attrs_indexed(r->arena, &r->attrs, "llm.output_messages.", &indexed);
    size_t count = count_elements(indexed);
    bool cut = ts_any_cut(r, &indexed);
    if (count == 0)
        return;
    struct ts_message_reader s = {.arena = r->arena,
                                  .messages = ts_arena_alloc(r->arena, count * sizeof *s.messages)};
    while (ts_indexed_attrs_next(&indexed, &one)) {
        struct content content;
        read_message(r, &one, &s.messages[s.count++], &content);
        s.media = s.media || content.media;
        s.masked = s.masked || content.masked;
    }
    if (count > 1 && indexes_are_choices(r))
        ts_messages_as_choices(&s, NULL, out);
    else
        ts_messages_as_response(&s, out);
    out->cut = cut;
}

static void read_completions(struct ts_reader *r, struct ts_response_side *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    ts_attrs_indexed(r->arena, &r->attrs, "llm.choices.", &indexed);
    bool cut = ts_any_cut(r, &indexed);
    if (indexed.count == 0)
        return;
    struct ts_message_reader s = {.arena = r->arena};
    while (ts_indexed_attrs_next(&indexed, &one))
        ts_read_text(&s, "assistant", ts_indexed_attrs_text(&one, "completion.text"));
    ts_messages_as_choices(&s, NULL, out);
    out->cut = cut;
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    if (out->prompt.count == 0)
        read_prompts(r, &out->prompt);
    read_response(r, &out->response);
    if (!out->response.found)
        read_completions(r, &out->response);
}

/* ---- what it says of itself ---- */

/* llm.tools.<i>.tool.json_schema */
static void read_tools(struct ts_reader *r, const char *key, struct ts_llm *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    ts_indexed_tools(r, key, &indexed, out);
    while (ts_indexed_attrs_next(&indexed, &one)) {
        const cJSON *json = ts_any_json(r->arena, ts_indexed_attrs_get(&one, "tool.json_schema"));
        out->tool_count += json && ts_tool_of_json(r->arena, json, &out->tools[out->tool_count]);
    }
}

static const struct ts_kind_word kinds[] = {
    {"LLM", TS_KIND_LLM},
    {"EMBEDDING", TS_KIND_EMBEDDING},
    {"RETRIEVER", TS_KIND_RETRIEVER},
    {"RERANKER", TS_KIND_RERANKER},
    {"TOOL", TS_KIND_TOOL},
    {"AGENT", TS_KIND_AGENT},
    {"CHAIN", TS_KIND_CHAIN},
    {"GUARDRAIL", TS_KIND_GUARDRAIL},
    {"EVALUATOR", TS_KIND_EVALUATOR},
    {"PROMPT", TS_KIND_PROMPT},
    {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_key kind_keys[] = {
    {"openinference.span.kind", 2, .words = kinds, .rule_text = "openinference.span.kind"},
    {"retrieval.documents.*", TS_RULE_RETRIEVED, .kind = TS_KIND_RETRIEVER},
    {"embedding.embeddings.*", TS_RULE_EMBEDDED, .kind = TS_KIND_EMBEDDING},
    {"llm.output_messages.*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"llm.input_messages.*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"llm.prompts*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"llm.choices*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 2, .key = "llm.response.model_name"},
    {TS_META_MODEL, 3, .key = "llm.model_name"},
    {TS_META_MODEL, 9, .key = "llm.request.model_name"},
    {TS_META_PROVIDER, 2, .key = "llm.provider"},
    {TS_META_PROVIDER, 4, .key = "llm.system"},
    {TS_META_FINISH_REASON, 2, .key = "llm.finish_reason"},
    {TS_META_INPUT_TOKENS, 2, .key = "llm.token_count.prompt"},
    {TS_META_OUTPUT_TOKENS, 2, .key = "llm.token_count.completion"},
    {TS_META_TOTAL_TOKENS, 1, .key = "llm.token_count.total"},
    {TS_META_CACHE_READ, 2, .key = "llm.token_count.prompt_details.cache_read"},
    {TS_META_CACHE_WRITE, 3, .key = "llm.token_count.prompt_details.cache_write"},
    {TS_META_REASONING, 2, .key = "llm.token_count.completion_details.reasoning"},
    {TS_META_TOOLS, 1, .key = "llm.tools.", .read_tools = read_tools},
    {TS_META_TOOLS, 2, .key = "llm.tools"},
    {0},
};
static const char *const masks[] = {"__REDACTED__", NULL};

const struct ts_dialect ts_dialect_openinference = {
    .name = "openinference",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
    .stream_event = "First Token Stream Event",
    .masks = masks,
};
