/* local_agreement.h - what the stream has answered to a prompt before: hashes of words and the
 * beginning of each answer, bounded in bytes and in age, shared by all loops. */
#ifndef TS_SCORER_LOCAL_AGREEMENT_H
#define TS_SCORER_LOCAL_AGREEMENT_H

#include "llm/llm.h"

struct ts_agreement;

/* At most `max_bytes` are kept (0: nothing is remembered), none longer than `max_age`. */
struct ts_agreement *ts_agreement_new(uint64_t max_bytes, ts_time max_age);
void ts_agreement_free(struct ts_agreement *memory); /* NULL is fine */

struct ts_agreed {
    int others;    /* other answers to the same prompt that are remembered */
    int identical; /* of these, how many are the same byte for byte */
    double mean;   /* mean similarity to them: 1 for an identical one, else plain Jaccard (§8.3) */
    ts_view
        piece; /* what the least alike of them says otherwise, as a sentence; the arena's; empty:
                    * none differs, or it is not known where */
};
/* Compares the response with the earlier ones to the same messages, and remembers it. The same span
 * seen twice is not another answer. Thread: any. */
void ts_agreement_look(struct ts_agreement *memory, const struct ts_llm *llm,
                       struct ts_arena *arena, struct ts_agreed *out);
/* Bytes in use. Thread: any. */
uint64_t ts_agreement_bytes(struct ts_agreement *memory);

#endif
