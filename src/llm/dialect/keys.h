/* keys.h - the attribute keys of a dialect: those that tell what a span is, and those of everything
 * about a call but its content. They stand in the dialect's own file; kind.c and dialect/meta_keys.c
 * put the keys of all dialects together. */
#ifndef TS_LLM_KEYS_H
#define TS_LLM_KEYS_H

#include "llm/attrs.h"
#include "llm/llm.h"

/* ---- what a span is (dialects §3) ---- */

/* Rows of the table in dialects §3: the lowest that decides counts. Rows 1…15 are written as their
 * number; row 16, evidence, is several, the strongest first. */
enum ts_kind_rule {
    TS_RULE_RETRIEVED = 16,
    TS_RULE_EMBEDDED,
    TS_RULE_GENERATED,
    TS_RULE_TOOL_NAMED,
    TS_RULE_NONE
};

struct ts_kind_word {
    const char *text; /* case is ignored; NULL: the end */
    enum ts_kind kind;
};
/* False: none of the words. */
bool ts_kind_of_word(const struct ts_kind_word *words, ts_view text, enum ts_kind *out);

/* A key, and what its value says. With neither `words` nor `read` the key alone says `kind`. */
struct ts_kind_key {
    const char *key; /* at least two bytes; one '*' at the end: whatever follows; NULL: the end */
    int rule;
    enum ts_kind kind;
    const struct ts_kind_word *words;
    /* True: the value says *kind. Else it may leave in *notes, which are 0 at first and the dialect's
     * own while one span is read, what only another attribute makes complete. */
    bool (*read)(const struct ts_any *value, uint8_t *notes, enum ts_kind *kind);
    const char *rule_text; /* for people; at one key of each row 1…15 that the dialect decides by */
};

/* ---- everything about a call but its content (dialects §9.3, §11.1, §12.1) ---- */

enum ts_meta_field {
    TS_META_MODEL,
    TS_META_PROVIDER,
    TS_META_RESPONSE_ID,
    TS_META_SESSION,
    TS_META_USER,
    TS_META_FINISH_REASON,
    TS_META_INPUT_TOKENS, /* six counts, in the order of struct ts_usage */
    TS_META_OUTPUT_TOKENS,
    TS_META_TOTAL_TOKENS,
    TS_META_CACHE_READ,
    TS_META_CACHE_WRITE,
    TS_META_REASONING,
    TS_META_USAGE,       /* a JSON object with any of the counts */
    TS_META_TOOLS,       /* a JSON list in any provider's shape, or what `read_tools` reads */
    TS_META_SCHEMA,      /* the JSON schema of the answer */
    TS_META_STREAMING,   /* true: the answer was streamed */
    TS_META_FIRST_TOKEN, /* there is a time of the first token: it was streamed */
    TS_META_DOCUMENTS,   /* of a retriever or reranker: a JSON list, or an object with one */
    TS_META_FIELDS
};

struct ts_reader;

struct ts_meta_key {
    enum ts_meta_field field;
    int place; /* in the field's order of dialects §9.3, from 1; of equal ones the earlier dialect's counts */
    const char *key; /* NULL: the end */
    /* TS_META_TOOLS only. Sets the record's tools, when the span has some in this form and the record
     * has none. NULL: the value is a list. */
    void (*read_tools)(struct ts_reader *r, const char *key, struct ts_llm *out);
    bool is_json; /* a text is itself JSON text: "\"gpt-4.1\"" */
};

/* The keys of a field from all dialects, in their order. Thread: any. */
const struct ts_meta_key *const *ts_meta_keys(enum ts_meta_field field, size_t *count);

/* Places in the model's order that are no attribute: what raw payloads say (dialects §5). */
#define TS_META_RAW_RESPONSE "*response"
#define TS_META_RAW_REQUEST  "*request"

/* Tests each text against a pattern: at most one '*' in it stands for anything. */
bool ts_fits(ts_view text, const char *pattern);

#endif
