/* headers.h - request headers that travel with a batch (forward_headers).
 * They hold credentials: they live as long as their batch, are never logged, and are wiped. */
#ifndef TS_PIPELINE_HEADERS_H
#define TS_PIPELINE_HEADERS_H

#include "base/buf.h"
#include "config/settings.h"
#include "net/grpc.h"

struct ts_headers; /* immutable, shared, counted */

/* Those of `from` whose key is in `wanted` (any case). NULL when none is. */
struct ts_headers *ts_headers_pick(const struct ts_grpc_header *from, size_t count,
                                   const struct ts_texts *wanted);
/* Keys and values are copied, the keys in lower case. NULL when count is 0. */
struct ts_headers *ts_headers_new(const struct ts_grpc_header *from, size_t count);
/* What a configuration says, in its order. NULL when it says nothing. */
struct ts_headers *ts_headers_of_pairs(const struct ts_pairs *pairs);
/* All of `first`, then those of `second` whose key is not there yet: what a sender gave wins over what is
 * configured. Either may be NULL; the result is when both are. It is the caller's to unref. */
struct ts_headers *ts_headers_merge(struct ts_headers *first, struct ts_headers *second);
struct ts_headers *ts_headers_ref(struct ts_headers *headers); /* NULL is fine, here and below */
void ts_headers_unref(struct ts_headers *headers);
const struct ts_grpc_header *ts_headers_list(const struct ts_headers *headers, size_t *count);
/* Same keys and values in the same order; NULL equals NULL only. */
bool ts_headers_eq(const struct ts_headers *a, const struct ts_headers *b);
bool ts_headers_has(const struct ts_headers *headers, ts_view key);

#endif
