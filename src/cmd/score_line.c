#include "cmd/score_line.h"

#include "llm/normal.h"

#include <math.h>
#include <xxhash.h>

/* ---- a line into a record ---- */

static ts_view text_at(const cJSON *tree, const char *key)
{
    return ts_json_text(ts_json_get(tree, key));
}

static void read_messages(struct ts_arena *arena, const cJSON *list, struct ts_llm *llm)
{
    llm->messages = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *llm->messages);
    const cJSON *m;
    cJSON_ArrayForEach(m, list) llm->messages[llm->message_count++] =
        (struct ts_message){.role = ts_normal_role(text_at(m, "role")),
                            .content = text_at(m, "content"),
                            .tool_call_id = text_at(m, "tool_call_id"),
                            .name = text_at(m, "name")};
}

static void read_logprobs(struct ts_arena *arena, const cJSON *list, struct ts_llm *llm)
{
    if (!cJSON_IsArray(list))
        return;
    llm->logprobs = ts_arena_alloc(arena, (size_t)cJSON_GetArraySize(list) * sizeof *llm->logprobs);
    llm->has_logprobs = true;
    const cJSON *p;
    cJSON_ArrayForEach(p, list)
    {
        double value;
        if (ts_json_double(ts_json_get(p, "logprob"), &value))
            llm->logprobs[llm->logprob_count++] = (struct ts_logprob){text_at(p, "token"), value};
    }
}

static void read_format(struct ts_arena *arena, const cJSON *format, struct ts_llm *llm)
{
    ts_view type = text_at(format, "type");
    const cJSON *schema = ts_json_path(format, "json_schema.schema");
    if (!schema)
        schema = ts_json_get(format, "schema");
    llm->format_type = ts_view_is(type, "json_schema")   ? TS_FORMAT_JSON_SCHEMA
                       : ts_view_is(type, "json_object") ? TS_FORMAT_JSON_OBJECT
                                                         : TS_FORMAT_NONE;
    llm->format_schema = schema ? ts_json_print(arena, schema) : TS_NOTHING;
}

static void read_context(struct ts_arena *arena, const cJSON *context, struct ts_llm *llm)
{
    size_t most = cJSON_IsArray(context) ? (size_t)cJSON_GetArraySize(context) : 1;
    llm->documents = ts_arena_alloc(arena, most * sizeof *llm->documents);
    const cJSON *item = cJSON_IsArray(context) ? context->child : context;
    for (; item; item = cJSON_IsArray(context) ? item->next : NULL) {
        ts_view text = cJSON_IsString(item) ? ts_json_text(item) : text_at(item, "content");
        if (text.len > 0)
            llm->documents[llm->document_count++] =
                (struct ts_document){.content = text, .source = TS_LIT("input")};
    }
}

bool ts_score_line_read(struct ts_arena *arena, const cJSON *t, struct ts_llm *llm,
                        struct ts_err *err)
{
    *llm = (struct ts_llm){.kind = TS_KIND_LLM, .usage = {-1, -1, -1, -1, -1, -1}};
    const cJSON *messages = ts_json_get(t, "messages");
    const cJSON *prompt = ts_json_get(t, "prompt");
    if (!cJSON_IsString(ts_json_get(t, "response")))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'response' is missing; it must be a string");
    if (cJSON_IsArray(messages)) {
        read_messages(arena, messages, llm);
    } else if (cJSON_IsString(prompt)) {
        llm->messages = ts_arena_alloc(arena, sizeof *llm->messages);
        llm->messages[0] =
            (struct ts_message){.role = TS_LIT("user"), .content = ts_json_text(prompt)};
        llm->message_count = 1;
    } else {
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'prompt' (a string) or 'messages' (a list) is missing");
    }
    llm->response = text_at(t, "response");
    llm->model = text_at(t, "model");
    if (ts_json_get(t, "id")) {
        ts_view id = text_at(t, "id");
        llm->response_id = id.len ? id : ts_json_print(arena, ts_json_get(t, "id"));
    }
    llm->finish_reason = ts_normal_finish(arena, text_at(t, "finish_reason"));
    if (ts_view_is(llm->finish_reason, "length"))
        llm->flags |= TS_FLAG_LENGTH_LIMITED;
    read_format(arena, ts_json_get(t, "response_format"), llm);
    read_logprobs(arena, ts_json_get(t, "logprobs"), llm);
    if (ts_json_get(t, "context"))
        read_context(arena, ts_json_get(t, "context"), llm);
    return true;
}

/* ---- a result as a line ---- */

uint64_t ts_score_line_name(const cJSON *id, size_t number)
{
    struct ts_buf name = TS_BUF_INIT;
    if (id)
        ts_json_append(&name, id);
    else
        ts_buf_printf(&name, "line %zu", number);
    uint64_t hash = XXH3_64bits(name.ptr, name.len);
    ts_buf_release(&name);
    return hash;
}

static void print_name(const struct ts_score_line *line, struct ts_buf *out)
{
    if (!line->id) {
        ts_buf_printf(out, "{\"line\":%zu", line->number);
        return;
    }
    ts_buf_add_str(out, "{\"id\":");
    ts_json_append(out, line->id);
}

static void print_texts(const struct ts_score_line *line, struct ts_buf *out)
{
    const struct ts_score *s = line->score;
    const struct {
        const char *key;
        ts_view text;
    } texts[] = {{"reason", line->reason},
                 {"explanation", s->explanation},
                 {"scorer", ts_view_str(line->scorer)},
                 {"model", s->model},
                 {"preset", s->preset},
                 {"version", s->version},
                 {"signals", s->signals}};
    for (size_t i = 0; i < TS_COUNT(texts); i++)
        if (texts[i].text.len > 0) {
            ts_buf_printf(out, ",\"%s\":", texts[i].key);
            ts_json_append_text(out, texts[i].text);
        }
    if (s->fields.len > 0) {
        ts_buf_add_str(out, ",\"fields\":");
        ts_buf_add_view(out, s->fields);
    }
}

static void print_evals(const struct ts_score *s, struct ts_buf *out)
{
    for (size_t i = 0; i < s->eval_count; i++) {
        ts_buf_add_str(out, i ? "," : ",\"evals\":{");
        ts_json_append_text(out, ts_view_str(s->evals[i].name));
        ts_buf_add_byte(out, ':');
        ts_json_append_double(out, s->evals[i].score);
    }
    ts_buf_add_str(out, s->eval_count ? "}" : "");
}

void ts_score_line_print(const struct ts_score_line *line, struct ts_buf *out)
{
    const struct ts_score *s = line->score;
    print_name(line, out);
    ts_buf_add_str(out, ",\"trustworthiness_score\":");
    ts_json_append_double(out, s->has_score ? s->score : NAN);
    ts_buf_printf(out, ",\"decision\":\"%s\"", line->decision);
    print_texts(line, out);
    print_evals(s, out);
    if (s->prompt_tokens + s->completion_tokens > 0)
        ts_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld}",
                      (long long)s->prompt_tokens, (long long)s->completion_tokens);
    if (s->cost_usd > 0) {
        ts_buf_add_str(out, ",\"cost_usd\":");
        ts_json_append_double(out, s->cost_usd);
    }
    ts_buf_add_str(out, "}\n");
}
