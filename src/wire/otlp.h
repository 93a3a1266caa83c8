/* otlp.h - field numbers of the OTLP trace messages, and readers for the small ones.
 * Numbers: ../proto, checked against the official descriptors in tests/contract. */
#ifndef TS_WIRE_OTLP_H
#define TS_WIRE_OTLP_H

#include "base/err.h"
#include "wire/cursor.h"

enum { /* ExportTraceServiceRequest */ TS_REQUEST_RESOURCE_SPANS = 1 };
enum { /* ResourceSpans */ TS_RS_RESOURCE = 1, TS_RS_SCOPE_SPANS = 2, TS_RS_SCHEMA_URL = 3 };
enum { /* Resource */ TS_RESOURCE_ATTRIBUTES = 1 };
enum { /* ScopeSpans */ TS_SS_SCOPE = 1, TS_SS_SPANS = 2, TS_SS_SCHEMA_URL = 3 };
enum { /* InstrumentationScope */ TS_SCOPE_NAME = 1, TS_SCOPE_VERSION = 2 };
enum { /* Span */
       TS_SPAN_TRACE_ID = 1,
       TS_SPAN_SPAN_ID = 2,
       TS_SPAN_PARENT_ID = 4,
       TS_SPAN_NAME = 5,
       TS_SPAN_START = 7,
       TS_SPAN_END = 8,
       TS_SPAN_ATTRIBUTES = 9,
       TS_SPAN_DROPPED_ATTRIBUTES = 10,
       TS_SPAN_EVENTS = 11,
       TS_SPAN_LINKS = 13,
       TS_SPAN_STATUS = 15,
};
enum { /* Span.Event */
       TS_EVENT_TIME = 1,
       TS_EVENT_NAME = 2,
       TS_EVENT_ATTRIBUTES = 3,
};
enum { /* Status */ TS_STATUS_MESSAGE = 2, TS_STATUS_CODE = 3, TS_STATUS_CODE_ERROR = 2 };
enum { /* KeyValue */ TS_KV_KEY = 1, TS_KV_VALUE = 2 };
enum { /* AnyValue */
       TS_ANY_STRING = 1,
       TS_ANY_BOOL = 2,
       TS_ANY_INT = 3,
       TS_ANY_DOUBLE = 4,
       TS_ANY_ARRAY = 5,
       TS_ANY_KVLIST = 6,
       TS_ANY_BYTES = 7,
};
/* ArrayValue and KeyValueList hold their items in field 1. */
enum { TS_LIST_VALUES = 1 };
/* Nesting of AnyValue that we accept. */
enum { TS_ANY_MAX_DEPTH = 100 };

/* An AnyValue as found: nothing is decoded beyond its outer tag. */
struct ts_any {
    int type;      /* TS_ANY_…; 0 = empty value */
    ts_view bytes; /* STRING, BYTES: the content; ARRAY, KVLIST: the encoded list message */
    int64_t i;     /* INT; BOOL as 0 or 1 */
    double d;      /* DOUBLE */
};

/* An attribute. Last value wins inside one message, as protobuf says; the first KeyValue of a key
 * wins in a list (dialects §11.14), which is the caller's loop. */
struct ts_attr {
    ts_view key;
    struct ts_any value;
};

/* Content of a KeyValue / AnyValue message. False when the bytes do not parse. */
bool ts_attr_read(ts_view key_value, struct ts_attr *out);
bool ts_any_read(ts_view any_value, struct ts_any *out);

/* Structure of an AnyValue to the bottom: tags, lengths, depth ≤ TS_ANY_MAX_DEPTH. Text is not
 * looked at. */
bool ts_any_check(ts_view any_value, int depth);

#endif
