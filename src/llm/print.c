/* print.c - the record as JSON, with the names of dialects §1. */
#include "base/hex.h"
#include "json/json.h"
#include "llm/llm.h"

#include <inttypes.h>
#include <stdio.h>

/* An object or list under way: puts the commas. */
struct json {
    struct ts_buf *out;
    bool more;
};

static void comma(struct json *j)
{
    if (j->more)
        ts_buf_add_byte(j->out, ',');
    j->more = true;
}

static void key(struct json *j, const char *name)
{
    comma(j);
    ts_buf_printf(j->out, "\"%s\":", name);
}

static void text(struct json *j, const char *name, ts_view value)
{
    key(j, name);
    ts_json_append_text(j->out, value);
}

static void text_or_null(struct json *j, const char *name, ts_view value)
{
    if (value.len > 0) {
        text(j, name, value);
        return;
    }
    key(j, name);
    ts_buf_add_str(j->out, "null");
}

static void raw(struct json *j, const char *name, ts_view json_text)
{
    key(j, name);
    ts_buf_add_view(j->out, json_text.len ? json_text : TS_LIT("null"));
}

static void count(struct json *j, const char *name, int64_t value, bool always)
{
    if (value < 0 && !always)
        return;
    key(j, name);
    if (value < 0)
        ts_buf_add_str(j->out, "null");
    else
        ts_buf_printf(j->out, "%" PRId64, value);
}

static void flag(struct json *j, const char *name, bool value)
{
    key(j, name);
    ts_buf_add_str(j->out, value ? "true" : "false");
}

static struct json open(struct json *j, const char *name, char bracket)
{
    if (name)
        key(j, name);
    else
        comma(j);
    ts_buf_add_byte(j->out, (uint8_t)bracket);
    return (struct json){j->out, false};
}

static void print_calls(struct json *j, const struct ts_tool_call *calls, size_t n)
{
    struct json list = open(j, "tool_calls", '[');
    for (size_t i = 0; i < n; i++) {
        struct json one = open(&list, NULL, '{');
        text_or_null(&one, "id", calls[i].id);
        text(&one, "name", calls[i].name);
        raw(&one, "arguments", calls[i].arguments);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_messages(struct json *j, const struct ts_llm *llm)
{
    struct json list = open(j, "messages", '[');
    for (size_t i = 0; i < llm->message_count; i++) {
        const struct ts_message *m = &llm->messages[i];
        struct json one = open(&list, NULL, '{');
        text(&one, "role", m->role);
        text(&one, "content", m->content);
        if (m->tool_call_count > 0)
            print_calls(&one, m->tool_calls, m->tool_call_count);
        if (m->tool_call_id.len > 0)
            text(&one, "tool_call_id", m->tool_call_id);
        if (m->name.len > 0)
            text(&one, "name", m->name);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_tools(struct json *j, const struct ts_llm *llm)
{
    if (!llm->has_tools) {
        raw(j, "tools", TS_NOTHING);
        return;
    }
    struct json list = open(j, "tools", '[');
    for (size_t i = 0; i < llm->tool_count; i++) {
        struct json one = open(&list, NULL, '{');
        text(&one, "name", llm->tools[i].name);
        text_or_null(&one, "description", llm->tools[i].description);
        raw(&one, "parameters", llm->tools[i].parameters);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_choices(struct json *j, const struct ts_llm *llm)
{
    if (llm->choice_count == 0)
        return;
    struct json list = open(j, "choices", '[');
    for (size_t i = 0; i < llm->choice_count; i++) {
        const struct ts_choice *c = &llm->choices[i];
        struct json one = open(&list, NULL, '{');
        text(&one, "response", c->response);
        print_calls(&one, c->tool_calls, c->tool_call_count);
        text_or_null(&one, "finish_reason", c->finish_reason);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_documents(struct json *j, const char *name, const struct ts_llm *llm)
{
    struct json list = open(j, name, '[');
    for (size_t i = 0; i < llm->document_count; i++) {
        const struct ts_document *d = &llm->documents[i];
        struct json one = open(&list, NULL, '{');
        text(&one, "content", d->content);
        text_or_null(&one, "id", d->id);
        key(&one, "score");
        if (d->has_score)
            ts_json_append_double(j->out, d->score);
        else
            ts_buf_add_str(j->out, "null");
        text(&one, "source", d->source);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_usage(struct json *j, const struct ts_usage *u)
{
    struct json one = open(j, "usage", '{');
    count(&one, "input_tokens", u->input_tokens, true);
    count(&one, "output_tokens", u->output_tokens, true);
    count(&one, "total_tokens", u->total_tokens, true);
    count(&one, "cache_read", u->cache_read, false);
    count(&one, "cache_write", u->cache_write, false);
    count(&one, "reasoning", u->reasoning, false);
    ts_buf_add_byte(j->out, '}');
}

static void print_format(struct json *j, const struct ts_llm *llm)
{
    static const char *const names[] = {NULL, "text", "json_object", "json_schema"};
    if (llm->format_type == TS_FORMAT_NONE) {
        raw(j, "response_format", TS_NOTHING);
        return;
    }
    struct json one = open(j, "response_format", '{');
    text(&one, "type", ts_view_str(names[llm->format_type]));
    raw(&one, "schema", llm->format_schema);
    ts_buf_add_byte(j->out, '}');
}

static void print_logprobs(struct json *j, const struct ts_llm *llm)
{
    if (!llm->has_logprobs) {
        raw(j, "logprobs", TS_NOTHING);
        return;
    }
    struct json list = open(j, "logprobs", '[');
    for (size_t i = 0; i < llm->logprob_count; i++) {
        struct json one = open(&list, NULL, '{');
        text(&one, "token", llm->logprobs[i].token);
        key(&one, "logprob");
        ts_json_append_double(j->out, llm->logprobs[i].logprob);
        ts_buf_add_byte(j->out, '}');
    }
    ts_buf_add_byte(j->out, ']');
}

static void print_flags(struct json *j, unsigned flags)
{
    static const char *const names[] = {
        "length_limited",    "multimodal", "multiple_choices",  "partial_response",
        "prompt_incomplete", "streaming",  "structured_output", "tool_call_only"};
    struct json list = open(j, "flags", '[');
    for (size_t i = 0; i < TS_COUNT(names); i++)
        if (flags & 1u << i) {
            comma(&list);
            ts_buf_printf(j->out, "\"%s\"", names[i]);
        }
    ts_buf_add_byte(j->out, ']');
}

static void print_llm(struct json *j, const struct ts_llm *llm)
{
    static const char *const cut[] = {"none", "prompt", "response", "both"};
    text_or_null(j, "dialect", ts_view_str(llm->dialect));
    print_messages(j, llm);
    print_tools(j, llm);
    text(j, "response", llm->response);
    print_calls(j, llm->tool_calls, llm->tool_call_count);
    print_choices(j, llm);
    print_documents(j, "context", llm);
    text_or_null(j, "model", llm->model);
    text_or_null(j, "provider", llm->provider);
    text_or_null(j, "response_id", llm->response_id);
    print_usage(j, &llm->usage);
    text_or_null(j, "finish_reason", llm->finish_reason);
    text_or_null(j, "finish_reason_raw", llm->finish_reason_raw);
    print_format(j, llm);
    print_logprobs(j, llm);
    text_or_null(j, "session_id", llm->session_id);
    text_or_null(j, "user_id", llm->user_id);
    flag(j, "redacted", llm->redacted);
    text(j, "truncated", ts_view_str(cut[llm->truncated]));
    print_flags(j, llm->flags);
}

bool ts_llm_print(const struct ts_llm *llm, struct ts_buf *out)
{
    struct json j = {out, false};
    ts_buf_add_byte(out, '{');
    text(&j, "kind", ts_view_str(ts_kind_name(llm->kind)));
    flag(&j, "is_llm", llm->kind == TS_KIND_LLM);
    if (llm->kind == TS_KIND_LLM)
        print_llm(&j, llm);
    else if (llm->document_count > 0)
        print_documents(&j, "documents", llm);
    text_or_null(&j, "skip_reason", ts_view_str(ts_skip_name(llm->skip)));
    if (llm->duplicate_of.len == 8) {
        struct ts_buf hex = TS_BUF_INIT;
        ts_hex_add(&hex, llm->duplicate_of);
        text(&j, "duplicate_of", ts_buf_view(&hex));
        ts_buf_release(&hex);
    }
    return ts_buf_add_byte(out, '}');
}
