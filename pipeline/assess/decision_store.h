/* decision_store.h - decisions as bytes (proto/trustspan/spool.proto, DecidedSpan), so that a span that comes
 * again leaves with the decision that it left with before. */
#ifndef TS_ASSESS_DECISION_STORE_H
#define TS_ASSESS_DECISION_STORE_H

#include "pipeline/assess/decision.h"

/* Names the bytes of a span: an XXH3 hash, 16 bytes. */
struct ts_span_key {
    uint8_t bytes[16];
};
struct ts_span_key ts_span_key_of(ts_view span);

/* A decision as it is kept. */
struct ts_decided {
    ts_view key;               /* of the span: 16 bytes */
    ts_view trace_id, span_id; /* as the span has them */
    bool late;                 /* the decision came after the span had left */
    ts_view decision;          /* for ts_decision_restore */
};

/* Appends one DecidedSpan to a sequence of them. */
void ts_decision_store(const struct ts_span_key *key, const struct ts_llm *llm,
                       const struct ts_decision *d, bool late, struct ts_buf *out);
/* Takes the first off the sequence; views into it. False: none is left, or it does not parse. */
bool ts_decided_next(ts_view *sequence, struct ts_decided *out);
/* The decision, with texts in `arena` and its score in `score`. False: it does not parse. */
bool ts_decision_restore(ts_view decision, struct ts_arena *arena, struct ts_decision *d,
                         struct ts_score *score);

#endif
