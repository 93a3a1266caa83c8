/* langsmith.c - LangSmith, Dify, OpenRouter (dialects §8.3): a run's inputs and outputs in one attribute each. */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "gen_ai.prompt", "gen_ai.completion", true, out);
}

const struct ts_dialect ts_dialect_langsmith = {"langsmith", read_source};
