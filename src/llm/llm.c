/* llm.c - the words for kinds and skip reasons, and records that turn out to be no call. */
#include "llm/llm.h"

const char *ts_kind_name(enum ts_kind kind)
{
    static const char *const names[] = {"other",     "llm",       "embedding", "retriever",
                                        "reranker",  "tool",      "agent",     "chain",
                                        "guardrail", "evaluator", "prompt",    "placeholder"};
    return names[kind];
}

const char *ts_skip_name(enum ts_skip skip)
{
    static const char *const names[] = {
        NULL,          "placeholder",      "not_llm",           "duplicate",        "error",
        "redacted",    "content_external", "content_disabled",  "truncated",        "blocked",
        "no_response", "no_prompt",        "non_text_response", "multimodal_prompt"};
    return names[skip];
}

void ts_llm_be_judge(struct ts_llm *llm)
{
    struct ts_llm blank = {.kind = TS_KIND_EVALUATOR, .skip = TS_SKIP_NOT_LLM};
    blank.trace_id = llm->trace_id;
    blank.span_id = llm->span_id;
    blank.parent_id = llm->parent_id;
    blank.scope = llm->scope;
    blank.service = llm->service;
    blank.start_ns = llm->start_ns;
    blank.end_ns = llm->end_ns;
    blank.usage = (struct ts_usage){-1, -1, -1, -1, -1, -1};
    *llm = blank;
}

uint64_t ts_span_id_key(ts_view span_id)
{
    uint64_t key = 0;
    if (span_id.len == sizeof key)
        memcpy(&key, span_id.ptr, sizeof key);
    return key;
}
