/* scan.h - finding the spans of an ExportTraceServiceRequest without decoding it.
 * One walk over tags and lengths checks the structure of everything that trustspan or a backend
 * will ever look at, and shows each span to a visitor. Nothing is copied, nothing allocated. */
#ifndef TS_WIRE_SCAN_H
#define TS_WIRE_SCAN_H

#include "wire/otlp.h"

/* Where one span stands. All views point into the request. */
struct ts_span_at {
    ts_view resource_spans; /* content of the ResourceSpans around it */
    ts_view scope_spans;    /* content of the ScopeSpans around it */
    ts_view span;           /* content of the Span */
    const uint8_t *field;   /* first byte of the Span's field in its ScopeSpans: its identity */
    size_t index;           /* among the spans of the request, from 0 */
};

struct ts_scan {
    size_t spans;
    size_t
        odd_ids; /* spans whose trace id is not 16 bytes or whose span id is not 8, or all zero */
};

/* Shows every span to `visit` (may be NULL), in order. False, with err INVALID_ARGUMENT naming the
 * message and the byte offset, when the bytes do not parse; spans before the bad place have been
 * shown by then. With `strict_ids` an odd id is such an error, too. Text is not checked. */
bool ts_scan(ts_view request, bool strict_ids,
             void (*visit)(void *arg, const struct ts_span_at *at), void *arg, struct ts_scan *out,
             struct ts_err *err);

/* The Resource and InstrumentationScope messages around a span; empty when there is none. */
ts_view ts_span_resource(const struct ts_span_at *at);
ts_view ts_span_scope(const struct ts_span_at *at);

#endif
