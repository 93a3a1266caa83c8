/* flatten.c - the renderings; JSON in them escapes what is not ASCII, as Python's json does. */
#include "llm/flatten.h"

#include "base/utf8.h"
#include "json/json.h"

#include <ctype.h>
#include <stdlib.h>

static const char tools_introduction[] =
    "You have functions at hand. You may call one or more of them to answer the user; do so only "
    "when it helps. Their signatures stand between <tools> and </tools>, one JSON object a line:";
static const char call_syntax[] =
    "To call a function, write a JSON object with its name and arguments between <tool_call> and "
    "</tool_call>:\n<tool_call>\n{\"name\": FUNCTION, \"arguments\": OBJECT}\n</tool_call>\n"
    "A call_id only links a call to its result; pay no attention to it.";

/* ---- JSON, ASCII only ---- */

static uint32_t next_char(ts_view t, size_t *at)
{
    uint8_t c = t.ptr[*at];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    uint32_t code = n == 1 ? c : c & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (t.ptr[*at + i] & 0x3F);
    *at += n;
    return code;
}

/* Valid JSON in, the same JSON with \uXXXX for all that is not ASCII. */
static void add_ascii(struct ts_buf *out, ts_view json)
{
    for (size_t at = 0; at < json.len;) {
        uint32_t code = next_char(json, &at);
        if (code < 0x80)
            ts_buf_add_byte(out, (uint8_t)code);
        else if (code < 0x10000)
            ts_buf_printf(out, "\\u%04x", code);
        else
            ts_buf_printf(out, "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
                          0xDC00 + ((code - 0x10000) & 0x3FF));
    }
}

static void add_text(struct ts_buf *out, ts_view text)
{
    struct ts_buf quoted = TS_BUF_INIT;
    ts_json_append_text(&quoted, text);
    add_ascii(out, ts_buf_view(&quoted));
    ts_buf_release(&quoted);
}

/* JSON indented by two, starting at `depth`; a layout that cJSON does not print. */
static void add_indented(struct ts_buf *out, const cJSON *v, int depth)
{
    bool list = cJSON_IsArray(v);
    if ((!list && !cJSON_IsObject(v)) || !v->child) {
        struct ts_buf one = TS_BUF_INIT;
        ts_json_append(&one, v);
        add_ascii(out, ts_buf_view(&one));
        ts_buf_release(&one);
        return;
    }
    ts_buf_add_byte(out, list ? '[' : '{');
    const cJSON *item;
    cJSON_ArrayForEach(item, v)
    {
        ts_buf_printf(out, "%s\n%*s", item == v->child ? "" : ",", (depth + 1) * 2, "");
        if (!list) {
            add_text(out, ts_view_str(item->string));
            ts_buf_add_str(out, ": ");
        }
        add_indented(out, item, depth + 1);
    }
    ts_buf_printf(out, "\n%*s%c", depth * 2, "", list ? ']' : '}');
}

/* Arguments are text in the record only when they could not be decoded; none recorded is "". */
static bool is_undecodable(ts_view json)
{
    cJSON *v = ts_json_parse(json, NULL, NULL);
    bool text = cJSON_IsString(v) && v->valuestring[0];
    cJSON_Delete(v);
    return text;
}

static void add_arguments(struct ts_buf *out, ts_view json, int depth)
{
    cJSON *v = ts_json_parse(json, NULL, NULL);
    if (v && !(cJSON_IsString(v) && !v->valuestring[0]))
        add_indented(out, v, depth);
    else
        ts_buf_add_str(out, "{}");
    cJSON_Delete(v);
}

/* ---- pieces ---- */

static void add_call(struct ts_buf *out, const struct ts_tool_call *call, bool with_id)
{
    ts_buf_add_str(out, "<tool_call>\n{\n  \"name\": ");
    add_text(out, call->name);
    ts_buf_add_str(out, ",\n  \"arguments\": ");
    add_arguments(out, call->arguments, 1);
    if (with_id) {
        ts_buf_add_str(out, ",\n  \"call_id\": ");
        add_text(out, call->id);
    }
    ts_buf_add_str(out, "\n}\n</tool_call>");
}

/* In a prompt calls stand in paragraphs and have ids, in a response in lines and without. */
static void add_calls(struct ts_buf *out, ts_view content, const struct ts_tool_call *calls,
                      size_t count, bool in_prompt)
{
    bool before = content.len > 0;
    ts_utf8_append_repaired(out, content);
    for (size_t i = 0; i < count; i++) {
        if (before)
            ts_buf_add_str(out, in_prompt ? "\n\n" : "\n");
        add_call(out, &calls[i], in_prompt);
        before = true;
    }
}

/* The name that an earlier call with this id had. */
static ts_view called_name(const struct ts_llm *llm, size_t before, ts_view id)
{
    enum { NEAR = 1000 }; /* messages: a result follows its call */
    for (size_t i = before > NEAR ? before - NEAR : 0; i < before; i++)
        for (size_t k = 0; k < llm->messages[i].tool_call_count; k++)
            if (id.len > 0 && ts_view_eq(llm->messages[i].tool_calls[k].id, id))
                return llm->messages[i].tool_calls[k].name;
    return TS_LIT("function");
}

static void add_tool_response(struct ts_buf *out, const struct ts_llm *llm, size_t i)
{
    const struct ts_message *m = &llm->messages[i];
    ts_buf_add_str(out, "<tool_response>\n{\n  \"name\": ");
    add_text(out, called_name(llm, i, m->tool_call_id));
    ts_buf_add_str(out, ",\n  \"call_id\": ");
    add_text(out, m->tool_call_id);
    ts_buf_add_str(out, ",\n  \"output\": ");
    add_text(out, m->content);
    ts_buf_add_str(out, "\n}\n</tool_response>");
}

static void add_tools(struct ts_buf *out, const struct ts_llm *llm, bool with_prefix)
{
    ts_buf_printf(out, "%s%s\n<tools>\n", with_prefix ? "System: " : "", tools_introduction);
    for (size_t i = 0; i < llm->tool_count; i++) {
        const struct ts_tool *t = &llm->tools[i];
        ts_buf_add_str(out, "{\"type\":\"function\",\"function\":{\"name\":");
        add_text(out, t->name);
        ts_buf_add_str(out, ",\"description\":");
        add_text(out, t->description);
        ts_buf_add_str(out, ",\"parameters\":");
        add_ascii(out, t->parameters.len ? t->parameters : TS_LIT("{}"));
        ts_buf_add_str(out, "}}\n");
    }
    ts_buf_printf(out, "</tools>\n\n%s\n\n", call_syntax);
}

static void add_prefix(struct ts_buf *out, const struct ts_message *m)
{
    static const char *const names[][2] = {
        {"system", "System"}, {"user", "User"}, {"assistant", "Assistant"}, {"tool", "Tool"}};
    if (m->name.len > 0 && !ts_view_is(m->role, "tool")) {
        size_t at = out->len;
        ts_utf8_append_repaired(out, m->name);
        for (size_t i = at; i < out->len; i++)
            out->ptr[i] = (uint8_t)(out->ptr[i] >= 0x80 ? out->ptr[i]
                                    : i == at           ? toupper(out->ptr[i])
                                                        : tolower(out->ptr[i]));
    } else {
        for (size_t i = 0; i < TS_COUNT(names); i++)
            if (ts_view_is(m->role, names[i][0]))
                ts_buf_add_str(out, names[i][1]);
    }
    ts_buf_add_str(out, ": ");
}

/* ---- the two strings ---- */

static bool is_system(const struct ts_llm *llm, size_t i)
{
    return i < llm->message_count && ts_view_is(llm->messages[i].role, "system");
}

static void add_message(struct ts_buf *out, const struct ts_llm *llm, size_t i)
{
    const struct ts_message *m = &llm->messages[i];
    bool follows_system = is_system(llm, i) && i > 0 && is_system(llm, i - 1);
    if (!follows_system)
        add_prefix(out, m);
    if (ts_view_is(m->role, "tool"))
        add_tool_response(out, llm, i);
    else
        add_calls(out, m->content, m->tool_calls, m->tool_call_count, true);
    ts_buf_add_str(out, "\n\n");
}

static ts_view finish(struct ts_arena *arena, struct ts_buf *out)
{
    ts_view text = ts_arena_copy(arena, ts_view_trim(ts_buf_view(out)));
    ts_buf_release(out);
    return text;
}

ts_view ts_flatten_prompt(struct ts_arena *arena, const struct ts_llm *llm)
{
    bool lone = llm->message_count == 1 && ts_view_is(llm->messages[0].role, "user");
    if (lone && llm->tool_count == 0)
        return ts_utf8_repair(arena, llm->messages[0].content);
    struct ts_buf out = TS_BUF_INIT;
    size_t i = 0;
    for (; is_system(llm, i); i++)
        add_message(&out, llm, i);
    if (llm->tool_count > 0)
        add_tools(&out, llm, i == 0);
    for (; i < llm->message_count; i++)
        add_message(&out, llm, i);
    ts_buf_add_str(&out, "Assistant:");
    return finish(arena, &out);
}

ts_view ts_flatten_response(struct ts_arena *arena, const struct ts_llm *llm)
{
    if (llm->tool_call_count == 0)
        return ts_utf8_repair(arena, llm->response);
    for (size_t i = 0; i < llm->tool_call_count; i++)
        if (is_undecodable(llm->tool_calls[i].arguments))
            return ts_utf8_repair(arena, llm->response);
    struct ts_buf out = TS_BUF_INIT;
    add_calls(&out, llm->response, llm->tool_calls, llm->tool_call_count, false);
    return finish(arena, &out);
}
