/* otel_genai_events.c - one event a message, as the conventions had it from 1.28 to 1.36
 * (dialects §6.4): the body as JSON text in one attribute (style A), or spread over attributes (B). */
#include "llm/dialect/events.h"
#include "llm/dialect/genai.h"

#include <stdlib.h>

static const cJSON *body_of(struct ts_reader *r, const struct ts_span_event *event, cJSON *spread)
{
    const cJSON *body =
        ts_parse_value(r->arena, ts_attrs_text(&event->attrs, "gen_ai.event.content"));
    if (body)
        return body;
    for (size_t i = 0; i < event->attrs.count; i++) {
        const struct ts_attr *a = &event->attrs.items[i];
        const cJSON *tree = ts_any_json(r->arena, &a->value);
        int64_t number;
        char *key = ts_view_dup(a->key);
        if (cJSON_GetObjectItemCaseSensitive(spread, key)) {
            free(key);
            continue;
        }
        if (tree && !cJSON_IsString(tree))
            cJSON_AddItemReferenceToObject(spread, key, (cJSON *)(uintptr_t)tree);
        else if (a->value.type == TS_ANY_INT && ts_any_int64(&a->value, &number))
            cJSON_AddNumberToObject(spread, key, (double)number);
        else
            cJSON_AddItemToObject(spread, key, ts_json_new_text(ts_any_text(&a->value)));
        free(key);
    }
    return spread;
}

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    static const char *const names[] = {
        "gen_ai.system.",      "gen_ai.user.message", "gen_ai.assistant.message",
        "gen_ai.tool.message", "gen_ai.choice",       NULL};
    struct ts_genai_bodies b = {.prompt.arena = r->arena, .answers.arena = r->arena};
    struct ts_span_event event;
    size_t at = 0;
    while (ts_event_next(r, names, &at, &event)) {
        cJSON *spread = cJSON_CreateObject();
        ts_arena_defer(r->arena, delete_tree, spread);
        ts_genai_body(&b, event.name, body_of(r, &event, spread));
    }
    ts_genai_bodies_give(&b, out);
}

const struct ts_dialect ts_dialect_otel_genai_events = {"otel_genai_events", read_source};
