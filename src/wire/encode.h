/* encode.h - writing protobuf fields into a buffer; the little that patching a span needs. */
#ifndef TS_WIRE_ENCODE_H
#define TS_WIRE_ENCODE_H

#include "base/buf.h"
#include "wire/otlp.h"

size_t ts_varint_size(uint64_t value);
bool ts_put_varint(struct ts_buf *out, uint64_t value);
bool ts_put_tag(struct ts_buf *out, uint32_t number, enum ts_wire wire);
bool ts_put_bytes(struct ts_buf *out, uint32_t number, ts_view bytes);
bool ts_put_fixed32(struct ts_buf *out, uint32_t number, uint32_t value);
bool ts_put_fixed64(struct ts_buf *out, uint32_t number, uint64_t value);

/* A KeyValue as field `number` (TS_SPAN_ATTRIBUTES, TS_EVENT_ATTRIBUTES …). Text that is not UTF-8
 * is the caller's to repair. */
bool ts_put_attr_text(struct ts_buf *out, uint32_t number, ts_view key, ts_view text);
bool ts_put_attr_double(struct ts_buf *out, uint32_t number, ts_view key, double value);
bool ts_put_attr_int(struct ts_buf *out, uint32_t number, ts_view key, int64_t value);

#endif
