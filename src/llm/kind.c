/* kind.c - what a span is: dialects §3 as two tables and one pass.
 * Runs for every span that passes, so it allocates nothing, and a key that no rule names costs one
 * switch on its first bytes. Rules are tried in their order; each attribute is looked at once and
 * the best rule seen so far is kept. */
#include "llm/extract.h"

#include "llm/attrs.h"

enum { NO_RULE = 99 };

struct word {
    const char *text;
    enum ts_kind kind;
};

static const struct word openinference_kinds[] = {
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
static const struct word langfuse_kinds[] = {
    {"generation", TS_KIND_LLM},      {"embedding", TS_KIND_EMBEDDING},
    {"agent", TS_KIND_AGENT},         {"tool", TS_KIND_TOOL},
    {"chain", TS_KIND_CHAIN},         {"retriever", TS_KIND_RETRIEVER},
    {"guardrail", TS_KIND_GUARDRAIL}, {"evaluator", TS_KIND_EVALUATOR},
    {"event", TS_KIND_OTHER},         {NULL, TS_KIND_OTHER},
};
static const struct word langsmith_kinds[] = {
    {"llm", TS_KIND_LLM},
    {"chain", TS_KIND_CHAIN},
    {"parser", TS_KIND_CHAIN},
    {"tool", TS_KIND_TOOL},
    {"retriever", TS_KIND_RETRIEVER},
    {"embedding", TS_KIND_EMBEDDING},
    {"prompt", TS_KIND_PROMPT},
    {NULL, TS_KIND_OTHER},
};
static const struct word mlflow_kinds[] = {
    {"CHAT_MODEL", TS_KIND_LLM},      {"LLM", TS_KIND_LLM},
    {"EMBEDDING", TS_KIND_EMBEDDING}, {"RETRIEVER", TS_KIND_RETRIEVER},
    {"RERANKER", TS_KIND_RERANKER},   {"TOOL", TS_KIND_TOOL},
    {"AGENT", TS_KIND_AGENT},         {"GUARDRAIL", TS_KIND_GUARDRAIL},
    {"EVALUATOR", TS_KIND_EVALUATOR}, {NULL, TS_KIND_OTHER},
};
static const struct word operations[] = {
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
static const struct word genai_kinds[] = {
    {"LLM", TS_KIND_LLM},
    {"EMBEDDING", TS_KIND_EMBEDDING},
    {"RETRIEVER", TS_KIND_RETRIEVER},
    {"RERANKER", TS_KIND_RERANKER},
    {"TOOL", TS_KIND_TOOL},
    {"AGENT", TS_KIND_AGENT},
    {"CHAIN", TS_KIND_CHAIN},
    {"TASK", TS_KIND_CHAIN},
    {"WORKFLOW", TS_KIND_CHAIN},
    {NULL, TS_KIND_OTHER},
};
static const struct word traceloop_kinds[] = {
    {"agent", TS_KIND_AGENT}, {"tool", TS_KIND_TOOL}, {"workflow", TS_KIND_CHAIN},
    {"task", TS_KIND_CHAIN},  {NULL, TS_KIND_OTHER},
};
static const struct word spring_kinds[] = {
    {"chat_client", TS_KIND_CHAIN},      {"advisor", TS_KIND_CHAIN}, {"tool_call", TS_KIND_TOOL},
    {"vector_store", TS_KIND_RETRIEVER}, {NULL, TS_KIND_OTHER},
};
static const struct word genkit_kinds[] = {
    {"model", TS_KIND_LLM},          {"background-model", TS_KIND_LLM},
    {"embedder", TS_KIND_EMBEDDING}, {"retriever", TS_KIND_RETRIEVER},
    {"tool", TS_KIND_TOOL},          {"evaluator", TS_KIND_EVALUATOR},
    {NULL, TS_KIND_OTHER},
};

/* What the pass has found so far. */
struct verdict {
    int rule; /* of §3; NO_RULE: none */
    enum ts_kind kind;
    /* facts that need more than one attribute */
    bool langfuse_span, langfuse_model;
    bool request_data, request_model;
    bool adk_request, adk_request_full, adk_tool;
    ts_view name;
    ts_view operation_name; /* "operation.name" */
    bool operation_id;
};

static void decide(struct verdict *v, int rule, enum ts_kind kind)
{
    if (rule < v->rule) {
        v->rule = rule;
        v->kind = kind;
    }
}

static bool look_up(const struct word *words, ts_view text, enum ts_kind *out)
{
    for (; words->text; words++)
        if (ts_view_eq_nocase(text, ts_view_str(words->text))) {
            *out = words->kind;
            return true;
        }
    return false;
}

static void by_words(struct verdict *v, int rule, const struct word *words, ts_view text)
{
    enum ts_kind kind;
    if (look_up(words, text, &kind))
        decide(v, rule, kind);
}

static bool contains(ts_view text, const char *word)
{
    return ts_view_find(text, ts_view_str(word)) != SIZE_MAX;
}

/* Rule 5 */
static void vercel(struct verdict *v, ts_view id)
{
    if (ts_view_ends(id, TS_LIT(".doGenerate")) || ts_view_ends(id, TS_LIT(".doStream")))
        decide(v, 5, TS_KIND_LLM);
    else if (ts_view_ends(id, TS_LIT(".doEmbed")))
        decide(v, 5, TS_KIND_EMBEDDING);
    else if (ts_view_is(id, "ai.toolCall"))
        decide(v, 5, TS_KIND_TOOL);
    else if (ts_view_starts(id, TS_LIT("ai.rerank")))
        decide(v, 5, TS_KIND_RERANKER);
    else if (ts_view_starts(id, TS_LIT("ai.generate")) || ts_view_starts(id, TS_LIT("ai.stream")))
        decide(v, 5, TS_KIND_AGENT);
    else if (ts_view_starts(id, TS_LIT("ai.embed")))
        decide(v, 5, TS_KIND_CHAIN);
}

static void langfuse(struct verdict *v, ts_view text)
{
    if (ts_view_is(text, "span"))
        v->langfuse_span = true;
    else
        by_words(v, 3, langfuse_kinds, text);
}

static void mlflow(struct verdict *v, ts_view text)
{
    enum ts_kind kind;
    text = ts_view_trim(text);
    if (text.len >= 2 && text.ptr[0] == '"')
        text = ts_view_cut(text, 1, text.len - 2);
    if (text.len == 0 || ts_view_is(text, "UNKNOWN"))
        return;
    decide(v, 6, look_up(mlflow_kinds, text, &kind) ? kind : TS_KIND_CHAIN);
}

static void operation(struct verdict *v, ts_view text)
{
    enum ts_kind kind;
    if (look_up(operations, text, &kind))
        decide(v, 7, kind);
    else if (ts_view_starts(text, TS_LIT("invoke_")))
        decide(v, 7, TS_KIND_AGENT);
}

static void request_type(struct verdict *v, ts_view text)
{
    if (contains(text, "completion") || ts_view_is(text, "chat"))
        decide(v, 9, TS_KIND_LLM);
    else if (contains(text, "embedding"))
        decide(v, 9, TS_KIND_EMBEDDING);
    else if (ts_view_is(text, "rerank"))
        decide(v, 9, TS_KIND_RERANKER);
}

static void haystack(struct verdict *v, ts_view text)
{
    enum ts_kind kind = TS_KIND_CHAIN;
    if (ts_view_ends(text, TS_LIT("Generator")))
        kind = TS_KIND_LLM;
    else if (contains(text, "Retriever"))
        kind = TS_KIND_RETRIEVER;
    else if (contains(text, "Embedder"))
        kind = TS_KIND_EMBEDDING;
    else if (contains(text, "Ranker"))
        kind = TS_KIND_RERANKER;
    decide(v, 14, kind);
}

/* Rule 16: evidence, strongest first; the rank within the rule is the fraction. */
enum { EVIDENCE = 1600, RETRIEVED = EVIDENCE, EMBEDDED, GENERATED, TOOL_NAMED };

static void evidence(struct verdict *v, int rank, enum ts_kind kind)
{
    decide(v, rank, kind);
}

static void by_key_prefix(struct verdict *v, ts_view key)
{
    if (v->rule <= RETRIEVED) /* nothing that this could find would count */
        return;
    static const struct {
        const char *prefix;
        int rank;
        enum ts_kind kind;
    } rows[] = {
        {"retrieval.documents.", RETRIEVED, TS_KIND_RETRIEVER},
        {"gen_ai.retrieval.documents", RETRIEVED, TS_KIND_RETRIEVER},
        {"embedding.embeddings.", EMBEDDED, TS_KIND_EMBEDDING},
        {"llm.output_messages.", GENERATED, TS_KIND_LLM},
        {"llm.input_messages.", GENERATED, TS_KIND_LLM},
        {"gen_ai.prompt", GENERATED, TS_KIND_LLM},
        {"gen_ai.completion", GENERATED, TS_KIND_LLM},
        {"gen_ai.input.messages", GENERATED, TS_KIND_LLM},
        {"gen_ai.output.messages", GENERATED, TS_KIND_LLM},
        {"llm.prompts", GENERATED, TS_KIND_LLM},
        {"llm.choices", GENERATED, TS_KIND_LLM},
    };
    for (size_t i = 0; key.len > 0 && i < TS_COUNT(rows); i++)
        if (key.ptr[0] == (uint8_t)rows[i].prefix[0] &&
            ts_view_starts(key, ts_view_str(rows[i].prefix)))
            evidence(v, rows[i].rank, rows[i].kind);
}

/* Keys that decide, by their whole name. */
static void by_key(struct verdict *v, ts_view key, const struct ts_any *value)
{
    ts_view text = ts_any_text(value);
    if (ts_view_is(key, "openinference.span.kind"))
        by_words(v, 2, openinference_kinds, text);
    else if (ts_view_is(key, "logfire.span_type") && ts_view_is(text, "pending_span"))
        decide(v, 1, TS_KIND_PLACEHOLDER);
    else if (ts_view_is(key, "langfuse.observation.type"))
        langfuse(v, text);
    else if (ts_view_is(key, "langfuse.observation.model.name"))
        v->langfuse_model = true;
    else if (ts_view_is(key, "langsmith.span.kind"))
        by_words(v, 4, langsmith_kinds, text);
    else if (ts_view_is(key, "ai.operationId")) {
        v->operation_id = text.len > 0;
        vercel(v, text);
    } else if (ts_view_is(key, "operation.name"))
        v->operation_name = v->operation_name.len ? v->operation_name : text;
    else if (ts_view_is(key, "mlflow.spanType"))
        mlflow(v, text);
    else if (ts_view_is(key, "gen_ai.operation.name"))
        operation(v, text);
    else if (ts_view_is(key, "gen_ai.span.kind"))
        by_words(v, 8, genai_kinds, text);
    else if (ts_view_is(key, "gen_ai.request.model"))
        v->request_model = true;
    else if (ts_view_is(key, "gen_ai.tool.name"))
        evidence(v, TOOL_NAMED, TS_KIND_TOOL);
    else if (ts_view_is(key, "llm.request.type"))
        request_type(v, text);
    else if (ts_view_is(key, "request_data"))
        v->request_data = true;
    else if (ts_view_is(key, "traceloop.span.kind"))
        by_words(v, 10, traceloop_kinds, text);
    else if (ts_view_is(key, "spring.ai.kind"))
        by_words(v, 11, spring_kinds, text);
    else if (ts_view_starts(key, TS_LIT("pydantic_ai.all_messages")) ||
             ts_view_is(key, "all_messages_events"))
        decide(v, 12, TS_KIND_AGENT);
    else if (ts_view_is(key, "event_loop.cycle_id"))
        decide(v, 12, TS_KIND_CHAIN);
    else if (ts_view_is(key, "gcp.vertex.agent.llm_request")) {
        bool full = (text.len > 0 && !ts_view_is(ts_view_trim(text), "{}")) ||
                    (value->type == TS_ANY_KVLIST && value->bytes.len > 0);
        v->adk_request_full = v->adk_request ? v->adk_request_full : full;
        v->adk_request = true;
    } else if (ts_view_is(key, "gcp.vertex.agent.tool_call_args"))
        v->adk_tool = true;
    else if (ts_view_is(key, "haystack.component.type"))
        haystack(v, text);
    else if (ts_view_starts(key, TS_LIT("haystack.pipeline.")))
        decide(v, 14, TS_KIND_CHAIN);
    else if (ts_view_is(key, "genkit:metadata:subtype"))
        by_words(v, 15, genkit_kinds, text);
    else
        by_key_prefix(v, key);
}

/* Most keys of most spans begin like none of ours: two letters turn them away. */
static bool may_matter(ts_view key)
{
    static const char starts[][2] = {
        {'o', 'p'},                         /* openinference., operation.name */
        {'l', 'l'}, {'l', 'a'}, {'l', 'o'}, /* llm., langfuse., langsmith., logfire. */
        {'g', 'e'}, {'g', 'c'},             /* gen_ai., genkit:, gcp.vertex. */
        {'r', 'e'},                         /* retrieval., request_data */
        {'e', 'm'}, {'e', 'v'},             /* embedding., event_loop. */
        {'a', 'i'}, {'a', 'l'},             /* ai., all_messages_events */
        {'m', 'l'}, {'t', 'r'},             /* mlflow., traceloop. */
        {'s', 'p'}, {'p', 'y'}, {'h', 'a'}, /* spring.ai., pydantic_ai., haystack. */
    };
    if (key.len < 9)
        return false;
    for (size_t i = 0; i < TS_COUNT(starts); i++)
        if (key.ptr[0] == (uint8_t)starts[i][0] && key.ptr[1] == (uint8_t)starts[i][1])
            return true;
    return false;
}

static void by_attribute(struct verdict *v, ts_view key_value)
{
    struct ts_cursor c = ts_cursor_of(key_value);
    struct ts_field f;
    struct ts_attr attr;
    if (ts_cursor_done(&c) || !ts_cursor_next(&c, &f) || f.number != TS_KV_KEY ||
        f.wire != TS_WIRE_LEN) {
        if (ts_attr_read(key_value, &attr)) /* value before key: legal, and nobody does it */
            by_key(v, attr.key, &attr.value);
        return;
    }
    if (may_matter(f.bytes) && ts_attr_read(key_value, &attr))
        by_key(v, attr.key, &attr.value);
}

static void by_event(struct verdict *v, ts_view event)
{
    struct ts_cursor c = ts_cursor_of(event);
    struct ts_field f;
    ts_view name = TS_NOTHING;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_EVENT_NAME && f.wire == TS_WIRE_LEN)
            name = f.bytes;
    if (ts_view_is(name, "db.query.result") || ts_view_is(name, "db.search.result"))
        evidence(v, RETRIEVED, TS_KIND_RETRIEVER);
    if (!ts_view_starts(name, TS_LIT("gen_ai.")))
        return;
    bool message = ts_view_ends(name, TS_LIT(".message")) || ts_view_is(name, "gen_ai.choice");
    bool details = ts_view_is(name, "gen_ai.client.inference.operation.details");
    bool content = ts_view_is(name, "gen_ai.content.prompt") ||
                   ts_view_starts(name, TS_LIT("gen_ai.content.completion"));
    if (message || details || (content && !ts_view_ends(name, TS_LIT(".chunk"))))
        evidence(v, GENERATED, TS_KIND_LLM);
}

/* What needs several attributes, once all have been seen. */
static void conclude(struct verdict *v)
{
    if (v->langfuse_span)
        decide(v, 3, v->langfuse_model ? TS_KIND_LLM : TS_KIND_CHAIN);
    if (!v->operation_id) {
        size_t space = ts_view_find(v->operation_name, TS_LIT(" "));
        ts_view first = ts_view_cut(v->operation_name, 0, space);
        vercel(v, ts_view_starts(first, TS_LIT("ai.")) ? first : v->name);
    }
    if (v->adk_request && v->adk_request_full)
        decide(v, 13, TS_KIND_LLM);
    else if (v->adk_tool)
        decide(v, 13, TS_KIND_TOOL);
    if (v->request_data && v->request_model)
        evidence(v, GENERATED, TS_KIND_LLM);
}

static struct verdict judge(ts_view span)
{
    struct verdict v = {.rule = EVIDENCE + NO_RULE, .kind = TS_KIND_OTHER};
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.wire != TS_WIRE_LEN)
            continue;
        if (f.number == TS_SPAN_ATTRIBUTES)
            by_attribute(&v, f.bytes);
        else if (f.number == TS_SPAN_EVENTS)
            by_event(&v, f.bytes);
        else if (f.number == TS_SPAN_NAME)
            v.name = f.bytes;
    }
    conclude(&v);
    return v;
}

enum ts_kind ts_span_kind(ts_view span)
{
    return judge(span).kind;
}

enum ts_kind ts_span_kind_rule(ts_view span, int *rule)
{
    struct verdict v = judge(span);
    *rule = v.rule < EVIDENCE ? v.rule : v.rule < EVIDENCE + NO_RULE ? 16 : 17;
    return v.kind;
}
