/* google_adk.c - Google's Agent Development Kit (dialects §8.7): Gemini's request, and its answer as one
 * candidate. `{}` means that nothing was recorded. */
#include "llm/dialect/pair.h"
#include "llm/dialect/said.h"

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    ts_pair_prompt(r, ts_attrs_get(&r->attrs, "gcp.vertex.agent.llm_request"), false, &out->prompt);
    ts_view text = ts_attrs_text(&r->attrs, "gcp.vertex.agent.llm_response");
    const cJSON *tree = ts_attr_json(r, "gcp.vertex.agent.llm_response");
    struct ts_said s = {.arena = r->arena, .tight = true};
    out->response.cut = ts_json_is_cut(text);
    out->response.finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
    if (!ts_json_get(tree, "content"))
        return;
    ts_said_message(&s, TS_LIT("assistant"), ts_json_get(tree, "content"));
    ts_said_answer(&s, &out->response);
    out->response.finish_raw = ts_json_text(ts_json_get(tree, "finish_reason"));
    if (r->response)
        return;
    r->response = ts_arena_alloc(r->arena, sizeof *r->response);
    r->response->side = out->response;
    r->response->usage = ts_usage_of(ts_json_get(tree, "usage_metadata"));
}

const struct ts_dialect ts_dialect_google_adk = {"google_adk", read_source};
