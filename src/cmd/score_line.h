/* score_line.h - the lines of `trustspan score`: a record in, a result out. */
#ifndef TS_CMD_SCORE_LINE_H
#define TS_CMD_SCORE_LINE_H

#include "json/json.h"
#include "pipeline/assess/decision.h"

/* {"prompt" or "messages", "response", …} as a record; strings are the tree's and the arena's.
 * Messages, tools and calls are OpenAI's chat shape. What of them cannot be read is an error. */
bool ts_score_line_read(struct ts_arena *arena, const cJSON *line, struct ts_llm *llm,
                        struct ts_err *err);

/* What a line names itself by in output and when a run is resumed: its "id", else its number. */
struct ts_score_line {
    const cJSON *id; /* NULL: none given */
    size_t number;   /* from 1 */
    const struct ts_decision *decision;
    const struct ts_score *result; /* also of a failure: what it cost */
};
/* Appends the result as one line. */
void ts_score_line_print(const struct ts_score_line *line, struct ts_buf *out);
/* A hash of how the line names itself. */
uint64_t ts_score_line_name(const cJSON *id, size_t number);

#endif
