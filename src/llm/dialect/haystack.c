/* haystack.c - Haystack's own tracing (dialects §8.10): a component's input and output. */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request_response(r, "haystack.component.input", "haystack.component.output", false,
                             out);
}

static bool read_type(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind)
{
    static const struct ts_kind_word pieces[] = {{"Retriever", TS_KIND_RETRIEVER},
                                                 {"Embedder", TS_KIND_EMBEDDING},
                                                 {"Ranker", TS_KIND_RERANKER}};
    ts_view type = ts_any_text(value);
    (void)notes;
    *kind = ts_view_ends(type, TS_LIT("Generator")) ? TS_KIND_LLM : TS_KIND_CHAIN;
    for (size_t i = 0; *kind == TS_KIND_CHAIN && i < TS_COUNT(pieces); i++)
        if (ts_view_find(type, ts_view_str(pieces[i].text)) != SIZE_MAX)
            *kind = pieces[i].kind;
    return true;
}

static const struct ts_kind_key kind_keys[] = {
    {"haystack.component.type", 14, .read = read_type,
     .rule_text = "Haystack's type of the component"},
    {"haystack.pipeline.*", 14, .kind = TS_KIND_CHAIN},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_DOCUMENTS, 4, .key = "haystack.component.output"},
    {0},
};
static const char *const own_providers[] = {"haystack", NULL};

const struct ts_dialect ts_dialect_haystack = {
    .name = "haystack",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
    .own_providers = own_providers,
};
