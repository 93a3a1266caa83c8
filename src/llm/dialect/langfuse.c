/* langfuse.c - the Langfuse SDKs (dialects §8.2): the observation's input and output. */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "langfuse.observation.input", "langfuse.observation.output", true, out);
}

const struct ts_dialect ts_dialect_langfuse = {"langfuse", read_source};
