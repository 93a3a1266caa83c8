/* openinference_raw.c - input.value and output.value: provider JSON of §5, or free text (§9.2). */
#include "llm/dialect/pair.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_read(r, "input.value", "output.value", true, out);
}

const struct ts_dialect ts_dialect_openinference_raw = {"openinference_raw", read_source};
