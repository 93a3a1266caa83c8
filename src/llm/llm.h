/* llm.h - the LLM record: what a scorer needs to know of one call of a model.
 * Read out of a span by a dialect, whatever wrote the span (dialects §1). All strings are views
 * into the record's arena or into the payload that the record's owner keeps: they live as long as
 * the record. Text in it is as recorded; who hands it to an API repairs UTF-8 first. */
#ifndef TS_LLM_LLM_H
#define TS_LLM_LLM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* What our own calls of a model say of who makes them, as OpenAI's parameter `user`. Where the model's
 * server is traced through us, scoring would feed on itself. */
#define TS_OWN_USER "trustspan"

enum ts_kind { /* dialects §3; the order is that of ts_kind_name */
               TS_KIND_OTHER,
               TS_KIND_LLM,
               TS_KIND_EMBEDDING,
               TS_KIND_RETRIEVER,
               TS_KIND_RERANKER,
               TS_KIND_TOOL,
               TS_KIND_AGENT,
               TS_KIND_CHAIN,
               TS_KIND_GUARDRAIL,
               TS_KIND_EVALUATOR,
               TS_KIND_PROMPT,
               TS_KIND_PLACEHOLDER,
};
const char *ts_kind_name(enum ts_kind kind);

enum ts_skip { /* dialects §1, tested in this order; the order is that of ts_skip_name */
               TS_SKIP_NONE,
               TS_SKIP_PLACEHOLDER,
               TS_SKIP_NOT_LLM,
               TS_SKIP_DUPLICATE,
               TS_SKIP_ERROR,
               TS_SKIP_REDACTED,
               TS_SKIP_CONTENT_EXTERNAL,
               TS_SKIP_CONTENT_DISABLED,
               TS_SKIP_TRUNCATED,
               TS_SKIP_BLOCKED,
               TS_SKIP_NO_RESPONSE,
               TS_SKIP_NO_PROMPT,
               TS_SKIP_NON_TEXT_RESPONSE,
               TS_SKIP_MULTIMODAL_PROMPT,
};
const char *ts_skip_name(enum ts_skip skip); /* NULL for NONE */

enum ts_flag { /* bits */
               TS_FLAG_LENGTH_LIMITED = 1 << 0,
               TS_FLAG_MULTIMODAL = 1 << 1,
               TS_FLAG_MULTIPLE_CHOICES = 1 << 2,
               TS_FLAG_PARTIAL_RESPONSE = 1 << 3,
               TS_FLAG_PROMPT_INCOMPLETE = 1 << 4,
               TS_FLAG_STREAMING = 1 << 5,
               TS_FLAG_STRUCTURED_OUTPUT = 1 << 6,
               TS_FLAG_TOOL_CALL_ONLY = 1 << 7,
};

enum ts_truncated { TS_WHOLE = 0, TS_CUT_PROMPT = 1, TS_CUT_RESPONSE = 2, TS_CUT_BOTH = 3 };

struct ts_tool_call {
    ts_view id; /* empty: none recorded */
    ts_view name;
    ts_view arguments; /* always valid JSON text: the recorded value, "{}" when none was recorded,
                        * a JSON string of the recorded text when that does not parse */
};

struct ts_message {
    ts_view role; /* system user assistant tool (dialects §2.2) */
    ts_view content;
    struct ts_tool_call *tool_calls;
    size_t tool_call_count;
    ts_view tool_call_id;
    ts_view name;
};

struct ts_tool {
    ts_view name;
    ts_view description;
    ts_view parameters; /* JSON text; empty: none recorded */
};

struct ts_choice {
    ts_view response;
    struct ts_tool_call *tool_calls;
    size_t tool_call_count;
    ts_view finish_reason;
};

struct ts_document { /* a retrieved text */
    ts_view content;
    ts_view id;
    double score;
    bool has_score;
    ts_view source; /* "span:<id in hex>", or "prompt" */
};

struct ts_logprob {
    ts_view token;
    double logprob; /* natural logarithm, ≤ 0 */
};

/* -1: not recorded */
struct ts_usage {
    int64_t input_tokens, output_tokens, total_tokens, cache_read, cache_write, reasoning;
};

enum ts_format_type {
    TS_FORMAT_NONE,
    TS_FORMAT_TEXT,
    TS_FORMAT_JSON_OBJECT,
    TS_FORMAT_JSON_SCHEMA
};

struct ts_llm {
    enum ts_kind kind;
    enum ts_skip skip;
    const char *dialect; /* of the answer, else of the prompt; NULL: no source found */
    const char *prompt_dialect;

    struct ts_message *messages;
    size_t message_count;
    struct ts_tool *tools;
    size_t tool_count;
    bool has_tools; /* false: not recorded */
    ts_view response;
    struct ts_tool_call *tool_calls;
    size_t tool_call_count;
    struct ts_choice *choices; /* only when n > 1 */
    size_t choice_count;
    struct ts_document *documents; /* context of an LLM span; what a retriever span yields */
    size_t document_count;

    ts_view model, provider, response_id;
    struct ts_usage usage;
    ts_view finish_reason;     /* normal form; empty: none */
    ts_view finish_reason_raw; /* as recorded */
    enum ts_format_type format_type;
    ts_view format_schema; /* JSON text; empty: none */
    struct ts_logprob *logprobs;
    size_t logprob_count;
    bool has_logprobs;
    ts_view session_id, user_id;

    ts_view duplicate_of; /* with skip DUPLICATE: id of the span that is kept, raw bytes */
    bool redacted;
    enum ts_truncated truncated;
    unsigned flags; /* enum ts_flag */

    /* Where the span stands; hex is made where it is printed. */
    ts_view trace_id, span_id, parent_id; /* raw bytes */
    ts_view scope;                        /* instrumentation scope's name */
    ts_view service;                      /* resource attribute service.name */
    int64_t start_ns, end_ns;
};

/* The call turns out to be a judge's: kind evaluator, and nothing but where it stands (dialects §3). */
void ts_llm_be_judge(struct ts_llm *llm);

/* Mean probability of the recorded tokens (tlm-algorithm §9.2 without alternatives); NaN: none. */
double ts_llm_mean_probability(const struct ts_llm *llm);

/* Appends the record as one JSON object with the field names of dialects §1. */
bool ts_llm_print(const struct ts_llm *llm, struct ts_buf *out);

/* The eight bytes of a span id as one number, for tables: 0 when it is none. */
uint64_t ts_span_id_key(ts_view span_id);

#endif
