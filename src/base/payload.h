/* payload.h - immutable bytes shared between threads.
 * A request is received once, kept once, sent once per exporter: all hold the same payload.
 * Nothing writes to it after ts_payload_new. Changes are edits beside it, see wire/splice.h. */
#ifndef TS_BASE_PAYLOAD_H
#define TS_BASE_PAYLOAD_H

#include "base/view.h"

struct ts_payload;

/* Takes over `bytes`; `drop(arg)` gives them back (a gRPC slice, a malloc block, a mapping).
 * Returns a payload with one reference. Thread: any. Never fails. */
struct ts_payload *ts_payload_new(ts_view bytes, void (*drop)(void *), void *arg);
/* The same over a copy. */
struct ts_payload *ts_payload_copy(ts_view bytes);
ts_view ts_payload_view(const struct ts_payload *p); /* valid while the caller holds a reference */
struct ts_payload *ts_payload_ref(struct ts_payload *p);
void ts_payload_unref(struct ts_payload *p); /* NULL is fine; the last one calls drop */

#endif
