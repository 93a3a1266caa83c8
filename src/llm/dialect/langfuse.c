/* langfuse.c - the Langfuse SDKs (dialects §8.2): the observation's input and output. */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request_response(r, "langfuse.observation.input", "langfuse.observation.output", true,
                             out);
}

/* A "span" is a call when it names a model. */
enum { IS_SPAN = 1, HAS_MODEL = 2 };

static bool read_type(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    static const struct ts_kind_word kinds[] = {
        {"generation", TS_KIND_LLM},      {"embedding", TS_KIND_EMBEDDING},
        {"agent", TS_KIND_AGENT},         {"tool", TS_KIND_TOOL},
        {"chain", TS_KIND_CHAIN},         {"retriever", TS_KIND_RETRIEVER},
        {"guardrail", TS_KIND_GUARDRAIL}, {"evaluator", TS_KIND_EVALUATOR},
        {"event", TS_KIND_OTHER},         {NULL, TS_KIND_OTHER},
    };
    ts_view type = ts_any_text(value);
    if (ts_view_is(type, "span"))
        *notes |= IS_SPAN;
    return ts_kind_of_word(kinds, type, kind);
}

static bool note_model(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    (void)value;
    (void)kind;
    *notes |= HAS_MODEL;
    return false;
}

static bool kind_of_notes(uint8_t notes, ts_view span_name, enum ts_kind *kind)
{
    (void)span_name;
    *kind = notes & HAS_MODEL ? TS_KIND_LLM : TS_KIND_CHAIN;
    return notes & IS_SPAN;
}

static bool has_failed(const struct ts_reader *r)
{
    return ts_view_is(ts_attrs_text(&r->attrs, "langfuse.observation.level"), "ERROR");
}

static const struct ts_kind_key kind_keys[] = {
    {"langfuse.observation.type", 3, .read = read_type,
     .rule_text = "Langfuse's type of the observation"},
    {"langfuse.observation.model.name", 3, .read = note_model},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_MODEL, 5, .key = "langfuse.observation.model.name"},
    {TS_META_SESSION, 3, .key = "langfuse.session.id"},
    {TS_META_USER, 3, .key = "langfuse.user.id"},
    {TS_META_FINISH_REASON, 7, .key = "langfuse.observation.metadata.finish_reason"},
    {TS_META_USAGE, 1, .key = "langfuse.observation.usage_details"},
    {TS_META_FIRST_TOKEN, 4, .key = "langfuse.observation.completion_start_time"},
    {TS_META_DOCUMENTS, 2, .key = "langfuse.observation.output"},
    {0},
};

const struct ts_dialect ts_dialect_langfuse = {
    .name = "langfuse",
    .read = read_source,
    .kind_keys = kind_keys,
    .kind_of_notes = kind_of_notes,
    .notes_rule = 3,
    .meta_keys = meta_keys,
    .has_failed = has_failed,
    .media_reference = "@@@langfuseMedia:type=*@@@",
};
