/* record.h - the stored form of a batch (proto/trustspan/spool.proto): a head, and the request behind it. */
#ifndef TS_ENGINE_RECORD_H
#define TS_ENGINE_RECORD_H

#include "pipeline/headers.h"
#include "pipeline/seal.h"
#include "pipeline/signal.h"

struct ts_record {
    const struct ts_signal *signal;
    struct ts_headers *headers; /* NULL: none */
    const struct ts_seal
        *seal;         /* to encode: closes the headers; NULL: they are stored as they are */
    ts_view sealed;    /* decoded: the headers, closed, until ts_record_unseal; empty: they */
    ts_view beside;    /* … and what they are bound to                          are open */
    ts_time received;  /* wall clock */
    ts_time give_up;   /* wall clock; late list only, else 0 */
    ts_view source;    /* id of the receiver that it came through; empty: not known */
    ts_view owner;     /* kept records: key of the processor that it belongs to; the same */
    uint64_t parent;   /* kept records: id of the record that it hangs on; 0: none */
    ts_view decisions; /* kept records: the processor's own words; may be empty */
    ts_view request;
};

/* Appends all but the request itself: the stored record is this and the request behind it. */
void ts_record_encode(const struct ts_record *record, struct ts_buf *out);
/* The way back: views into `stored`, headers the caller's to unref. Records of earlier versions say less.
 * False, with err DATA_LOSS: another format version, or bytes that do not parse; UNIMPLEMENTED: a signal
 * that is not served. */
bool ts_record_decode(ts_view stored, struct ts_record *out, struct ts_err *err);
/* Just the parent; 0: none, or bytes that do not parse. */
uint64_t ts_record_parent(ts_view stored);
/* Length of the stored record that `bytes` begin with, when others may be behind it; 0: none. */
size_t ts_record_length(ts_view bytes);
/* Opens the headers of a decoded record that have been sealed; there are others afterwards, the caller's to
 * unref. False, with err FAILED_PRECONDITION: it takes a key, or another one than `seal` (NULL: none). */
bool ts_record_unseal(struct ts_record *record, const struct ts_seal *seal, struct ts_err *err);

#endif
