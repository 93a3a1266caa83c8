/* genai_bodies.c - bodies of per-message events into a prompt and its choices (dialects §6.4). */
#include "llm/dialect/genai.h"

#include <stdlib.h>

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

static void note_choice(struct ts_genai_bodies *b, size_t place, const cJSON *body)
{
    b->choices = ts_arena_more(b->answers.arena, b->choices, place, &b->room, sizeof *b->choices);
    struct ts_genai_choice *choice = &b->choices[place];
    *choice = (struct ts_genai_choice){.index = (int64_t)place, .place = place};
    ts_json_int64(ts_json_get(body, "index"), &choice->index);
    choice->finish = ts_json_text(ts_json_get(body, "finish_reason"));
}

/* {index, finish_reason, message: {…} or text, tool_calls beside it or inside}. */
static void read_choice(struct ts_genai_bodies *b, const cJSON *body)
{
    const cJSON *message = ts_json_get(body, "message");
    const cJSON *beside = ts_json_get(body, "tool_calls");
    if (cJSON_IsObject(message) && (!beside || ts_json_get(message, "tool_calls"))) {
        ts_read_reply(&b->answers, message);
    } else {
        cJSON *both = cJSON_CreateObject();
        const cJSON *content = cJSON_IsObject(message) ? ts_json_get(message, "content")
                               : message               ? message
                                                       : ts_json_get(body, "content");
        if (content)
            cJSON_AddItemReferenceToObject(both, "content", (cJSON *)(uintptr_t)content);
        if (beside)
            cJSON_AddItemReferenceToObject(both, "tool_calls", (cJSON *)(uintptr_t)beside);
        ts_read_reply(&b->answers, both);
        cJSON_Delete(both);
    }
    note_choice(b, b->answers.count - 1, body);
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
    ts_read_message(&b->prompt, role_of(event), body);
}

static int by_index(const void *a, const void *b)
{
    const struct ts_genai_choice *x = a;
    const struct ts_genai_choice *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Choices in the order of their index; the events may have come in another. */
static void give_choices(struct ts_genai_bodies *b, struct ts_response_side *out)
{
    struct ts_arena *arena = b->answers.arena;
    size_t n = b->answers.count;
    struct ts_message_reader sorted = b->answers;
    ts_view *finish = ts_arena_alloc(arena, n * sizeof *finish);
    sorted.messages = ts_arena_alloc(arena, n * sizeof *sorted.messages);
    qsort(b->choices, n, sizeof *b->choices, by_index);
    for (size_t i = 0; i < n; i++) {
        sorted.messages[i] = b->answers.messages[b->choices[i].place];
        finish[i] = b->choices[i].finish;
    }
    ts_messages_as_choices(&sorted, finish, out);
}

void ts_genai_bodies_give(struct ts_genai_bodies *b, struct ts_source *out)
{
    ts_messages_as_prompt(&b->prompt, &out->prompt);
    if (b->answers.count > 0)
        give_choices(b, &out->response);
    out->response.withheld = b->answers.withheld;
}
