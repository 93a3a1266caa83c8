/* explain.h - which rule and which attribute gave each field of a record.
 * Nothing in the dialects keeps account of that: each input of the span is changed in turn, the span is
 * read again, and the fields that come out otherwise are those that it gave. So the answer is what the
 * reading does, not what somebody wrote down that it does. */
#ifndef TS_LLM_EXPLAIN_H
#define TS_LLM_EXPLAIN_H

#include "llm/llm.h"

/* Appends {"<field>": {"rule": "…", "from": ["<attribute>", …]}, …} for the fields that `record` has; of
 * flattened lists the numbers stand as '*'. `record` is what was read from these bytes, after what its
 * trace has added to it. Reads the span once for each of its attributes: for people, not for streams. */
void ts_llm_explain(ts_view resource, ts_view scope, ts_view span, const struct ts_llm *record,
                    struct ts_buf *out);

#endif
