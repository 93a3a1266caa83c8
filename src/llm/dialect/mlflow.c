/* mlflow.c - MLflow (dialects §8.5): every value is JSON text, raw payloads in it. */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request_response(r, "mlflow.spanInputs", "mlflow.spanOutputs", true, out);
}

static bool read_type(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    static const struct ts_kind_word kinds[] = {
        {"CHAT_MODEL", TS_KIND_LLM},      {"LLM", TS_KIND_LLM},
        {"EMBEDDING", TS_KIND_EMBEDDING}, {"RETRIEVER", TS_KIND_RETRIEVER},
        {"RERANKER", TS_KIND_RERANKER},   {"TOOL", TS_KIND_TOOL},
        {"AGENT", TS_KIND_AGENT},         {"GUARDRAIL", TS_KIND_GUARDRAIL},
        {"EVALUATOR", TS_KIND_EVALUATOR}, {NULL, TS_KIND_OTHER},
    };
    ts_view type = ts_view_trim(ts_any_text(value));
    (void)notes;
    if (type.len >= 2 && type.ptr[0] == '"')
        type = ts_view_cut(type, 1, type.len - 2);
    *kind = TS_KIND_CHAIN; /* any other type is a step of the user's */
    ts_kind_of_word(kinds, type, kind);
    return type.len > 0 && !ts_view_is(type, "UNKNOWN");
}

static const struct ts_kind_key kind_keys[] = {
    {"mlflow.spanType", 6, .read = read_type, .rule_text = "MLflow's type of the span"},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 6, .key = "mlflow.llm.model", .is_json = true},
    {TS_META_PROVIDER, 6, .key = "mlflow.llm.provider", .is_json = true},
    {TS_META_USAGE, 2, .key = "mlflow.chat.tokenUsage"},
    {TS_META_TOOLS, 6, .key = "mlflow.chat.tools"},
    {TS_META_DOCUMENTS, 3, .key = "mlflow.spanOutputs"},
    {0},
};

const struct ts_dialect ts_dialect_mlflow = {
    .name = "mlflow",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
};
