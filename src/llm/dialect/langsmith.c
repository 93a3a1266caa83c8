/* langsmith.c - LangSmith, Dify, OpenRouter (dialects §8.3): a run's inputs and outputs in one attribute each. */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request_response(r, "gen_ai.prompt", "gen_ai.completion", true, out);
}

static const struct ts_kind_word kinds[] = {
    {"llm", TS_KIND_LLM},
    {"chain", TS_KIND_CHAIN},
    {"parser", TS_KIND_CHAIN},
    {"tool", TS_KIND_TOOL},
    {"retriever", TS_KIND_RETRIEVER},
    {"embedding", TS_KIND_EMBEDDING},
    {"prompt", TS_KIND_PROMPT},
    {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_key kind_keys[] = {
    {"langsmith.span.kind", 4, .words = kinds, .rule_text = "LangSmith's kind of the run"},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 11, .key = "langsmith.metadata.ls_model_name"},
    {TS_META_PROVIDER, 7, .key = "langsmith.metadata.ls_provider"},
    {TS_META_SESSION, 7, .key = "langsmith.metadata.session_id"},
    {TS_META_SESSION, 8, .key = "langsmith.metadata.thread_id"},
    {TS_META_SESSION, 9, .key = "langsmith.metadata.conversation_id"},
    {TS_META_USER, 8, .key = "langsmith.metadata.user_id"},
    {TS_META_DOCUMENTS, 6, .key = "gen_ai.completion"},
    {0},
};

const struct ts_dialect ts_dialect_langsmith = {
    .name = "langsmith",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
};
