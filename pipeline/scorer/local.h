/* local.h - the signals of the local scorer: each looks at one kind of evidence on the record.
 * A signal either has something to say or is silent; it never guesses. */
#ifndef TS_SCORER_LOCAL_H
#define TS_SCORER_LOCAL_H

#include "json/json.h"
#include "llm/llm.h"

/* What a signal says. */
struct ts_signal {
    bool speaks;
    bool violation; /* the answer broke something: `score` is then a cap on the whole */
    double score;   /* 0…1 */
    double weight;  /* how much evidence, > 0…1; not used for violations */
    ts_view text;   /* one sentence in plain words, with the offending piece */
};

struct ts_agreement;

/* Looks at one kind of evidence. `memory` is of what the stream has shown; most need none. */
typedef void ts_signal_look(struct ts_agreement *memory, const struct ts_llm *llm,
                            struct ts_arena *arena, struct ts_signal *out);
struct ts_signal_kind {
    const char *name;
    ts_signal_look *look;
};
extern const struct ts_signal_kind ts_local_signals[]; /* {NULL} at the end */

ts_signal_look ts_local_logprobs, ts_local_agreement, ts_local_grounding, ts_local_empty,
    ts_local_truncation, ts_local_refusal, ts_local_repetition, ts_local_language, ts_local_format,
    ts_local_tools;

/* The first breach of a JSON schema, as a sentence ("'total' is missing"); the empty view when the
 * value keeps it. Understood: type, enum, const, properties, required, additionalProperties, items,
 * anyOf, oneOf, allOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength,
 * minItems, maxItems, $ref to #/$defs and #/definitions. Other keywords are passed over. */
ts_view ts_schema_breach(struct ts_arena *arena, const cJSON *schema, const cJSON *value);

/* At most 80 characters of a text, for quoting: its beginning; its last whole words. */
ts_view ts_local_quote(struct ts_arena *arena, ts_view text);
ts_view ts_local_quote_end(struct ts_arena *arena, ts_view text);
/* Fills `out` as a violation. */
void ts_local_violation(struct ts_signal *out, double cap, ts_view text);

#endif
