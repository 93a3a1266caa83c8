/* content_events.c - the conventions up to 1.27, and who still writes so (dialects §6.6): one event with
 * the prompt, one with the completion; JSON text, plain text, or an array of texts. */
#include "llm/dialect/events.h"
#include "llm/dialect/request_response.h"
#include "llm/dialect/message_reader.h"

/* OpenLIT's stand-in for an answer that was a call of tools. */
static bool is_stand_in(ts_view text)
{
    return ts_view_is(ts_view_trim(text), "Function called with tools");
}

/* True: the value was cut. */
static bool read_value(struct ts_reader *r, const struct ts_any *value, const char *role,
                       struct ts_message_reader *s)
{
    const cJSON *tree = ts_any_json(r->arena, value);
    ts_view text = ts_any_text(value);
    const cJSON *item;
    if (cJSON_IsString(tree)) /* a text that was encoded */
        text = ts_json_text(tree);
    if (ts_json_is_cut(text)) /* it yields nothing (§11.8) */
        return true;
    if (cJSON_IsArray(tree) && (cJSON_IsObject(tree->child) || cJSON_IsString(tree->child))) {
        cJSON_ArrayForEach(item, tree)
        {
            if (cJSON_IsString(item))
                ts_read_text(s, role, ts_json_text(item));
            else
                ts_read_message(s, ts_view_str(role), item);
        }
    } else if (!ts_says_nothing(text) && !is_stand_in(text)) {
        ts_read_text(s, role, text);
    }
    return ts_is_cut(r, text);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    static const char *const names[] = {"gen_ai.content.prompt", "gen_ai.content.completion", NULL};
    struct ts_message_reader prompt = {.arena = r->arena};
    struct ts_message_reader answer = {.arena = r->arena};
    struct ts_span_event event;
    size_t at = 0;
    bool prompt_cut = false;
    bool answer_cut = false;
    while (ts_event_next(r, names, &at, &event)) {
        if (ts_view_is(event.name, "gen_ai.content.prompt"))
            prompt_cut |=
                read_value(r, ts_attrs_get(&event.attrs, "gen_ai.prompt"), "user", &prompt);
        else if (!ts_view_ends(event.name, TS_LIT(".chunk")))
            answer_cut |= read_value(r, ts_attrs_get(&event.attrs, "gen_ai.completion"),
                                     "assistant", &answer);
    }
    ts_messages_as_prompt(&prompt, &out->prompt);
    ts_messages_as_choices(&answer, NULL, &out->response);
    out->prompt.cut = prompt_cut;
    out->response.cut = answer_cut;
}

static bool is_whole(const struct ts_any *name, uint8_t *notes, enum ts_kind *kind)
{
    (void)notes;
    *kind = TS_KIND_LLM;
    return !ts_view_ends(ts_any_text(name), TS_LIT(".chunk"));
}

static const struct ts_kind_key kind_events[] = {
    {"gen_ai.content.prompt", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {"gen_ai.content.completion*", TS_RULE_GENERATED, .read = is_whole},
    {0},
};

const struct ts_dialect ts_dialect_content_events = {
    .name = "content_events",
    .read = read_source,
    .kind_events = kind_events,
};
