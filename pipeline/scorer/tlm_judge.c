/* tlm_judge.c - the manners of OpenAI-compatible servers: streams that nobody asked for, features
 * that they refuse. */
#include "pipeline/scorer/tlm.h"

#include <ctype.h>

/* ---- streams ---- */

/* The members of `from`, moved behind those of the list `to`. */
static void move_items(cJSON *to, cJSON *from)
{
    cJSON *item;
    while (cJSON_IsArray(from) && (item = cJSON_DetachItemFromArray(from, 0)))
        cJSON_AddItemToArray(to, item);
}

struct stream {
    cJSON *usage, *tokens;
    struct ts_buf content, reasoning;
    bool any;
};

static void take_chunk(struct stream *s, cJSON *chunk)
{
    cJSON *choice = cJSON_GetArrayItem(ts_json_get(chunk, "choices"), 0);
    const cJSON *delta = ts_json_get(choice, "delta");
    cJSON *usage = cJSON_DetachItemFromObjectCaseSensitive(chunk, "usage");
    s->any |= delta != NULL;
    ts_buf_add_view(&s->content, ts_json_text(ts_json_get(delta, "content")));
    ts_view reasoning = ts_json_text(ts_json_get(delta, "reasoning_content"));
    ts_buf_add_view(&s->reasoning,
                    reasoning.len ? reasoning : ts_json_text(ts_json_get(delta, "reasoning")));
    cJSON *logprobs = cJSON_GetObjectItemCaseSensitive(choice, "logprobs");
    move_items(s->tokens, cJSON_GetObjectItemCaseSensitive(logprobs, "content"));
    if (cJSON_IsObject(usage)) {
        cJSON_Delete(s->usage);
        s->usage = usage;
    } else {
        cJSON_Delete(usage);
    }
}

/* The chunks as the completion that they would have been. */
static cJSON *put_together(struct stream *s)
{
    cJSON *body = cJSON_CreateObject();
    cJSON *choice = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "object", "chat.completion");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "choices"), choice);
    cJSON *message = cJSON_AddObjectToObject(choice, "message");
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddItemToObject(message, "content", ts_json_new_text(ts_buf_view(&s->content)));
    ts_json_add_text(message, "reasoning_content", ts_buf_view(&s->reasoning));
    if (s->tokens->child) {
        cJSON *logprobs = cJSON_AddObjectToObject(choice, "logprobs");
        cJSON_AddItemToObject(logprobs, "content", s->tokens);
        s->tokens = NULL;
    }
    if (s->usage)
        cJSON_AddItemToObject(body, "usage", s->usage);
    s->usage = NULL;
    return body;
}

static cJSON *read_stream(ts_view text)
{
    const ts_view mark = TS_LIT("data:");
    struct stream s = {
        .tokens = cJSON_CreateArray(), .content = TS_BUF_INIT, .reasoning = TS_BUF_INIT};
    while (text.len > 0) {
        size_t end = ts_view_find(text, TS_LIT("\n"));
        ts_view line = ts_view_trim(ts_view_cut(text, 0, end));
        text = end == SIZE_MAX ? TS_NOTHING : ts_view_from(text, end + 1);
        if (!ts_view_starts(line, mark))
            continue;
        cJSON *chunk =
            ts_json_parse(ts_view_from(line, mark.len), NULL, NULL); /* [DONE] is a list */
        take_chunk(&s, chunk);
        cJSON_Delete(chunk);
    }
    cJSON *body = s.any ? put_together(&s) : NULL;
    cJSON_Delete(s.tokens);
    cJSON_Delete(s.usage);
    ts_buf_release(&s.content);
    ts_buf_release(&s.reasoning);
    return body;
}

cJSON *ts_judge_body(const struct ts_http_job *answer)
{
    ts_view text = ts_buf_view(&answer->body);
    bool stream = strcmp(answer->content_type, "text/event-stream") == 0 ||
                  ts_view_starts(text, TS_LIT("data:"));
    return stream ? read_stream(text) : ts_json_parse(text, NULL, NULL);
}

/* ---- refusals ---- */

static bool mentions(ts_view text, const char *word)
{
    ts_view w = ts_view_str(word);
    for (size_t i = 0; i + w.len <= text.len; i++)
        if (ts_view_eq_nocase(ts_view_cut(text, i, w.len), w))
            return true;
    return false;
}

/* {"error":{"message","param"}}, {"error":"…"}, {"message"}, {"detail"}: all seen. */
static bool complains_of(const cJSON *error, const char *word)
{
    const cJSON *inner = ts_json_get(error, "error");
    const cJSON *const places[] = {inner, ts_json_get(inner, "message"),
                                   ts_json_get(inner, "param"), ts_json_get(error, "message"),
                                   ts_json_get(error, "detail")};
    for (size_t i = 0; i < TS_COUNT(places); i++)
        if (mentions(ts_json_text(places[i]), word))
            return true;
    return false;
}

bool ts_judge_downgrade(const cJSON *error, const struct ts_judge_used *used,
                       struct ts_tlm_wire *wire)
{
    bool format = used->format != TS_FORMAT_BY_WORDS;
    if (used->logprobs && complains_of(error, "logprob")) {
        wire->logprobs = false;
    } else if (format &&
               (complains_of(error, "response_format") || complains_of(error, "schema"))) {
        if (wire->format <= used->format)
            wire->format = used->format + 1;
    } else if (used->temperature && complains_of(error, "temperature")) {
        wire->temperature = false;
    } else if (!used->max_completion_tokens && complains_of(error, "max_completion_tokens")) {
        wire->max_completion_tokens = true;
    } else if (used->user && complains_of(error, "user")) {
        wire->user = false;
    } else {
        return false;
    }
    return true;
}

void ts_judge_error_code(const cJSON *error, char *out, size_t size)
{
    const cJSON *inner = ts_json_get(error, "error");
    ts_view code = ts_json_text(ts_json_get(inner, "code"));
    if (code.len == 0)
        code = ts_json_text(ts_json_get(inner, "type"));
    bool plain = code.len > 0 && code.len + 1 < size && code.len <= 40;
    for (size_t i = 0; plain && i < code.len; i++)
        plain = islower(code.ptr[i]) || code.ptr[i] == '_';
    snprintf(out, size, TS_FMT, TS_ARG(plain ? code : TS_NOTHING));
}

/* OpenAI's, and what others copied from it; a spent quota comes back with money, not with time. */
bool ts_judge_is_out_of_quota(const char *error_code)
{
    static const char *const codes[] = {"insufficient_quota", "billing_hard_limit_reached",
                                        "billing_not_active", "account_deactivated"};
    for (size_t i = 0; i < TS_COUNT(codes); i++)
        if (strcmp(error_code, codes[i]) == 0)
            return true;
    return false;
}
