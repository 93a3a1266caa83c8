/* openinference_raw.c - input.value and output.value: provider JSON of §5, or free text (§9.2). */
#include "llm/dialect/request_response.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    static const char prefix[] = "assistant: ";
    ts_read_request_response(r, "input.value", "output.value", true, out);
    if (ts_view_starts(out->response.text, ts_view_str(prefix)) &&
        !ts_raw_tree(r, &r->output, "output.value")) /* LlamaIndex: str(ChatResponse) (§5.2) */
        out->response.text = ts_view_from(out->response.text, strlen(prefix));
}

const struct ts_dialect ts_dialect_openinference_raw = {
    .name = "openinference_raw",
    .read = read_source,
};
