#include "llm/explain.h"

#include "json/json.h"
#include "llm/dialect/dialect.h"
#include "llm/extract.h"
#include "llm/mutate.h"

#include <stdio.h>

/* ---- rules in words ---- */

/* By enum ts_skip: what has to hold (dialects §1). */
static const char *const skip_rules[] = {
    [TS_SKIP_PLACEHOLDER] = "the span announces one that is still open",
    [TS_SKIP_NOT_LLM] = "only spans of kind llm are scored, unless a rule names others",
    [TS_SKIP_DUPLICATE] = "another span of the trace stands for the same call",
    [TS_SKIP_ERROR] = "the call failed",
    [TS_SKIP_REDACTED] = "a mask stands in place of the prompt or the response",
    [TS_SKIP_CONTENT_EXTERNAL] = "the content is stored elsewhere, the span only refers to it",
    [TS_SKIP_CONTENT_DISABLED] = "no content was recorded; switch its capture on in the app",
    [TS_SKIP_TRUNCATED] = "the SDK's limit of attribute lengths cut the prompt or the response",
    [TS_SKIP_BLOCKED] = "a content filter took the response away",
    [TS_SKIP_NO_RESPONSE] = "there is a prompt, but neither text nor a tool call in answer",
    [TS_SKIP_NO_PROMPT] = "there is a response, but no prompt",
    [TS_SKIP_NON_TEXT_RESPONSE] = "the response holds only media",
    [TS_SKIP_MULTIMODAL_PROMPT] = "the prompt holds media that a scorer of text would not see",
};

static void rule_of_source(struct ts_buf *out, const char *name)
{
    size_t at = 0;
    size_t n = 0;
    for (; ts_dialects[n]; n++)
        if (name && strcmp(ts_dialects[n]->name, name) == 0)
            at = n + 1;
    if (at)
        ts_buf_printf(out, "%s, number %zu of %zu sources of content", name, at, n);
}

/* Fields of the record with the rule behind them, when it is not "the first recorded value counts". */
static void rule_of(const char *field, ts_view span, const struct ts_llm *record,
                    struct ts_buf *out)
{
    if (strcmp(field, "kind") == 0)
        ts_buf_add_str(out, ts_span_kind_text(span));
    else if (strcmp(field, "messages") == 0)
        rule_of_source(out, record->prompt_dialect);
    else if (strcmp(field, "response") == 0 || strcmp(field, "tool_calls") == 0 ||
             strcmp(field, "choices") == 0)
        rule_of_source(out, record->dialect);
    else if (strcmp(field, "skip_reason") == 0)
        ts_buf_add_str(out, skip_rules[record->skip]);
    else if (strcmp(field, "duplicate_of") == 0)
        ts_buf_add_str(out, "the innermost of the spans that stand for the call is kept");
    else if (strcmp(field, "context") == 0)
        ts_buf_add_str(out, "documents of the trace that stand in the prompt, else those of the "
                            "latest retriever beside the call, else those of the request");
    else if (strcmp(field, "flags") == 0 || strcmp(field, "truncated") == 0 ||
             strcmp(field, "redacted") == 0)
        ts_buf_add_str(out, "each has its own evidence");
    else
        ts_buf_add_str(out, "the first value present, in the order of precedence");
}

/* ---- what the record says ---- */

static cJSON *tree_of(const struct ts_llm *llm)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_llm_print(llm, &text);
    cJSON *tree = ts_json_parse(ts_buf_view(&text), NULL, NULL);
    ts_buf_release(&text);
    return tree;
}

static cJSON *read_again(ts_view resource, ts_view scope, ts_view span)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, resource, scope, span, &llm);
    cJSON *tree = tree_of(&llm);
    ts_arena_free(arena);
    return tree;
}

static bool says_nothing(const cJSON *value)
{
    const cJSON *part;
    if (cJSON_IsObject(value)) {
        cJSON_ArrayForEach(part, value) if (!cJSON_IsNull(part)) return false;
        return true;
    }
    return cJSON_IsNull(value) || cJSON_IsFalse(value) ||
           (cJSON_IsString(value) &&
            (!*value->valuestring || strcmp(value->valuestring, "none") == 0)) ||
           (cJSON_IsArray(value) && !value->child);
}

/* ---- who gave what ---- */

struct explaining {
    ts_view resource, scope, span;
    struct ts_arena *arena;
    cJSON *record; /* the span read alone */
    cJSON *from;   /* field → labels */
    enum ts_kind kind;
    int rule;
};

static void attribute_to(struct explaining *x, const char *field, ts_view label)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(x->from, field);
    const cJSON *known;
    if (!list)
        list = cJSON_AddArrayToObject(x->from, field);
    cJSON_ArrayForEach(known, list) if (ts_view_eq(ts_json_text(known), label)) return;
    cJSON_AddItemToArray(list, ts_json_new_text(label));
}

static bool is_explained(const struct explaining *x, const char *field)
{
    return cJSON_GetObjectItemCaseSensitive(x->from, field) != NULL;
}

/* Attributes to the input what is otherwise in a span without it, or with another value of it; `open_only`: only
 * for fields that are attributed to nothing yet. With another kind all would be otherwise, which says nothing of
 * the other fields: false then. */
static bool compare(struct explaining *x, ts_view mutated, ts_view label, bool open_only)
{
    int rule;
    enum ts_kind kind = ts_span_kind_rule(mutated, &rule);
    if ((kind != x->kind || rule != x->rule) && !(open_only && is_explained(x, "kind")))
        attribute_to(x, "kind", label);
    if (kind != x->kind)
        return false;
    cJSON *now = read_again(x->resource, x->scope, mutated);
    for (const cJSON *was = x->record->child; was; was = was->next)
        if (!(open_only && is_explained(x, was->string)) &&
            !cJSON_Compare(was, ts_json_get(now, was->string), true))
            attribute_to(x, was->string, label);
    cJSON_Delete(now);
    return true;
}

static void try_input(struct explaining *x, const struct ts_input *inputs, size_t i)
{
    struct ts_buf mutated = TS_BUF_INIT;
    for (int whole = 0; whole < 2; whole++) {
        if (ts_input_mutate(x->arena, x->span, &inputs[i], whole, &mutated))
            compare(x, ts_buf_view(&mutated), inputs[i].label, false);
        ts_buf_clear(&mutated);
    }
    ts_inputs_remove(x->span, inputs, i, i + 1, &mutated);
    compare(x, ts_buf_view(&mutated), inputs[i].label, false);
    ts_buf_release(&mutated);
}

/* What several inputs say alike does not change with one of them. They are taken out one after the other,
 * from either end: the one without which it is gone would have done alone. */
static void try_together(struct explaining *x, const struct ts_input *inputs, size_t count)
{
    struct ts_buf mutated = TS_BUF_INIT;
    bool same_kind = true;
    for (size_t i = count; same_kind && i-- > 0;) {
        ts_buf_clear(&mutated);
        ts_inputs_remove(x->span, inputs, i, count, &mutated);
        same_kind = compare(x, ts_buf_view(&mutated), inputs[i].label, true);
    }
    same_kind = true;
    for (size_t i = 0; same_kind && i < count; i++) {
        ts_buf_clear(&mutated);
        ts_inputs_remove(x->span, inputs, 0, i + 1, &mutated);
        same_kind = compare(x, ts_buf_view(&mutated), inputs[i].label, true);
    }
    ts_buf_release(&mutated);
}

/* ---- all of it ---- */

static void explain_field(struct explaining *x, const char *field, const struct ts_llm *record,
                          bool of_trace, struct ts_buf *out)
{
    struct ts_buf rule = TS_BUF_INIT;
    bool by_kind = record->skip == TS_SKIP_NOT_LLM || record->skip == TS_SKIP_PLACEHOLDER;
    const cJSON *from =
        ts_json_get(x->from, strcmp(field, "skip_reason") == 0 && by_kind ? "kind" : field);
    rule_of(field, x->span, record, &rule);
    ts_json_append_text(out, ts_view_str(field));
    ts_buf_add_str(out, ":{\"rule\":");
    ts_json_append_text(out, ts_buf_view(&rule));
    ts_buf_add_str(out, ",\"from\":");
    if (of_trace)
        ts_buf_add_str(out, "[\"other spans of the trace\"]");
    else if (from)
        ts_json_append(out, from);
    else
        ts_buf_add_str(out, "[]");
    ts_buf_add_byte(out, '}');
    ts_buf_release(&rule);
}

void ts_llm_explain(ts_view resource, ts_view scope, ts_view span, const struct ts_llm *record,
                    struct ts_buf *out)
{
    struct explaining x = {resource,
                           scope,
                           span,
                           .arena = ts_arena_new(),
                           .record = read_again(resource, scope, span),
                           .from = cJSON_CreateObject()};
    struct ts_input *inputs;
    size_t count;
    bool more = false;
    x.kind = ts_span_kind_rule(span, &x.rule);
    ts_inputs_read(x.arena, span, &inputs, &count);
    for (size_t i = 0; i < count; i++)
        try_input(&x, inputs, i);
    try_together(&x, inputs, count);
    cJSON *shown = tree_of(record);
    ts_buf_add_byte(out, '{');
    for (const cJSON *value = shown->child; value; value = value->next) {
        bool implied = /* by the kind, by what the content's fields say */
            strcmp(value->string, "is_llm") == 0 || strcmp(value->string, "dialect") == 0;
        if (says_nothing(value) || implied)
            continue;
        ts_buf_add_str(out, more ? "," : "");
        explain_field(&x, value->string, record,
                      !cJSON_Compare(value, ts_json_get(x.record, value->string), true), out);
        more = true;
    }
    ts_buf_add_byte(out, '}');
    cJSON_Delete(shown);
    cJSON_Delete(x.record);
    cJSON_Delete(x.from);
    ts_arena_free(x.arena);
}
