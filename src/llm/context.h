/* context.h - which retrieved documents belong to a call (dialects §12.2): those whose text stands in the
 * prompt; failing that, those of the latest retriever beside the call. */
#ifndef TS_LLM_CONTEXT_H
#define TS_LLM_CONTEXT_H

#include "llm/llm.h"

/* The documents of one retriever or reranker span, and further ones behind it. */
struct ts_retrieved;

/* Adds those of a record to the list; returns the bytes that it takes. Too many, or too long ones, are
 * counted in *cut and left out. */
size_t ts_retrieved_add(struct ts_retrieved **list, const struct ts_llm *llm, uint64_t *cut);
void ts_retrieved_free(struct ts_retrieved *list); /* NULL is fine */

/* Fills the documents of an LLM record, copied into the arena. */
void ts_context_read(struct ts_arena *arena, const struct ts_retrieved *list, struct ts_llm *llm);

#endif
