/* meta.h - everything about a call but its content: model, usage, why it ended (dialects §9.3). */
#ifndef TS_LLM_META_H
#define TS_LLM_META_H

#include "llm/dialect/dialect.h"

/* Fills model, provider, response id, usage, finish reason, tools, response format, log
 * probabilities, session and user. `finish_raw` is the winning source's own word. */
void ts_meta_read(struct ts_reader *r, ts_view finish_raw, struct ts_llm *out);
/* The raw request, where there is one and its text holds `about`, a key in quotes; NULL: none. */
const struct ts_payload_request *ts_meta_raw_request(struct ts_reader *r, const char *about);
/* Reads a list of tools in any provider's shape, unless the record has one; what has no name is left
 * out. `list` may be NULL or no list. */
void ts_meta_tools(struct ts_arena *arena, const cJSON *list, struct ts_llm *out);

#endif
