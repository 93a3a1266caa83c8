/* trust_recent.h - the decisions that spans left with lately: a copy of a span that comes again, because its
 * sender did not hear our yes, leaves with the same one. */
#ifndef TS_PROCESSOR_TRUST_RECENT_H
#define TS_PROCESSOR_TRUST_RECENT_H

#include "pipeline/assess/decision_store.h"

struct trust_recent;

/* Of one processor. Bounded: 8 MiB, and ten minutes, beyond which senders do not try again
 * (max_elapsed_time of the collector's exporters is five). Thread: any, for all of these. */
struct trust_recent *trust_recent_new(void);
void trust_recent_free(struct trust_recent *recent); /* NULL is fine */

/* The decision of a copy that has left, for ts_decision_restore, in `arena`; empty: none is known. */
ts_view trust_recent_find(struct trust_recent *recent, const struct ts_span_key *key,
                          struct ts_arena *arena);
/* The same; where none is known, `decision` is from now on. */
ts_view trust_recent_meet(struct trust_recent *recent, const struct ts_span_key *key,
                          ts_view decision, struct ts_arena *arena);

#endif
