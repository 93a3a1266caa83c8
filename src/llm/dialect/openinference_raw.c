/* openinference_raw.c - input.value and output.value: provider JSON of §5, or free text (§9.2). */
#include "llm/dialect/dialect.h"

#include "llm/normal.h"

/* §4.8: what Phoenix makes up of id and model is not an answer. */
static bool is_made_up(const cJSON *tree)
{
    return cJSON_IsObject(tree) && cJSON_GetArraySize(tree) == 2 && ts_json_get(tree, "id") &&
           ts_json_get(tree, "model");
}

static bool is_cut_value(const struct ts_reader *r, ts_view text)
{
    return ts_json_is_cut(text) || ts_is_cut(r, text);
}

static void add_user(struct ts_reader *r, struct ts_prompt_side *out, ts_view text)
{
    out->messages = ts_arena_alloc(r->arena, sizeof *out->messages);
    out->messages[0] = (struct ts_message){.role = TS_LIT("user"), .content = text};
    out->count = 1;
}

/* An object whose only member is a string is that string; other JSON stands as it is. */
static ts_view free_text(const cJSON *tree, ts_view text)
{
    if (cJSON_IsString(tree))
        return ts_json_text(tree);
    if (cJSON_IsObject(tree) && cJSON_GetArraySize(tree) == 1 && cJSON_IsString(tree->child))
        return ts_json_text(tree->child);
    return text;
}

static void read_prompt(struct ts_reader *r, struct ts_prompt_side *out)
{
    ts_view text = ts_attrs_text(&r->attrs, "input.value");
    if (text.len == 0)
        return;
    if (ts_is_mask(text)) {
        out->masked = true;
        return;
    }
    bool cut = is_cut_value(r, text);
    if (cut && ts_json_is_cut(text)) { /* cut JSON yields nothing (§11.8) */
        out->cut = true;
        return;
    }
    struct ts_payload_request request;
    const cJSON *tree = ts_raw_tree(r, &r->input, "input.value");
    if (ts_payload_read_request(r->arena, tree, &request))
        *out = request.prompt;
    else
        add_user(r, out, free_text(tree, text));
    out->cut = cut;
}

static void read_response(struct ts_reader *r, struct ts_response_side *out)
{
    ts_view text = ts_attrs_text(&r->attrs, "output.value");
    if (text.len == 0)
        return;
    if (ts_is_mask(text)) {
        out->masked = true;
        return;
    }
    bool cut = is_cut_value(r, text);
    if (cut && ts_json_is_cut(text)) {
        out->cut = true;
        return;
    }
    struct ts_payload_response response;
    const cJSON *tree = ts_raw_tree(r, &r->output, "output.value");
    if (ts_payload_read_response(r->arena, tree, &response)) {
        *out = response.side;
    } else if (!is_made_up(tree)) {
        out->found = true;
        out->text = cJSON_IsString(tree) ? ts_json_text(tree) : text;
    }
    out->cut = cut;
}

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    read_prompt(r, &out->prompt);
    read_response(r, &out->response);
}

const struct ts_dialect ts_dialect_openinference_raw = {"openinference_raw", read_source};
