/* extract.h - from span bytes to kind and record. */
#ifndef TS_LLM_EXTRACT_H
#define TS_LLM_EXTRACT_H

#include "llm/llm.h"

/* What a span is (dialects §3), read from its encoded bytes. Allocates nothing: it runs for every
 * span that passes. The bytes must have passed ts_scan (wire/scan.h). */
enum ts_kind ts_span_kind(ts_view span);
/* The same, with the row of the table in dialects §3 that decided: 1…16, 17: none did. */
enum ts_kind ts_span_kind_rule(ts_view span, int *rule);
/* What decided, in words. Static. */
const char *ts_span_kind_text(ts_view span);

/* Reads the record of one span. `resource` and `scope` are the encoded Resource and
 * InstrumentationScope messages around it (empty is fine). Views in the record point into `span`,
 * `resource`, `scope` or `arena`. Never fails: what cannot be read is empty, and `skip` says why the
 * span cannot be scored. For spans that are not LLM spans only kind, skip, ids and documents are
 * filled. The duplicate rule needs other spans and is not applied here. */
void ts_llm_extract(struct ts_arena *arena, ts_view resource, ts_view scope, ts_view span,
                    struct ts_llm *out);
/* The same, and the spans of these further kinds (bits 1 << enum ts_kind) are read as if they were
 * calls of a model: what an agent was asked and what it answered. */
void ts_llm_extract_kinds(struct ts_arena *arena, ts_view resource, ts_view scope, ts_view span,
                          unsigned kinds, struct ts_llm *out);

#endif
