/* local_signal.h - what a signal of the local scorer is: it looks at one kind of evidence on the record.
 * A signal either has something to say or is silent; it never guesses. */
#ifndef TS_SCORER_LOCAL_SIGNAL_H
#define TS_SCORER_LOCAL_SIGNAL_H

#include "llm/llm.h"

/* What a signal says. */
struct ts_local_signal {
    bool present;   /* false: silent, the rest is not set */
    bool violation; /* the answer broke something: `score` is then a cap on the whole */
    double score;   /* 0…1 */
    double weight;  /* how much evidence, > 0…1; not used for violations */
    ts_view text;   /* one sentence in plain words, with the offending piece */
};

struct ts_agreement;

/* Evaluates one kind of evidence. `memory` is of what the stream has shown; most need none. `out` comes
 * zeroed; its text is the arena's or static. Thread: any. */
typedef void ts_local_signal_fn(struct ts_agreement *memory, const struct ts_llm *llm,
                                struct ts_arena *arena, struct ts_local_signal *out);

/* One for each row of local_signals.def. */
#define TS_LOCAL_SIGNAL(name) ts_local_signal_fn ts_local_##name;
#include "pipeline/scorer/local_signals.def"
#undef TS_LOCAL_SIGNAL

/* At most 80 characters of a text, for quoting: its beginning; its last whole words. */
ts_view ts_local_quote(struct ts_arena *arena, ts_view text);
ts_view ts_local_quote_end(struct ts_arena *arena, ts_view text);
/* Fills `out` as a violation that caps the score at `cap`. */
void ts_local_violation(struct ts_local_signal *out, double cap, ts_view text);

#endif
