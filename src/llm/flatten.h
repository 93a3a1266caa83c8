/* flatten.h - a conversation as one prompt string and one response string (tlm-algorithm §4.3).
 * What a judge that reads text gets to see of messages, tools and tool calls. */
#ifndef TS_SCORER_FLATTEN_H
#define TS_SCORER_FLATTEN_H

#include "llm/llm.h"

/* Both are valid UTF-8 and belong to the arena. */
ts_view ts_flatten_prompt(struct ts_arena *arena, const struct ts_llm *llm);
ts_view ts_flatten_response(struct ts_arena *arena, const struct ts_llm *llm);

#endif
