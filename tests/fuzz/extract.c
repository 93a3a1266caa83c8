/* extract.c - any span: OTLP/JSON with spans in it, or the bytes of one span. Whatever comes, a record and
 * its JSON come out. */
#include "json/json.h"
#include "llm/extract.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(ts_view resource, ts_view scope, ts_view span)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    struct ts_buf text = TS_BUF_INIT;
    ts_llm_extract(arena, resource, scope, span, &llm);
    if (!ts_llm_print(&llm, &text))
        abort();
    cJSON *tree = ts_json_parse(ts_buf_view(&text), NULL, NULL);
    if (!tree)
        abort();
    cJSON_Delete(tree);
    ts_buf_release(&text);
    ts_arena_free(arena);
}

static void on_span(void *arg, const struct ts_span_at *at)
{
    (void)arg;
    read_one(ts_span_resource(at), ts_span_scope(at), at->span);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ts_view input = ts_view_of(data, size);
    struct ts_buf request = TS_BUF_INIT;
    struct ts_scan scan;
    if (size > 0 && data[0] != '{')
        read_one(TS_NOTHING, TS_NOTHING, input);
    else if (ts_otlp_from_json(input, &request, NULL))
        ts_scan(ts_buf_view(&request), true, on_span, NULL, &scan, NULL);
    ts_buf_release(&request);
    return 0;
}
