/* dialect.h - one way of writing a model call into a span.
 * A dialect reads what it finds into a source: a prompt side, a response side, and how good each is.
 * extract.c picks sides by precedence (dialects §9.1). All that is to be known of a dialect stands in
 * its file, so that a new one is one file and one line in registry.def; a new raw payload shape is one
 * file and one line in payloads.def. */
#ifndef TS_LLM_DIALECT_H
#define TS_LLM_DIALECT_H

#include "json/json.h"
#include "llm/attrs.h"
#include "llm/dialect/keys.h"
#include "llm/llm.h"

struct ts_payload_request;
struct ts_payload_response;

/* One span while it is being read. */
struct ts_reader {
    struct ts_arena *arena;
    ts_view span;
    struct ts_attrs attrs;
    int64_t dropped_attributes;
    bool streaming; /* evidence was seen (§11.1) */
    bool is_llm;
    size_t cut_length; /* §11.8 L: values of so many characters are cut; 0: none known */
    /* input.value, output.value and llm.invocation_parameters, parsed on first use */
    struct ts_raw {
        bool tried;
        const cJSON *tree; /* freed with the arena */
    } input, output, parameters;
    /* the first payloads met on the way, for the metadata; NULL: none */
    struct ts_payload_request *request;
    struct ts_payload_response *response;
};

struct ts_prompt_side {
    struct ts_message *messages;
    size_t count;
    bool media; /* an image, sound, video or file stands in it */
    bool cut, damaged, masked, withheld;
    bool incomplete; /* the server held more of it than the span (§11.13) */
};

struct ts_response_side {
    bool found;
    ts_view text;
    struct ts_tool_call *tool_calls;
    size_t tool_call_count;
    struct ts_choice *choices; /* with n > 1 */
    size_t choice_count;
    ts_view finish_raw; /* of choice 0; empty: none */
    bool structured;    /* an object that was asked for (§11.5) */
    bool media, cut, masked, withheld;
};

struct ts_source {
    struct ts_prompt_side prompt;
    struct ts_response_side response;
};

/* What a dialect says of itself; all but `name` and `read` may be left out. Lists end with a row without a
 * key, lists of texts with NULL. Nothing here is written to after the start. */
struct ts_dialect {
    const char *name;
    void (*read)(struct ts_reader *r, struct ts_source *out); /* out is zeroed */

    /* What a span is (dialects §3). Of span events the name is key and value. */
    const struct ts_kind_key *kind_keys;
    const struct ts_kind_key *kind_events;
    /* What the notes of all attributes come to, at row `notes_rule` of §3; false: nothing. Called when
     * there are notes; with `names_spans` for every span, since the name may say it, too. */
    bool (*kind_of_notes)(uint8_t notes, ts_view span_name, enum ts_kind *kind);
    int notes_rule;
    bool names_spans;

    /* What it says beside the content. */
    const struct ts_meta_key *meta_keys;
    const char *stream_event; /* pattern (ts_fits): a span event of this name comes with a stream */
    bool (*is_streaming)(const struct ts_reader *r); /* other evidence of a stream (§11.1) */
    bool (*has_failed)(const struct ts_reader *r);   /* said in another place than the status */
    /* The tool calls of the record are its answer in a form that was asked for (§11.5). */
    bool (*answers_by_tool)(struct ts_reader *r, const struct ts_llm *llm);

    /* Words for what is not there (normal.h). */
    const char *const *masks;    /* patterns of whole texts that hide a text (§11.6) */
    const char *media_reference; /* pattern of a text in place of media, the MIME type in the '*' */
    const char *const *own_providers; /* in place of a provider's name: its own, or a framework's */
};

enum ts_dialect_number {
#define TS_DIALECT(name) TS_DIALECT_##name,
#include "llm/dialect/registry.def"
#undef TS_DIALECT
    TS_DIALECT_COUNT
};
/* In the order of precedence, NULL at the end. */
extern const struct ts_dialect *const ts_dialects[TS_DIALECT_COUNT + 1];

/* ---- raw payloads (§5): provider JSON in an attribute ---- */

struct ts_payload_request {
    struct ts_prompt_side prompt;
    ts_view model;
    const cJSON *tools;           /* the list as recorded */
    const cJSON *response_format; /* as recorded */
    int64_t n;
    bool stream;
    struct ts_document *documents; /* given as text in the request (§12.3) */
    size_t document_count;
};

struct ts_payload_response {
    struct ts_response_side side;
    ts_view model, id;
    struct ts_usage usage;
    struct ts_logprob *logprobs;
    size_t logprob_count;
    bool has_logprobs;
};

struct ts_payload_shape {
    const char *name;
    /* False: the tree has not this shape, and out is untouched. NULL: no requests of this shape. */
    bool (*request)(struct ts_arena *arena, const cJSON *tree, struct ts_payload_request *out);
    bool (*response)(struct ts_arena *arena, const cJSON *tree, struct ts_payload_response *out);
};
extern const struct ts_payload_shape *const ts_payload_shapes[]; /* in the order of §5 */

bool ts_payload_read_request(struct ts_arena *arena, const cJSON *tree,
                             struct ts_payload_request *out);
bool ts_payload_read_response(struct ts_arena *arena, const cJSON *tree,
                              struct ts_payload_response *out);

/* ---- shared by dialects ---- */

/* The JSON of an attribute by its name: text that is parsed, or a structure (§2.1); NULL: none. */
const cJSON *ts_attr_json(struct ts_reader *r, const char *name);
/* A member of llm.invocation_parameters. */
const cJSON *ts_parameter(struct ts_reader *r, const char *name);
/* The same for one of the reader's, parsed once. */
const cJSON *ts_raw_tree(struct ts_reader *r, struct ts_raw *raw, const char *key);
/* One JSON text, doubly encoded or not; NULL when it is none. Freed with the arena. */
cJSON *ts_parse_value(struct ts_arena *arena, ts_view text);
/* The arena frees the tree at its end; returns it. */
cJSON *ts_keep_tree(struct ts_arena *arena, cJSON *tree);
/* §11.8: is this recorded text cut? */
bool ts_is_cut(const struct ts_reader *r, ts_view text);
bool ts_any_cut(const struct ts_reader *r, const struct ts_indexed_attrs *values);
/* Arguments as valid JSON text (§2.2). */
ts_view ts_arguments_of_text(struct ts_arena *arena, ts_view recorded);
ts_view ts_arguments_of_json(struct ts_arena *arena, const cJSON *recorded);
ts_view ts_arguments_of_any(struct ts_arena *arena,
                            const struct ts_any *recorded); /* NULL is fine */
/* Adds a call unless the list has it already (§2.2). The list has room for one more. */
void ts_add_tool_call(struct ts_tool_call *list, size_t *count, struct ts_tool_call call);
/* A text put together of pieces; zeroed at first. One piece is a view of itself, more are copied, in
 * time and memory that grow with the text alone, however many pieces it has. */
struct ts_text {
    ts_view view;
    size_t room; /* 0: the view is somebody else's */
};
/* Adds a piece, behind `between` where there is text already. An empty piece adds nothing. */
void ts_text_add(struct ts_arena *arena, struct ts_text *text, ts_view piece, const char *between);
/* Token counts under anybody's names; -1 where there is none. */
struct ts_usage ts_usage_of(const cJSON *usage);
/* Sum of two counts; -1 where it does not fit. */
int64_t ts_count_sum(int64_t a, int64_t b);
/* Any attribute value as JSON: text is parsed (NULL when it is none), a structure is converted.
 * Freed with the arena. */
const cJSON *ts_any_json(struct ts_arena *arena, const struct ts_any *any);
/* The definitions of tools that stand in attributes with an index behind `prefix`, and room for them in the
 * record, which has tools then; none: it is as it was. */
void ts_indexed_tools(struct ts_reader *r, const char *prefix, struct ts_indexed_attrs *indexed,
                      struct ts_llm *out);
/* A tool definition in any provider's shape; false: no name. */
bool ts_tool_of_json(struct ts_arena *arena, const cJSON *json, struct ts_tool *out);

#endif
