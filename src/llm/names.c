/* names.c - the words for kinds and skip reasons. */
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
