/* otlp_json.h - OTLP/JSON to protobuf and back (otlp-and-collector.md 1.5).
 * Off the hot path: commands and the debug exporter. */
#ifndef TS_WIRE_OTLP_JSON_H
#define TS_WIRE_OTLP_JSON_H

#include "base/buf.h"

/* Appends the ExportTraceServiceRequest. Accepts camelCase and snake_case keys, hex ids in any case,
 * enum names and numbers, 64-bit integers as numbers or strings, and ignores unknown keys.
 * Errors name the place: "resourceSpans[0].scopeSpans[0].spans[2].traceId: 'zz' is not hex". */
bool ts_otlp_from_json(ts_view json, struct ts_buf *out, struct ts_err *err);
/* Appends one JSON object, with camelCase keys, lower-case hex ids, enums as numbers and 64-bit
 * integers as strings; text that is not UTF-8 is repaired. Fields unknown to us are not shown. */
bool ts_otlp_to_json(ts_view request, struct ts_buf *out, struct ts_err *err);

#endif
