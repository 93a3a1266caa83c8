/* genai_bodies.c - bodies of per-message events into a prompt and its choices (dialects §6.4). */
#include "llm/dialect/genai.h"

/* "gen_ai.user.message" → user */
static ts_view role_of(ts_view event)
{
    ts_view rest = ts_view_from(event, strlen("gen_ai."));
    return ts_view_cut(rest, 0, ts_view_find(rest, TS_LIT(".")));
}

static bool says_something(const cJSON *body)
{
    static const char *const keys[] = {"content", "text", "message", "tool_calls", "parts"};
    for (size_t i = 0; i < TS_COUNT(keys); i++)
        if (ts_json_get(body, keys[i]))
            return true;
    return false;
}

/* {index, finish_reason, message: {…} or text, tool_calls beside it or inside}. */
static void read_choice(struct ts_genai_bodies *b, const cJSON *body)
{
    const cJSON *message = ts_json_get(body, "message");
    const cJSON *beside = ts_json_get(body, "tool_calls");
    size_t before = b->answers.count;
    if (cJSON_IsObject(message) && (!beside || ts_json_get(message, "tool_calls"))) {
        ts_said_message(&b->answers, TS_LIT("assistant"), message);
    } else {
        cJSON *both = cJSON_CreateObject();
        const cJSON *content = cJSON_IsObject(message) ? ts_json_get(message, "content")
                               : message               ? message
                                                       : ts_json_get(body, "content");
        if (content)
            cJSON_AddItemReferenceToObject(both, "content", (cJSON *)(uintptr_t)content);
        if (beside)
            cJSON_AddItemReferenceToObject(both, "tool_calls", (cJSON *)(uintptr_t)beside);
        ts_said_message(&b->answers, TS_LIT("assistant"), both);
        cJSON_Delete(both);
    }
    if (b->answers.count == before)
        return;
    ts_view *finish = ts_arena_alloc(b->answers.arena, b->answers.count * sizeof *finish);
    if (b->finish)
        memcpy(finish, b->finish, before * sizeof *finish);
    finish[b->answers.count - 1] = ts_json_text(ts_json_get(body, "finish_reason"));
    b->finish = finish;
    int64_t *index = ts_arena_alloc(b->answers.arena, b->answers.count * sizeof *index);
    if (b->index)
        memcpy(index, b->index, before * sizeof *index);
    if (!ts_json_int64(ts_json_get(body, "index"), &index[b->answers.count - 1]))
        index[b->answers.count - 1] = (int64_t)before;
    b->index = index;
}

void ts_genai_body(struct ts_genai_bodies *b, ts_view event, const cJSON *body)
{
    if (ts_view_is(event, "gen_ai.choice")) {
        b->chose = true;
        if (!says_something(body))
            b->answers.withheld = true;
        else
            read_choice(b, body);
        return;
    }
    if (b->chose)
        return;
    if (!says_something(body)) {
        b->prompt.withheld = true;
        return;
    }
    ts_said_message(&b->prompt, role_of(event), body);
}

/* Choices in the order of their index; the events may have come in another. */
static void sort_choices(const struct ts_genai_bodies *b)
{
    for (size_t i = 1; i < b->answers.count; i++)
        for (size_t k = i; k > 0 && b->index[k] < b->index[k - 1]; k--) {
            struct ts_message m = b->answers.messages[k];
            ts_view finish = b->finish[k];
            int64_t index = b->index[k];
            b->answers.messages[k] = b->answers.messages[k - 1];
            b->finish[k] = b->finish[k - 1];
            b->index[k] = b->index[k - 1];
            b->answers.messages[k - 1] = m;
            b->finish[k - 1] = finish;
            b->index[k - 1] = index;
        }
}

void ts_genai_bodies_give(const struct ts_genai_bodies *b, struct ts_source *out)
{
    sort_choices(b);
    ts_said_prompt(&b->prompt, &out->prompt);
    if (b->answers.count > 1)
        ts_said_choices(&b->answers, b->finish, &out->response);
    else
        ts_said_answer(&b->answers, &out->response);
    if (b->answers.count == 1 && b->finish)
        out->response.finish_raw = b->finish[0];
    out->response.withheld = b->answers.withheld;
}
