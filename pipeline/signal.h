/* signal.h - what kinds of OTLP data there are. A new one is a file in pipeline/signal/ and a line in
 * registry.def; receivers, queues and the store know them by this struct only. */
#ifndef TS_PIPELINE_SIGNAL_H
#define TS_PIPELINE_SIGNAL_H

#include "wire/splice.h"

/* Shows one item of a request, in order. */
typedef void ts_item_visit(void *arg, const struct ts_span_at *at);

struct ts_signal {
    const char *name;        /* "traces": what its pipelines are called; in stored records */
    const char *items;       /* "spans": the collector's word in its metrics */
    const char *grpc_method; /* of its collector service: "/package.Service/Export" */
    /* Checks the structure of a request, counts its items, shows each to `visit` (NULL: nobody). As
     * ts_scan. */
    bool (*scan)(ts_view request, bool strict_ids, ts_item_visit *visit, void *arg, size_t *items,
                 struct ts_err *err);
    /* Cuts a part into pieces of at most `limit` bytes, as far as items allow. As ts_part_split. */
    size_t (*split)(const struct ts_part *part, size_t limit, struct ts_part **pieces);
};

/* All signals, NULL at the end. The first is what records without a signal hold. */
extern const struct ts_signal *const ts_signals[];
const struct ts_signal *ts_signal_find(ts_view name); /* NULL: not served */

#endif
