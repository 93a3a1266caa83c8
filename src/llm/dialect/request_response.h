/* request_response.h - two attributes that hold a request and an answer as they went over the wire, or as text. */
#ifndef TS_LLM_REQUEST_RESPONSE_H
#define TS_LLM_REQUEST_RESPONSE_H

#include "llm/dialect/dialect.h"

/* Reads one side out of a value: a payload of §5; else, when `free_text`, its text (§9.2). What the
 * payload says beside the content is kept in the reader for the metadata. */
void ts_read_request(struct ts_reader *r, const struct ts_any *value, bool free_text,
                     struct ts_prompt_side *out);
void ts_read_response(struct ts_reader *r, const struct ts_any *value, bool free_text,
                      struct ts_response_side *out);
/* JSON of nothing - {}, null, "" - or no text at all. */
bool ts_says_nothing(ts_view text);
/* Both, by the names of their attributes. */
void ts_read_request_response(struct ts_reader *r, const char *input, const char *output,
                              bool free_text, struct ts_source *out);

#endif
