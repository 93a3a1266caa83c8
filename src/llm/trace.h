/* trace.h - what one span cannot know by itself: whether another span stands for the same call
 * (dialects §10; in another trace: cross_trace_duplicates.h), which retrieved documents belong to it (§12), whether a
 * judge made it (§3).
 * Spans of a trace come in any order and at any time: what was seen is remembered per trace, within
 * bounds of bytes and minutes, and shared by all loops. Of responses and prompts only hashes are kept;
 * documents are kept as text, for they become part of a record. */
#ifndef TS_LLM_TRACE_H
#define TS_LLM_TRACE_H

#include "llm/llm.h"

struct ts_traces;

/* `max_bytes`: of all that is remembered; `max_age`: of a trace without news. */
struct ts_traces *ts_traces_new(uint64_t max_bytes, ts_time max_age);
void ts_traces_free(struct ts_traces *traces); /* NULL is fine */

/* Remembers a record: of LLM spans what tells duplicates, of retrievers and rerankers the documents, of
 * all where they stand in the tree. Spans that come together are noted first, all of them, then
 * resolved. An LLM span that somebody does not want scored (`wanted` false) cannot stand for others: it
 * is no duplicate, nor has it any. Thread: any. */
void ts_traces_note(struct ts_traces *traces, const struct ts_llm *llm, bool wanted);
/* Applies what is known to an LLM record that was noted: skip and duplicate_of; context; kind
 * evaluator below an evaluator. What is added belongs to the arena. Of several spans for one call the
 * one that was kept before stays; else the innermost is kept. Thread: any. */
void ts_traces_resolve(struct ts_traces *traces, struct ts_arena *arena, struct ts_llm *llm);

struct ts_traces_stats {
    uint64_t traces, bytes;
    uint64_t forgotten; /* traces given up for room, since the start */
    uint64_t cut;       /* spans or documents not remembered because their trace had too many */
};
void ts_traces_stats(struct ts_traces *traces, struct ts_traces_stats *out);

#endif
