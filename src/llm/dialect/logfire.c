/* logfire.c - Logfire's own instrumentation and pydantic-ai's first format (dialects §8.4): request_data
 * and response_data, or a list of event bodies in the attribute `events`. */
#include "llm/dialect/genai.h"
#include "llm/dialect/pair.h"

#include "llm/normal.h"

static void read_events(struct ts_reader *r, struct ts_source *out)
{
    const cJSON *list = ts_attr_json(r, "events");
    struct ts_genai_bodies b = {.prompt.arena = r->arena, .answers.arena = r->arena};
    const cJSON *body;
    if (ts_json_is_cut(ts_attrs_text(&r->attrs, "events"))) /* it held both sides */
        out->prompt.cut = out->response.cut = true;
    if (!cJSON_IsArray(list))
        return;
    cJSON_ArrayForEach(body, list)
    {
        ts_view name = ts_json_text(ts_json_get(body, "event.name"));
        if (ts_view_starts(name, TS_LIT("gen_ai.")))
            ts_genai_body(&b, name, body);
    }
    ts_genai_bodies_give(&b, out);
}

/* {"message":{…},"usage"}, {"text",…}, or what a stream came to: {"combined_chunk_content"}. */
static void read_response(struct ts_reader *r, struct ts_response_side *out)
{
    const struct ts_any *value = ts_attrs_get(&r->attrs, "response_data");
    const cJSON *tree = ts_any_json(r->arena, value);
    const cJSON *text = ts_json_get(tree, "combined_chunk_content");
    if (!text && !ts_json_get(tree, "message"))
        text = ts_json_get(tree, "text");
    if (cJSON_IsString(text)) {
        out->text = ts_json_text(text);
        out->found = out->text.len > 0;
        out->masked = ts_is_mask(out->text);
        out->finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
        if (!r->response) {
            r->response = ts_arena_alloc(r->arena, sizeof *r->response);
            r->response->usage = ts_usage_of(ts_json_get(tree, "usage"));
        }
    } else {
        ts_pair_response(r, value, false, out);
    }
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_prompt(r, ts_attrs_get(&r->attrs, "request_data"), false, &out->prompt);
    read_response(r, &out->response);
    if (out->prompt.count == 0 && !out->response.found)
        read_events(r, out);
}

const struct ts_dialect ts_dialect_logfire = {"logfire", read_source};
