/* splice.h - a request with some spans changed or left out, as slices of the request itself.
 * Only what changes is new: the appended bytes and the lengths of the messages around them.
 * Everything else, known fields or not, is the sender's bytes in the sender's order. */
#ifndef TS_WIRE_SPLICE_H
#define TS_WIRE_SPLICE_H

#include "base/payload.h"
#include "wire/scan.h"

/* What to do with one span. */
struct ts_edit {
    const uint8_t *field; /* ts_span_at.field */
    bool drop;            /* leave the span out; the rest is then not looked at */
    ts_view content;      /* what the span holds from now on; ptr NULL: what it held */
    ts_view append;       /* encoded fields of Span to add at its end; may be empty */
    ts_view replace;      /* attributes of the span whose key starts with this go; empty: none */
};

/* One valid ExportTraceServiceRequest. The slices point into the payload, which the part holds, and
 * into `own`. A zeroed part is "nothing". */
struct ts_part {
    ts_view *slices;
    size_t count;
    size_t bytes; /* of all slices */
    size_t items;
    struct ts_payload *payload;
    uint8_t *own;
};

/* Makes the part out of a payload that passed ts_scan and holds `spans` spans. `edits` are in the
 * order of the request. Spans without an edit stay when `keep_others`, else they go. A ScopeSpans
 * or ResourceSpans that loses its last span goes, too; one that had none stays with keep_others.
 * Fields of the request that are not resource_spans stay with keep_others. The edits' bytes are
 * copied. Nothing left: out->items == 0. Thread: any; allocates per edit, never per other span. */
void ts_splice(struct ts_payload *payload, size_t spans, const struct ts_edit *edits, size_t count,
               bool keep_others, struct ts_part *out);
/* The whole payload as a part. */
void ts_part_whole(struct ts_payload *payload, size_t spans, struct ts_part *out);
void ts_part_release(struct ts_part *part);
/* All bytes in one piece, for those who need that; the caller frees. */
struct ts_payload *ts_part_join(const struct ts_part *part);

#endif
