/* traces.c - spans: ExportTraceServiceRequest. */
#include "pipeline/signal.h"

#include "wire/split.h"

static bool scan(ts_view request, bool strict_ids, ts_item_visit *visit, void *arg, size_t *items,
                 struct ts_err *err)
{
    struct ts_scan found;
    bool ok = ts_scan(request, strict_ids, visit, arg, &found, err);
    *items = found.spans;
    return ok;
}

const struct ts_signal ts_signal_traces = {
    .name = "traces",
    .items = "spans",
    .grpc_method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    .scan = scan,
    .split = ts_part_split,
};
