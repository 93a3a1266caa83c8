#include "cmd/score_line.h"

#include "llm/dialect/message_reader.h"
#include "llm/logprobs.h"
#include "llm/meta.h"
#include "llm/normal.h"

#include <math.h>
#include <stdio.h>
#include <xxhash.h>

/* ---- a line into a record ---- */

static ts_view text_at(const cJSON *tree, const char *key)
{
    return ts_json_text(ts_json_get(tree, key));
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

/* ---- messages: OpenAI's chat shape; what cannot be read fails the line ---- */

static bool check_calls(const cJSON *calls, const char *where, struct ts_err *err)
{
    int i = 0;
    const cJSON *call;
    if (!calls || cJSON_IsNull(calls))
        return true;
    if (!cJSON_IsArray(calls))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' must be a list of calls", where);
    cJSON_ArrayForEach(call, calls)
    {
        const cJSON *function = ts_json_get(call, "function");
        if (text_at(function ? function : call, "name").len == 0)
            return ts_fail(err, TS_INVALID_ARGUMENT, "'%s[%d]' has no name", where, i);
        i++;
    }
    return true;
}

static bool check_message(const cJSON *message, const char *where, struct ts_err *err)
{
    const cJSON *content = ts_json_get(message, "content");
    char calls[64];
    snprintf(calls, sizeof calls, "%s.tool_calls", where);
    if (cJSON_IsString(message))
        return true;
    if (!cJSON_IsObject(message))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' must be a message or a string", where);
    if (cJSON_IsNumber(content) || cJSON_IsBool(content))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'%s.content' must be a string or a list of parts",
                       where);
    return check_calls(ts_json_get(message, "tool_calls"), calls, err);
}

static bool check_messages(const cJSON *list, struct ts_err *err)
{
    int i = 0;
    const cJSON *message;
    cJSON_ArrayForEach(message, list)
    {
        char where[32];
        snprintf(where, sizeof where, "messages[%d]", i++);
        if (!check_message(message, where, err))
            return false;
    }
    return true;
}

static bool all_read(const struct ts_message_reader *reader, const char *where, struct ts_err *err)
{
    if (reader->media)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%s' holds an image, a sound or a file; only text can be scored", where);
    if (reader->unread.len > 0)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%s' holds a part of type '%.*s', which is not known", where,
                       reader->unread.len > 40 ? 40 : (int)reader->unread.len, reader->unread.ptr);
    if (reader->withheld)
        return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' holds a text part without its text", where);
    return true;
}

static bool read_prompt(struct ts_arena *arena, const cJSON *line, struct ts_llm *llm,
                        struct ts_err *err)
{
    const cJSON *messages = ts_json_get(line, "messages");
    const cJSON *prompt = ts_json_get(line, "prompt");
    struct ts_message_reader reader = {.arena = arena, .literal = true};
    struct ts_prompt_side side;
    if (messages && !cJSON_IsNull(messages) && !cJSON_IsArray(messages))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'messages' must be a list");
    if (!cJSON_IsArray(messages) && !cJSON_IsString(prompt))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'prompt' (a string) or 'messages' (a list) is missing");
    if (!check_messages(messages, err))
        return false;
    if (cJSON_IsArray(messages))
        ts_read_messages(&reader, messages);
    else
        ts_read_text(&reader, "user", ts_json_text(prompt));
    ts_messages_as_prompt(&reader, &side);
    llm->messages = side.messages;
    llm->message_count = side.count;
    return all_read(&reader, "messages", err);
}

/* A text with calls beside it, as the message that it is. */
static void read_answer(struct ts_message_reader *reader, const cJSON *text, const cJSON *calls)
{
    cJSON *message = cJSON_CreateObject();
    if (text)
        cJSON_AddItemReferenceToObject(message, "content", (cJSON *)(uintptr_t)text);
    if (calls)
        cJSON_AddItemReferenceToObject(message, "tool_calls", (cJSON *)(uintptr_t)calls);
    ts_read_message(reader, TS_LIT("assistant"), message);
    cJSON_Delete(message);
}

/* "response" is a text, or an assistant message; calls stand in that, or beside the text. */
static bool read_response(struct ts_arena *arena, const cJSON *line, struct ts_llm *llm,
                          struct ts_err *err)
{
    const cJSON *response = ts_json_get(line, "response");
    const cJSON *calls = ts_json_get(line, "tool_calls");
    bool message = cJSON_IsObject(response);
    bool none = !response || cJSON_IsNull(response);
    struct ts_message_reader reader = {.arena = arena, .literal = true};
    struct ts_response_side side = {0};
    if (!message && !cJSON_IsString(response) && !(none && cJSON_IsArray(calls)))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'response' is missing; it must be a string or an assistant message");
    if (message && calls)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'tool_calls' stands beside a response that is a message; put it inside");
    if (message && !check_message(response, "response", err))
        return false;
    if (!check_calls(calls, "tool_calls", err))
        return false;
    if (message)
        ts_read_message(&reader, TS_LIT("assistant"), response);
    else
        read_answer(&reader, response, calls);
    ts_messages_as_response(&reader, &side);
    if (message && !side.found && !ts_json_get(response, "content") && reader.unread.len == 0)
        return ts_fail(
            err, TS_INVALID_ARGUMENT,
            "'response' has neither 'content' nor 'tool_calls'; give the message itself");
    llm->response = side.text;
    llm->tool_calls = side.tool_calls;
    llm->tool_call_count = side.tool_call_count;
    if (llm->response.len == 0 && llm->tool_call_count > 0)
        llm->flags |= TS_FLAG_TOOL_CALL_ONLY;
    return all_read(&reader, "response", err);
}

static bool read_tools(struct ts_arena *arena, const cJSON *tools, struct ts_llm *llm,
                       struct ts_err *err)
{
    if (!tools || cJSON_IsNull(tools))
        return true;
    if (!cJSON_IsArray(tools))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'tools' must be a list");
    ts_meta_tools(arena, tools, llm);
    if (llm->tool_count < (size_t)cJSON_GetArraySize(tools))
        return ts_fail(err, TS_INVALID_ARGUMENT, "'tools' holds a tool without a name");
    return true;
}

bool ts_score_line_read(struct ts_arena *arena, const cJSON *t, struct ts_llm *llm,
                        struct ts_err *err)
{
    *llm = (struct ts_llm){.kind = TS_KIND_LLM, .usage = {-1, -1, -1, -1, -1, -1}};
    if (!read_response(arena, t, llm, err) || !read_prompt(arena, t, llm, err) ||
        !read_tools(arena, ts_json_get(t, "tools"), llm, err))
        return false;
    llm->model = text_at(t, "model");
    if (ts_json_get(t, "id")) {
        ts_view id = text_at(t, "id");
        llm->response_id = id.len ? id : ts_json_print(arena, ts_json_get(t, "id"));
    }
    llm->finish_reason = ts_normal_finish(arena, text_at(t, "finish_reason"));
    if (ts_view_is(llm->finish_reason, "length"))
        llm->flags |= TS_FLAG_LENGTH_LIMITED;
    read_format(arena, ts_json_get(t, "response_format"), llm);
    llm->has_logprobs = ts_logprobs_read(arena, ts_json_get(t, "logprobs"), TS_UNTOLD_LEFT_OUT,
                                         &llm->logprobs, &llm->logprob_count);
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
    const struct ts_score *s = line->result;
    const struct ts_decision *d = line->decision;
    const struct {
        const char *key;
        ts_view text;
    } texts[] = {{"reason", d->detail.len > 0 ? d->detail : d->reason},
                 {"explanation", s->explanation},
                 {"scorer", ts_view_str(d->scorer)},
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
    const struct ts_score *s = line->result;
    print_name(line, out);
    ts_buf_add_str(out, ",\"trustworthiness_score\":");
    ts_json_append_double(out, ts_decision_has_score(line->decision) ? s->score : NAN);
    ts_buf_printf(out, ",\"decision\":\"%s\"", ts_decision_name(line->decision->kind));
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
