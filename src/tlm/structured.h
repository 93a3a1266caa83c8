/* structured.h - structured outputs: what is compared, and what the judges said of each field
 * (§7.3, §8.1, §8.3, §13, D20). */
#ifndef TS_TLM_STRUCTURED_H
#define TS_TLM_STRUCTURED_H

#include "tlm/parse.h"

/* Top-level keys of the response in order; NULL when it is no JSON object (the reference takes a
 * Python literal, too). `distinct` gets the number of different keys at every depth. */
const ts_view *ts_structured_keys(struct ts_arena *arena, enum ts_tlm_compat compat,
                                  ts_view response, size_t *count, size_t *distinct);

/* The text that stands for a response or a sampled `answer` in comparisons: canonical JSON, a
 * string as itself; as it is when it cannot be read. The reference compares a response as it is. */
ts_view ts_structured_response(struct ts_arena *arena, enum ts_tlm_compat compat, ts_view response);
ts_view ts_structured_sample(struct ts_arena *arena, enum ts_tlm_compat compat, ts_view reply);

/* Reads a judge's JSON into the call: score, mapped, fields. False: not decodable, or a key is
 * missing; the call then has nothing. */
bool ts_structured_reflection(struct ts_tlm *tlm, struct ts_tlm_call *call, ts_view reply);

/* The judges' values of each field put together (§13.2). */
void ts_structured_fields(const struct ts_tlm *tlm, struct ts_tlm_result *result);

/* Appends the schema (§7.3) that the reply to `form` has to keep, as a JSON object. */
void ts_structured_schema(enum ts_tlm_form form, const ts_view *keys, size_t count,
                          struct ts_buf *out);

#endif
