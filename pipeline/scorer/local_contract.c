/* local_contract.c - was the promised form kept? JSON where JSON was asked for, tool arguments that
 * fit the tool, a tool that was offered. Only violations count: a kept form is no evidence of truth. */
#include "pipeline/scorer/local_schema.h"
#include "pipeline/scorer/local_signal.h"

static const double not_json = 0.1; /* our own choices: the caller cannot use the answer */
static const double breaks_schema = 0.2;
static const double unknown_tool = 0.1;

static bool is_cut_short(const struct ts_llm *llm)
{
    return llm->flags & (TS_FLAG_LENGTH_LIMITED | TS_FLAG_PARTIAL_RESPONSE);
}

/* What is wrong with `text` as JSON under `schema` (empty: any object); the empty view: nothing. */
static ts_view json_violation(struct ts_arena *arena, ts_view text, ts_view schema, bool *parses)
{
    struct ts_err err = {0};
    cJSON *value = ts_json_parse(text, NULL, &err);
    *parses = value != NULL;
    if (!value)
        return ts_arena_printf(arena, "%s", err.what);
    cJSON *rules = schema.len ? ts_json_parse(schema, NULL, NULL) : NULL;
    ts_view violation = TS_NOTHING;
    if (rules)
        violation = ts_schema_violation(arena, rules, value);
    else if (!cJSON_IsObject(value))
        violation = TS_LIT("it is no object");
    cJSON_Delete(rules);
    cJSON_Delete(value);
    return violation;
}

void ts_local_format(struct ts_agreement *memory, const struct ts_llm *llm, struct ts_arena *arena,
                     struct ts_local_signal *out)
{
    (void)memory;
    bool wanted =
        llm->format_type == TS_FORMAT_JSON_OBJECT || llm->format_type == TS_FORMAT_JSON_SCHEMA;
    bool parses;
    if (!wanted || llm->response.len == 0 || is_cut_short(llm)) /* truncation says it better */
        return;
    ts_view violation = json_violation(arena, llm->response, llm->format_schema, &parses);
    if (violation.len == 0)
        return;
    ts_local_violation(out, parses ? breaks_schema : not_json,
                       ts_arena_printf(arena,
                                       parses ? "The JSON breaks its schema: " TS_FMT "."
                                              : "JSON was asked for, and the answer is " TS_FMT ".",
                                       TS_ARG(violation)));
}

static const struct ts_tool *find_tool(const struct ts_llm *llm, ts_view name)
{
    for (size_t i = 0; i < llm->tool_count; i++)
        if (ts_view_eq(llm->tools[i].name, name))
            return &llm->tools[i];
    return NULL;
}

void ts_local_tools(struct ts_agreement *memory, const struct ts_llm *llm, struct ts_arena *arena,
                    struct ts_local_signal *out)
{
    (void)memory;
    for (size_t i = 0; i < llm->tool_call_count; i++) {
        const struct ts_tool_call *call = &llm->tool_calls[i];
        ts_view name = ts_local_quote(arena, call->name);
        if (!llm->has_tools || llm->tool_count == 0)
            return;
        const struct ts_tool *tool = find_tool(llm, call->name);
        if (!tool) {
            ts_local_violation(out, unknown_tool,
                               ts_arena_printf(arena,
                                               "The called tool '" TS_FMT "' was not offered.",
                                               TS_ARG(name)));
            return;
        }
        bool parses;
        ts_view violation = json_violation(arena, call->arguments, tool->parameters, &parses);
        if (violation.len == 0)
            continue;
        ts_local_violation(out, breaks_schema,
                           ts_arena_printf(arena,
                                           "The arguments of tool '" TS_FMT
                                           "' break its schema: " TS_FMT ".",
                                           TS_ARG(name), TS_ARG(violation)));
        return;
    }
}
