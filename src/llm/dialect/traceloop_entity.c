/* traceloop_entity.c - Traceloop's workflow spans (dialects §7.3), where nothing better is on the span. */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_read_request_response(r, "traceloop.entity.input", "traceloop.entity.output", true, out);
}

static const struct ts_kind_word kinds[] = {
    {"agent", TS_KIND_AGENT}, {"tool", TS_KIND_TOOL}, {"workflow", TS_KIND_CHAIN},
    {"task", TS_KIND_CHAIN},  {NULL, TS_KIND_OTHER},
};
static const struct ts_kind_key kind_keys[] = {
    {"traceloop.span.kind", 10, .words = kinds, .rule_text = "traceloop.span.kind"},
    {0},
};
static const struct ts_meta_key meta_keys[] = {
    {TS_META_SESSION, 4, .key = "traceloop.association.properties.session_id"},
    {TS_META_USER, 5, .key = "traceloop.association.properties.user_id"},
    {TS_META_DOCUMENTS, 8, .key = "traceloop.entity.output"},
    {0},
};

const struct ts_dialect ts_dialect_traceloop_entity = {
    .name = "traceloop_entity",
    .read = read_source,
    .kind_keys = kind_keys,
    .meta_keys = meta_keys,
};
