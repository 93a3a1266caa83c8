/* openllmetry.c - gen_ai.prompt.<i>.* and gen_ai.completion.<i>.* (dialects §7.1). */
#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

static void add_call(struct ts_reader *r, const struct ts_indexed_attrs *call, struct ts_message *m)
{
    struct ts_tool_call one = {
        .id = ts_indexed_attrs_text(call, "id"),
        .name = ts_indexed_attrs_text(call, "name"),
        .arguments = ts_arguments_of_any(r->arena, ts_indexed_attrs_get(call, "arguments"))};
    if (one.name.len > 0 || one.id.len > 0)
        ts_add_tool_call(m->tool_calls, &m->tool_call_count, one);
}

/* Content is text, or JSON text of blocks. The LangChain wrapper encodes nothing as "". */
static void read_element(struct ts_reader *r, const struct ts_indexed_attrs *one, const char *role,
                         struct ts_message_reader *s)
{
    ts_view content = ts_indexed_attrs_text(one, "content");
    const cJSON *blocks =
        content.len ? NULL : ts_any_json(r->arena, ts_indexed_attrs_get(one, "content"));
    ts_view recorded = ts_indexed_attrs_text(one, "role");
    if (ts_view_is(content, "\"\""))
        content = TS_NOTHING;
    if (content.len == 0)
        content = ts_indexed_attrs_text(one, "refusal");
    if (content.len == 0 && ts_indexed_attrs_get(one, "user")) { /* the role as the suffix */
        content = ts_indexed_attrs_text(one, "user");
        recorded = TS_LIT("user");
    }
    cJSON *message = ts_keep_tree(r->arena, cJSON_CreateObject()); /* messages are views into it */
    if (content.len == 0 && cJSON_IsArray(blocks))
        cJSON_AddItemToObject(message, "content", cJSON_CreateArrayReference(blocks->child));
    else
        cJSON_AddItemToObject(message, "content", ts_json_new_text(content));
    ts_read_message(s, recorded.len ? recorded : ts_view_str(role), message);
    struct ts_message *m = &s->messages[s->count - 1];
    if (ts_indexed_attrs_text(one, "tool_call_id").len > 0) {
        m->tool_call_id = ts_indexed_attrs_text(one, "tool_call_id");
        m->role = TS_LIT("tool");
    }
    struct ts_indexed_attrs calls;
    struct ts_indexed_attrs call;
    ts_indexed_attrs_below(r->arena, one, "tool_calls.", &calls);
    m->tool_calls = ts_arena_alloc(r->arena, (calls.count + 1) * sizeof *m->tool_calls);
    while (ts_indexed_attrs_next(&calls, &call))
        add_call(r, &call, m);
}

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    struct ts_message_reader s = {.arena = r->arena};
    ts_attrs_indexed(r->arena, &r->attrs, "gen_ai.prompt.", &indexed);
    bool cut = ts_any_cut(r, &indexed);
    while (ts_indexed_attrs_next(&indexed, &one))
        read_element(r, &one, "user", &s);
    ts_messages_as_prompt(&s, out);
    out->cut = cut;
}

/* Alternatives only when at least two have text and each tells why it ended; never Anthropic's. */
static bool are_choices(const struct ts_reader *r, const struct ts_message_reader *s,
                        const ts_view *finish)
{
    size_t texts = 0;
    for (size_t i = 0; i < s->count; i++) {
        texts += s->messages[i].content.len > 0;
        if (finish[i].len == 0)
            return false;
    }
    return texts > 1 &&
           !ts_view_eq_nocase(ts_attrs_text(&r->attrs, "gen_ai.system"), TS_LIT("anthropic"));
}

static void read_answer(struct ts_reader *r, struct ts_response_side *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    struct ts_message_reader s = {.arena = r->arena};
    ts_attrs_indexed(r->arena, &r->attrs, "gen_ai.completion.", &indexed);
    ts_view *finish = ts_arena_alloc(r->arena, (indexed.count + 1) * sizeof *finish);
    ts_view last = TS_NOTHING;
    bool cut = ts_any_cut(r, &indexed);
    while (ts_indexed_attrs_next(&indexed, &one)) {
        if (ts_view_is(ts_indexed_attrs_text(&one, "role"), "thinking"))
            continue;
        read_element(r, &one, "assistant", &s);
        finish[s.count - 1] = ts_indexed_attrs_text(&one, "finish_reason");
        last = last.len ? last : finish[s.count - 1];
    }
    ts_view whole =
        ts_attrs_text(&r->attrs, "gen_ai.completion.content"); /* LlamaIndex, streaming */
    if (s.count == 0 && whole.len > 0)
        ts_read_text(&s, "assistant", whole);
    if (are_choices(r, &s, finish))
        ts_messages_as_choices(&s, finish, out);
    else
        ts_messages_as_response(&s, out);
    out->finish_raw = last;
    out->cut = cut || ts_is_cut(r, whole);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    read_answer(r, &out->response);
}

/* ---- what it says of itself ---- */

/* llm.request.functions.<i>.name, .description, .parameters (§7.1) */
static void read_functions(struct ts_reader *r, const char *key, struct ts_llm *out)
{
    struct ts_indexed_attrs indexed;
    struct ts_indexed_attrs one;
    ts_indexed_tools(r, key, &indexed, out);
    while (ts_indexed_attrs_next(&indexed, &one)) {
        const struct ts_any *schema = ts_indexed_attrs_get(&one, "parameters");
        const cJSON *tree =
            ts_any_json(r->arena, schema ? schema : ts_indexed_attrs_get(&one, "input_schema"));
        out->tools[out->tool_count++] = (struct ts_tool){
            ts_indexed_attrs_text(&one, "name"), ts_indexed_attrs_text(&one, "description"),
            tree ? ts_json_print(r->arena, tree) : TS_NOTHING};
    }
}

static bool mentions(ts_view text, const char *word)
{
    return ts_view_find(text, ts_view_str(word)) != SIZE_MAX;
}

static bool read_request_type(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    ts_view type = ts_any_text(value);
    (void)notes;
    *kind = mentions(type, "completion") || ts_view_is(type, "chat") ? TS_KIND_LLM
            : mentions(type, "embedding")                            ? TS_KIND_EMBEDDING
            : ts_view_is(type, "rerank")                             ? TS_KIND_RERANKER
                                                                     : TS_KIND_OTHER;
    return *kind != TS_KIND_OTHER;
}

static const struct ts_kind_key kind_keys[] = {
    {"llm.request.type", 9, .read = read_request_type, .rule_text = "llm.request.type"},
    {"gen_ai.prompt*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"gen_ai.completion*", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_USER, 10, .key = "gen_ai.user"},
    {TS_META_USER, 11, .key = "llm.user"},
    {TS_META_FINISH_REASON, 3, .key = "gen_ai.response.finish_reason"},
    {TS_META_FINISH_REASON, 4, .key = "llm.response.finish_reason"},
    {TS_META_TOTAL_TOKENS, 3, .key = "llm.usage.total_tokens"},
    {TS_META_TOOLS, 5, .key = "llm.request.functions.", .read_tools = read_functions},
    {TS_META_STREAMING, 2, .key = "gen_ai.is_streaming"},
    {TS_META_STREAMING, 3, .key = "llm.is_streaming"},
    {0},
};

const struct ts_dialect ts_dialect_openllmetry = {
    .name = "openllmetry",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
    .stream_event = "*.completion.chunk",
};
