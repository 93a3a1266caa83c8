/* documents.h - what a retriever or reranker span brought back (dialects §4.4, §12.1). */
#ifndef TS_LLM_DOCUMENTS_H
#define TS_LLM_DOCUMENTS_H

#include "llm/dialect/dialect.h"

/* Fills documents of `out`, whose kind and span id are known. */
void ts_documents_read(struct ts_reader *r, struct ts_llm *out);

/* What an LLM span itself tells of its context (dialects §12.3): template variables, documents in the
 * request. */
void ts_documents_of_call(struct ts_reader *r, struct ts_llm *out);

#endif
