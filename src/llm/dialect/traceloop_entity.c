/* traceloop_entity.c - Traceloop's workflow spans (dialects §7.3), where nothing better is on the span. */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "traceloop.entity.input", "traceloop.entity.output", true, out);
}

const struct ts_dialect ts_dialect_traceloop_entity = {"traceloop_entity", read_source};
