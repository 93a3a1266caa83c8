/* haystack.c - Haystack's own tracing (dialects §8.10): a component's input and output. */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "haystack.component.input", "haystack.component.output", false, out);
}

const struct ts_dialect ts_dialect_haystack = {"haystack", read_source};
