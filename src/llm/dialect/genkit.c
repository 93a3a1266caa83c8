/* genkit.c - Genkit (dialects §8.15): input and output as JSON text, parts under `content`. */
#include "llm/dialect/message_reader.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    const cJSON *input = ts_attr_json(r, "genkit:input");
    const cJSON *output = ts_attr_json(r, "genkit:output");
    const cJSON *message = ts_json_get(output, "message");
    struct ts_message_reader prompt = {.arena = r->arena};
    struct ts_message_reader answer = {.arena = r->arena};
    ts_read_messages(&prompt, ts_json_get(input, "messages"));
    ts_messages_as_prompt(&prompt, &out->prompt);
    out->prompt.cut = ts_json_is_cut(ts_attrs_text(&r->attrs, "genkit:input"));
    out->response.cut = ts_json_is_cut(ts_attrs_text(&r->attrs, "genkit:output"));
    if (!message)
        return;
    ts_read_message(&answer, TS_LIT("assistant"), message);
    ts_messages_as_response(&answer, &out->response);
    out->response.finish_raw = ts_json_text(ts_json_get(output, "finishReason"));
}

static const struct ts_kind_word kinds[] = {
    {"model", TS_KIND_LLM},          {"background-model", TS_KIND_LLM},
    {"embedder", TS_KIND_EMBEDDING}, {"retriever", TS_KIND_RETRIEVER},
    {"tool", TS_KIND_TOOL},          {"evaluator", TS_KIND_EVALUATOR},
    {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_key kind_keys[] = {
    {"genkit:metadata:subtype", 15, .words = kinds, .rule_text = "Genkit's subtype"},
    {0},
};

const struct ts_dialect ts_dialect_genkit = {
    .name = "genkit",
    .read = read_source,
    .kind_keys = kind_keys,
};
