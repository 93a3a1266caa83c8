/* tlm.h - the Trustworthy Language Model's scoring of one answer, without input or output.
 * tlm-algorithm.md is the specification; a § in a comment is a section of it, a D its list of
 * oddities (§17). One `struct ts_tlm` is one score on its way:
 *
 *     tlm = ts_tlm_new(arena, &options, &input, &err)      plans every call that can be made now
 *     while (asked < tlm->call_count)  send(ts_tlm_request(...))            in parallel
 *     on each reply: ts_tlm_answer(tlm, call, &reply)      may add calls that had to wait for it
 *     when tlm->open == 0: ts_tlm_conclude(tlm, &result)
 *
 * All memory is the arena's; it belongs to one thread at a time. */
#ifndef TS_TLM_TLM_H
#define TS_TLM_TLM_H

#include "json/json.h"
#include "llm/llm.h"
#include "tlm/words.h"

/* Changes with every prompt (test_request.c minds that) and every rule that changes a score; part of
 * cache keys and spans. */
#define TS_TLM_VERSION "2"

enum ts_tlm_compat {
    TS_TLM_RECOMMENDED, /* §17 mended */
    TS_TLM_REFERENCE,   /* the literal behaviour of the reference, errors too */
};
enum ts_tlm_preset { TS_TLM_BASE, TS_TLM_LOW, TS_TLM_MEDIUM, TS_TLM_HIGH, TS_TLM_BEST };
enum ts_tlm_effort { TS_TLM_NONE, TS_TLM_LOW_EFFORT, TS_TLM_MEDIUM_EFFORT, TS_TLM_HIGH_EFFORT };
enum ts_tlm_measure {
    TS_TLM_JACCARD,
    TS_TLM_EMBEDDING_SMALL,
    TS_TLM_EMBEDDING_LARGE,
    TS_TLM_CODE,
    TS_TLM_STATEMENT
};
enum ts_tlm_workflow {
    TS_TLM_QA,
    TS_TLM_RAG,
    TS_TLM_CLASSIFICATION,
    TS_TLM_BINARY,
    TS_TLM_STRUCTURED
};
/* The words of §2, §3: "medium", "none", "statement", "structured_output_scoring". */
const char *ts_tlm_preset_name(enum ts_tlm_preset preset);
const char *ts_tlm_effort_name(enum ts_tlm_effort effort);
const char *ts_tlm_measure_name(enum ts_tlm_measure measure);
const char *ts_tlm_workflow_name(enum ts_tlm_workflow workflow);

/* "gpt-4o-2024-08-06", "claude-sonnet-4-20250514": a model's name without the date of its version. */
ts_view ts_tlm_undated(ts_view model);

/* A judge's rating of query, context or response against a criterion (§10). */
struct ts_tlm_eval {
    ts_view name, criteria;
    ts_view query_id, context_id, response_id; /* empty: this input is not shown */
};

enum { TS_TLM_UNSET = -2 }; /* an option that the preset and the workflow decide */

struct ts_tlm_options {
    enum ts_tlm_compat compat;
    enum ts_tlm_preset preset;
    int effort;            /* enum ts_tlm_effort, or UNSET */
    int measure;           /* enum ts_tlm_measure, or UNSET */
    int reflections;       /* -1: all; n: the first n (D1); or UNSET */
    int samples;           /* ≥ 0, or UNSET */
    int prompt_evaluation; /* 0, 1, or UNSET */
    const ts_view *labels; /* constrain_outputs */
    size_t label_count;
    const struct ts_tlm_eval *evals; /* in place of the default ones of RAG */
    size_t eval_count;
    bool has_evals;
};

/* What is judged. Views stay the caller's and must outlive the score. */
struct ts_tlm_input {
    const struct ts_message *messages;
    size_t message_count;
    const struct ts_tool *tools;
    size_t tool_count;
    ts_view request;  /* the whole conversation as the judge reads it (§4.3); empty: made of the
                       * messages as the reference does (§4.1) */
    ts_view response; /* text, tool calls rendered into it */
    bool only_tool_calls;
    double perplexity; /* mean token probability 0…1; NaN: unknown */
    ts_view context;
    bool has_context;
    ts_view unseen; /* of the context, what no message quotes: samples and the prompt's evaluation
                     * get it with the prompt, as `request` holds it for reflections */
    bool structured;
    ts_view schema;     /* JSON text of the response's schema */
    ts_view model;      /* that answered: the row of weights (§12); empty: default */
    double temperature; /* of the scored request, for its samples; NaN: unknown */
};

enum ts_tlm_call_kind {
    TS_TLM_PROMPT_EVALUATION,
    TS_TLM_SAMPLE,
    TS_TLM_SEMANTIC_EVAL,
    TS_TLM_REFLECTION,
    TS_TLM_SIMILARITY,
    TS_TLM_EMBEDDING
};

/* What a field of a structured answer got from one reflection (§13.1). */
struct ts_tlm_field {
    ts_view name;
    double value;
    ts_view explanation;
};

struct ts_tlm_template;

/* One call of a model, and what was read out of its reply. Absent numbers are NaN. */
struct ts_tlm_call {
    enum ts_tlm_call_kind kind;
    int index; /* sample; place of the reflection; -1: the text to embed is the response */
    const struct ts_tlm_template *template; /* of a reflection */
    const struct ts_tlm_eval *eval;
    enum ts_tlm_measure measure; /* of a similarity */

    bool answered, failed;
    bool has_mapped; /* `mapped` was there, even if it is NaN */
    double mapped;   /* the parsed value through its table (§6.1) */
    double score;    /* what counts */
    ts_view text;    /* a sample's answer */
    bool has_text;
    ts_view explanation;
    double confidence; /* of a label (§8.6) */
    const double *vector;
    size_t dimensions;
    const struct ts_tlm_field *fields;
    size_t field_count;
};

/* Role in words, as tlm-vectors.md writes it: "reflection", "consistency_sample" … */
const char *ts_tlm_call_name(enum ts_tlm_call_kind kind);
const char *ts_tlm_template_name(const struct ts_tlm_template *template);

/* A token of a reply and the alternatives to it. */
struct ts_tlm_token {
    ts_view text;
    double logprob; /* NaN: not known; so in `top` */
    const struct ts_logprob *top;
    size_t top_count;
};

/* A reply as any OpenAI-compatible server gives it. */
struct ts_tlm_reply {
    bool failed;
    ts_view content, reasoning;
    const struct ts_tlm_token *tokens;
    size_t token_count;
    bool has_tokens;
    const double *vector; /* of an embedding */
    size_t dimensions;
    int64_t prompt_tokens, completion_tokens; /* -1: not reported */
};

/* Reads a body of chat/completions; false when it is none. Tolerates what servers are known to do:
 * no usage, null or empty log probabilities, content in parts, tool calls instead of content.
 * Views are into `body` and the arena. */
bool ts_tlm_read_completion(struct ts_arena *arena, const cJSON *body, struct ts_tlm_reply *reply);
/* Calls of tools in a message of chat/completions, their arguments as JSON text; NULL: none. */
struct ts_tool_call *ts_tlm_read_tool_calls(struct ts_arena *arena, const cJSON *list,
                                            size_t *count);
/* Reads a body of embeddings. */
bool ts_tlm_read_embedding(struct ts_arena *arena, const cJSON *body, struct ts_tlm_reply *reply);

struct ts_tlm_weights {
    double consistency, indicator, reflection, prompt_evaluation, perplexity;
};

/* What the options come to for this input (§2, §3, §7.1, §8.2, §12). */
struct ts_tlm_resolved {
    enum ts_tlm_workflow workflow;
    enum ts_tlm_effort effort;
    enum ts_tlm_measure measure;
    int samples;
    bool prompt_evaluation;
    bool by_label; /* consistency by labels, §8.6 */
    const struct ts_tlm_template *const *templates;
    size_t template_count;
    const struct ts_tlm_eval *evals;
    size_t eval_count;
    const char *weights_row; /* the model whose weights they are */
    struct ts_tlm_weights weights;
};

struct ts_tlm {
    struct ts_arena *arena;
    const struct ts_tlm_options *options;
    const struct ts_tlm_input *input;
    struct ts_tlm_resolved resolved;
    struct ts_tlm_call *calls; /* grows while replies come in, up to a length fixed by the plan */
    size_t call_count, open;   /* open: not answered yet */
    ts_view user_prompt;       /* §4 */
    ts_view answer;            /* the response, stripped; canonical JSON when structured (D20) */
    struct ts_words words;     /* of the answer; made when first needed */
    const ts_view *keys;       /* top-level fields of a structured answer */
    size_t key_count;
    size_t distinct_keys; /* at every depth (§8.3) */
    int64_t prompt_tokens, completion_tokens;
    bool has_usage;
    const char *error; /* reference mode only: what the reference fails on; NULL: nothing */
};

/* Plans. The options and the input are borrowed until the end. NULL: nothing to score, err says why
 * (no user message; an evaluation that reads a context that is not there). */
struct ts_tlm *ts_tlm_new(struct ts_arena *arena, const struct ts_tlm_options *options,
                          const struct ts_tlm_input *input, struct ts_err *err);

/* Must the reply keep a JSON schema? Are log probabilities of use (§5.3)? */
bool ts_tlm_wants_schema(const struct ts_tlm *tlm, const struct ts_tlm_call *call);
bool ts_tlm_wants_logprobs(const struct ts_tlm *tlm, const struct ts_tlm_call *call);

/* The reply to call `i`. Views of the reply need not live longer than this. */
void ts_tlm_answer(struct ts_tlm *tlm, size_t i, const struct ts_tlm_reply *reply);

enum ts_tlm_part_kind {
    TS_TLM_NO_DOUBT,     /* A */
    TS_TLM_NOT_VERIFIED, /* B */
    TS_TLM_ALTERNATIVE,  /* C, with the answer */
    TS_TLM_UNUSUAL,      /* D */
    TS_TLM_REASON        /* a judge's words */
};
struct ts_tlm_part {
    enum ts_tlm_part_kind kind;
    ts_view text; /* of REASON and ALTERNATIVE */
};

/* Absent numbers are NaN. */
struct ts_tlm_result {
    double score;
    double consistency, indicator, reflection, prompt_evaluation, perplexity;
    ts_view explanation; /* empty without a score */
    struct ts_tlm_part parts[3];
    size_t part_count;
    struct ts_tlm_eval_score {
        ts_view name;
        double score;
    } * evals;
    size_t eval_count;
    struct ts_tlm_field *fields; /* of structured outputs (§13.2) */
    size_t field_count;
    const double *sample_scores; /* one a sample */
    const char *error;           /* see struct ts_tlm */
};

/* Puts the components together when all calls have been answered. `result` lives as long as the arena. */
void ts_tlm_conclude(struct ts_tlm *tlm, struct ts_tlm_result *result);

#endif
