/* otel_genai.c - gen_ai.input.messages and its kin as span attributes: JSON text or structure
 * (dialects §6.3). */
#include "llm/dialect/genai.h"

/* Parts, bare strings, or - LiteLLM - messages: one system message. */
static void read_system(struct ts_said *s, const cJSON *instructions)
{
    const cJSON *first = instructions && cJSON_IsArray(instructions) ? instructions->child : NULL;
    if (cJSON_IsString(instructions)) {
        ts_said_text(s, "system", ts_json_text(instructions));
    } else if (first && ts_json_get(first, "role")) {
        ts_said_list(s, instructions);
        for (size_t i = 0; i < s->count; i++)
            s->messages[i].role = TS_LIT("system");
    } else if (first) {
        cJSON *message = cJSON_CreateObject();
        cJSON_AddItemReferenceToObject(message, "parts", (cJSON *)(uintptr_t)instructions);
        ts_said_message(s, TS_LIT("system"), message);
        cJSON_Delete(message);
    }
}

static void read_prompt(struct ts_reader *r, const struct ts_attrs *attrs,
                        struct ts_prompt_side *out)
{
    const cJSON *input = ts_any_json(r->arena, ts_attrs_get(attrs, "gen_ai.input.messages"));
    const cJSON *system = ts_any_json(r->arena, ts_attrs_get(attrs, "gen_ai.system_instructions"));
    ts_view plain = ts_attrs_text(attrs, "gen_ai.system_instructions");
    struct ts_said s = {.arena = r->arena};
    if (!system && plain.len > 0 && !ts_json_is_cut(plain))
        ts_said_text(&s, "system", plain);
    else
        read_system(&s, system);
    size_t instructions = s.count;
    ts_said_list(&s, input);
    bool repeated = instructions == 1 && s.count > 1 && ts_view_is(s.messages[1].role, "system") &&
                    ts_view_eq(s.messages[0].content, s.messages[1].content);
    if (repeated) {
        s.messages++;
        s.count--;
    }
    if (cJSON_IsArray(input) || instructions > 0)
        ts_said_prompt(&s, out);
    out->cut =
        ts_json_is_cut(plain) || ts_json_is_cut(ts_attrs_text(attrs, "gen_ai.input.messages"));
}

/* §6.3 rule 4: alternatives, or items of one answer? */
static bool are_choices(const struct ts_attrs *attrs, size_t messages)
{
    int64_t n = 1;
    const struct ts_any *reasons = ts_attrs_get(attrs, "gen_ai.response.finish_reasons");
    size_t told = 0;
    if (reasons && reasons->type == TS_ANY_ARRAY) {
        struct ts_cursor items = ts_cursor_of(reasons->bytes);
        struct ts_any one;
        while (ts_any_next(&items, &one))
            told++;
    }
    return messages > 1 &&
           ((ts_any_int64(ts_attrs_get(attrs, "gen_ai.request.choice.count"), &n) && n > 1) ||
            told == messages);
}

/* Google's ADK records a stream as a message a piece; all but the last say "finish_reason": "". */
static bool are_pieces(const cJSON *output)
{
    const cJSON *m;
    if (cJSON_GetArraySize(output) < 2)
        return false;
    cJSON_ArrayForEach(m, output)
    {
        const cJSON *reason = ts_json_get(m, "finish_reason");
        if (m->next && (!cJSON_IsString(reason) || ts_json_text(reason).len > 0))
            return false;
    }
    return true;
}

static void read_answer(struct ts_reader *r, const struct ts_attrs *attrs,
                        struct ts_response_side *out)
{
    const struct ts_any *value = ts_attrs_get(attrs, "gen_ai.output.messages");
    const cJSON *output = ts_any_json(r->arena, value);
    const cJSON *m;
    struct ts_said s = {.arena = r->arena};
    if (cJSON_IsArray(output)) {
        size_t n = 0;
        ts_view *finish =
            ts_arena_alloc(r->arena, ((size_t)cJSON_GetArraySize(output) + 1) * sizeof *finish);
        cJSON_ArrayForEach(m, output)
        {
            ts_said_reply(&s, m);
            finish[n++] = ts_json_text(ts_json_get(m, "finish_reason"));
        }
        s.pieces = are_pieces(output);
        r->streaming = r->streaming || s.pieces;
        if (are_choices(attrs, s.count))
            ts_said_choices(&s, finish, out);
        else
            ts_said_answer(&s, out);
    }
    out->cut = ts_json_is_cut(ts_any_text(value));
}

void ts_genai_read(struct ts_reader *r, const struct ts_attrs *attrs, struct ts_source *out)
{
    read_prompt(r, attrs, &out->prompt);
    read_answer(r, attrs, &out->response);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_genai_read(r, &r->attrs, out);
}

const struct ts_dialect ts_dialect_otel_genai = {"otel_genai", read_source};
