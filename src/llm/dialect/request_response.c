#include "llm/dialect/request_response.h"

#include "llm/normal.h"

/* No answer is what Phoenix makes up of id and model (§4.8), nor a request: LlamaIndex has spans of
 * kind LLM about how it was put together. */
static bool is_no_answer(const cJSON *tree)
{
    bool made_up =
        cJSON_GetArraySize(tree) == 2 && ts_json_get(tree, "id") && ts_json_get(tree, "model");
    bool asks =
        cJSON_IsArray(ts_json_get(tree, "messages")) && cJSON_IsArray(ts_json_get(tree, "tools"));
    return cJSON_IsObject(tree) && (made_up || asks);
}

/* An object whose only member is a string is that string; other JSON stands as it is. */
static ts_view free_prompt(const cJSON *tree, ts_view text)
{
    if (cJSON_IsString(tree))
        return ts_json_text(tree);
    if (cJSON_IsObject(tree) && cJSON_GetArraySize(tree) == 1 && cJSON_IsString(tree->child))
        return ts_json_text(tree->child);
    return text;
}

bool ts_says_nothing(ts_view text)
{
    ts_view t = ts_view_trim(text);
    return t.len == 0 || ts_view_is(t, "{}") || ts_view_is(t, "null") || ts_view_is(t, "\"\"");
}

/* Text and tree of a value; false: there is nothing in it. */
static bool open_value(struct ts_reader *r, const struct ts_any *value, ts_view *text,
                       const cJSON **tree, bool *masked, bool *cut)
{
    *text = ts_any_text(value);
    *tree = NULL;
    *masked = ts_is_mask(*text);
    *cut = !*masked && text->len > 0 && (ts_json_is_cut(*text) || ts_is_cut(r, *text));
    if (!value || *masked)
        return false;
    if (*cut && ts_json_is_cut(*text)) /* cut JSON yields nothing (§11.8) */
        return false;
    *tree = ts_any_json(r->arena, value);
    if (cJSON_IsString(*tree) && ts_is_mask(ts_json_text(*tree))) {
        *masked = true;
        return false;
    }
    if (*tree && text->len == 0)
        *text = ts_json_print(r->arena, *tree);
    return !ts_says_nothing(*text);
}

void ts_read_request(struct ts_reader *r, const struct ts_any *value, bool free_text,
                     struct ts_prompt_side *out)
{
    ts_view text;
    const cJSON *tree;
    bool cut;
    bool masked;
    bool any = open_value(r, value, &text, &tree, &masked, &cut);
    struct ts_payload_request *request = ts_arena_alloc(r->arena, sizeof *request);
    if (any && ts_payload_read_request(r->arena, tree, request)) {
        *out = request->prompt;
        if (!r->request)
            r->request = request;
    } else if (any && free_text) {
        out->messages = ts_arena_alloc(r->arena, sizeof *out->messages);
        out->messages[0] =
            (struct ts_message){.role = TS_LIT("user"), .content = free_prompt(tree, text)};
        out->count = 1;
        out->masked = ts_is_mask(out->messages[0].content);
    }
    out->masked = out->masked || masked;
    out->cut = out->cut || cut;
}

void ts_read_response(struct ts_reader *r, const struct ts_any *value, bool free_text,
                      struct ts_response_side *out)
{
    ts_view text;
    const cJSON *tree;
    bool cut;
    bool masked;
    bool any = open_value(r, value, &text, &tree, &masked, &cut);
    struct ts_payload_response *response = ts_arena_alloc(r->arena, sizeof *response);
    if (any && ts_payload_read_response(r->arena, tree, response)) {
        *out = response->side;
        if (!r->response)
            r->response = response;
    } else if (any && free_text && !is_no_answer(tree)) {
        out->text = cJSON_IsString(tree) ? ts_json_text(tree) : text;
        out->found = out->text.len > 0;
        out->masked = ts_is_mask(out->text);
    }
    out->masked = out->masked || masked;
    out->cut = out->cut || cut;
}

void ts_read_request_response(struct ts_reader *r, const char *input, const char *output,
                              bool free_text, struct ts_source *out)
{
    ts_read_request(r, ts_attrs_get(&r->attrs, input), free_text, &out->prompt);
    ts_read_response(r, ts_attrs_get(&r->attrs, output), free_text, &out->response);
}
