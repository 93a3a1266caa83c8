#include "llm/dialect/message_reader.h"

#include "llm/normal.h"

/* What one message comes to. */
struct pieces {
    struct ts_message_reader *s;
    struct ts_text text;
    struct ts_tool_call *calls;
    size_t call_count;
    struct ts_message *results;
    size_t result_count, room; /* of both lists */
};

static ts_view text_at(const cJSON *object, const char *key)
{
    return ts_json_text(ts_json_get(object, key));
}

/* The first of several names that holds something; null is nothing. */
static const cJSON *first_of(const cJSON *object, const char *const *names)
{
    const cJSON *found = NULL;
    for (; *names && (!found || cJSON_IsNull(found)); names++)
        found = ts_json_get(object, *names);
    return found;
}

/* An id may come as a list: its first string (§6.3 rule 6). */
static ts_view id_of(const cJSON *object, const char *const *names)
{
    const cJSON *id = first_of(object, names);
    return ts_json_text(cJSON_IsArray(id) ? cJSON_GetArrayItem(id, 0) : id);
}

static void add_text(struct pieces *p, ts_view text)
{
    struct ts_message_reader *s = p->s;
    ts_view marker = ts_media_marker(text);
    s->media = s->media || marker.len > 0;
    s->masked = s->masked || ts_is_mask(text);
    text = marker.len ? marker : text;
    ts_text_add(s->arena, &p->text, text, s->tight ? "" : "\n");
}

static void add_media(struct pieces *p, ts_view kind)
{
    static const char *const kinds[] = {"image", "audio", "video"};
    const char *marker = "[file]";
    for (size_t i = 0; i < TS_COUNT(kinds); i++)
        if (ts_view_find(kind, ts_view_str(kinds[i])) != SIZE_MAX)
            marker = i == 0 ? "[image]" : i == 1 ? "[audio]" : "[video]";
    p->s->media = true;
    add_text(p, ts_view_str(marker));
}

/* ---- calls and results ---- */

static void add_call(struct pieces *p, const cJSON *call)
{
    static const char *const ids[] = {"toolUseId", "toolCallId", "tool_call_id",
                                      "call_id",   "id",         NULL};
    static const char *const names[] = {"name", "toolName", "tool_name", NULL};
    static const char *const arguments[] = {"input", "args", "arguments", NULL};
    const cJSON *function = ts_json_get(call, "function");
    const cJSON *body = cJSON_IsObject(function) ? function : call;
    struct ts_tool_call one = {id_of(call, ids), ts_json_text(first_of(body, names)),
                               ts_arguments_of_json(p->s->arena, first_of(body, arguments))};
    if (one.name.len > 0 || one.id.len > 0)
        ts_add_tool_call(p->calls, &p->call_count, one);
}

static ts_view result_text(struct ts_arena *arena, const cJSON *content);

/* {"text"}, {"type":"text","text"}, {"json"}, {"type":"json","value"} … */
static ts_view block_text(struct ts_arena *arena, const cJSON *block)
{
    static const char *const names[] = {"text", "value", "json", NULL};
    const cJSON *inner = cJSON_IsObject(block) ? first_of(block, names) : block;
    if (!inner)
        return ts_json_print(arena, block);
    return cJSON_IsString(inner) ? ts_json_text(inner) : ts_json_print(arena, inner);
}

static bool is_text_block(const cJSON *block)
{
    return cJSON_IsObject(block) &&
           (cJSON_IsString(ts_json_get(block, "text")) || ts_json_get(block, "json"));
}

/* §2.2: a string as it is, text blocks joined, any other JSON without spaces. */
static ts_view result_text(struct ts_arena *arena, const cJSON *content)
{
    ts_view type = text_at(content, "type");
    bool wrapped = cJSON_IsObject(content) && type.len > 0 && ts_json_get(content, "value");
    if (!content || cJSON_IsNull(content))
        return TS_NOTHING;
    if (cJSON_IsString(content))
        return ts_json_text(content);
    if (wrapped)
        return block_text(arena, content);
    if (!cJSON_IsArray(content) || !is_text_block(content->child))
        return ts_json_print(arena, content);
    struct ts_text text = {0};
    const cJSON *block;
    cJSON_ArrayForEach(block, content) ts_text_add(arena, &text, block_text(arena, block), "\n");
    return text.view;
}

static void add_result(struct pieces *p, const cJSON *result)
{
    static const char *const ids[] = {"tool_use_id",  "toolUseId", "toolCallId", "call_id",
                                      "tool_call_id", "id",        NULL};
    static const char *const contents[] = {"content", "response", "result", "output", NULL};
    static const char *const names[] = {"toolName", "name", "tool_name", NULL};
    const cJSON *origin = ts_json_get(result, "origin"); /* Haystack */
    struct ts_message *m = &p->results[p->result_count++];
    *m = (struct ts_message){.role = TS_LIT("tool"),
                             .content = result_text(p->s->arena, first_of(result, contents)),
                             .tool_call_id = id_of(origin ? origin : result, ids),
                             .name = ts_json_text(first_of(origin ? origin : result, names))};
    p->s->masked = p->s->masked || ts_is_mask(m->content);
}

/* ---- parts ---- */

enum part_kind {
    PART_UNKNOWN,
    PART_TEXT,
    PART_CALL,
    PART_RESULT,
    PART_MEDIA,
    PART_DOCUMENT,
    PART_DROPPED
};

static const struct {
    const char *type;
    enum part_kind kind;
} part_types[] = {
    {"text", PART_TEXT},
    {"input_text", PART_TEXT},
    {"output_text", PART_TEXT},
    {"refusal", PART_TEXT},
    {"tool_use", PART_CALL},
    {"tool-call", PART_CALL},
    {"tool_call", PART_CALL},
    {"function_call", PART_CALL},
    {"function", PART_CALL},
    {"tool_result", PART_RESULT},
    {"tool-result", PART_RESULT},
    {"tool_call_response", PART_RESULT},
    {"function_call_output", PART_RESULT},
    {"document", PART_DOCUMENT},
    {"search_result", PART_DOCUMENT},
    {"reasoning", PART_DROPPED},
    {"thinking", PART_DROPPED},
    {"redacted_thinking", PART_DROPPED},
    {"compaction", PART_DROPPED},
    {"server_tool_call", PART_DROPPED},
    {"server_tool_call_response", PART_DROPPED},
    {"image", PART_MEDIA},
    {"image_url", PART_MEDIA},
    {"image-url", PART_MEDIA},
    {"input_image", PART_MEDIA},
    {"input_audio", PART_MEDIA},
    {"audio", PART_MEDIA},
    {"audio-url", PART_MEDIA},
    {"video", PART_MEDIA},
    {"video_url", PART_MEDIA},
    {"video-url", PART_MEDIA},
    {"file", PART_MEDIA},
    {"input_file", PART_MEDIA},
    {"file_data", PART_MEDIA},
    {"blob", PART_MEDIA},
    {"uri", PART_MEDIA},
    {"binary", PART_MEDIA},
    {"media", PART_MEDIA},
};

/* Parts without a type, known by a key (§5.1: Bedrock, Gemini, Haystack). */
static const struct {
    const char *key;
    enum part_kind kind;
} part_keys[] = {
    {"toolUse", PART_CALL},
    {"functionCall", PART_CALL},
    {"function_call", PART_CALL},
    {"tool_call", PART_CALL},
    {"toolResult", PART_RESULT},
    {"functionResponse", PART_RESULT},
    {"function_response", PART_RESULT},
    {"tool_call_result", PART_RESULT},
    {"reasoningContent", PART_DROPPED},
    {"reasoning", PART_DROPPED},
    {"inlineData", PART_MEDIA},
    {"inline_data", PART_MEDIA},
    {"fileData", PART_MEDIA},
    {"file_data", PART_MEDIA},
    {"image", PART_MEDIA},
    {"video", PART_MEDIA},
    {"document", PART_MEDIA},
};

static ts_view media_kind(const cJSON *part, ts_view type)
{
    static const char *const names[] = {"modality",   "mime_type", "mimeType",
                                        "media_type", "mediaType", NULL};
    ts_view kind = ts_json_text(first_of(part, names));
    bool plain = ts_view_is(type, "file") || ts_view_is(type, "blob") || ts_view_is(type, "uri") ||
                 ts_view_is(type, "binary") || ts_view_is(type, "file_data") ||
                 ts_view_is(type, "media") || type.len == 0;
    return plain ? kind : type;
}

/* A document given as text is text (§2.2), and context (§12.3). */
static void add_document(struct pieces *p, const cJSON *part)
{
    struct ts_message_reader *s = p->s;
    const cJSON *source = ts_json_get(part, "source");
    bool given = ts_view_is(text_at(source, "type"), "text");
    ts_view text =
        given ? text_at(source, "data") : result_text(s->arena, ts_json_get(part, "content"));
    if (text.len == 0) {
        add_media(p, TS_LIT("file"));
        return;
    }
    add_text(p, text);
    if (s->document_count < TS_COUNT(s->documents))
        s->documents[s->document_count++] = (struct ts_document){
            .content = text, .id = text_at(part, "title"), .source = TS_LIT("prompt")};
}

static void add_text_part(struct pieces *p, const cJSON *part, ts_view type)
{
    static const char *const names[] = {"text", "content", "refusal", NULL};
    const cJSON *text = first_of(part, names);
    if (cJSON_IsObject(text)) /* Azure's agents: {"text":{"value":…}} */
        text = ts_json_get(text, "value");
    if (cJSON_IsString(text))
        add_text(p, ts_json_text(text));
    else if (ts_view_is(type, "text"))
        p->s->withheld = true; /* §6.3 rule 2 */
}

static void add_kind(struct pieces *p, enum part_kind kind, const cJSON *part, ts_view type)
{
    switch (kind) {
    case PART_TEXT:
        add_text_part(p, part, type);
        break;
    case PART_CALL:
        add_call(p, part);
        break;
    case PART_RESULT:
        add_result(p, part);
        break;
    case PART_MEDIA:
        add_media(p, media_kind(part, type));
        break;
    case PART_DOCUMENT:
        add_document(p, part);
        break;
    default:
        break;
    }
}

static void add_part(struct pieces *p, const cJSON *part)
{
    ts_view type = text_at(part, "type");
    if (type.len == 0)
        type = text_at(part, "kind"); /* Logfire, format 1 */
    if (cJSON_IsString(part)) {
        add_text(p, ts_json_text(part));
        return;
    }
    if (ts_json_true(ts_json_get(part, "thought")))
        return;
    for (size_t i = 0; i < TS_COUNT(part_types); i++)
        if (ts_view_is(type, part_types[i].type)) {
            add_kind(p, part_types[i].kind, part, type);
            return;
        }
    for (size_t i = 0; type.len == 0 && i < TS_COUNT(part_keys); i++) {
        const cJSON *inner = ts_json_get(part, part_keys[i].key);
        if (!inner)
            continue;
        ts_view named = ts_view_str(part_keys[i].key);
        add_kind(p, part_keys[i].kind, inner,
                 ts_view_is(named, "image") || ts_view_is(named, "video") ? named : TS_NOTHING);
        return;
    }
    if (ts_json_get(part, "text") ||
        (type.len == 0 && cJSON_IsString(ts_json_get(part, "content"))))
        add_text_part(p, part, TS_NOTHING);
    else if (p->s->unread.len == 0)
        p->s->unread = type.len > 0 ? type : TS_LIT("unknown");
}

/* ---- messages ---- */

static struct ts_message *push(struct ts_message_reader *s)
{
    s->messages = ts_arena_more(s->arena, s->messages, s->count, &s->room, sizeof *s->messages);
    s->messages[s->count] = (struct ts_message){0};
    return &s->messages[s->count++];
}

void ts_read_text(struct ts_message_reader *s, const char *role, ts_view text)
{
    struct ts_message *m = push(s);
    m->role = ts_view_str(role);
    m->content = text;
    s->masked = s->masked || ts_is_mask(text);
}

static bool is_block(const cJSON *part)
{
    ts_view type = text_at(part, "type");
    for (size_t i = 0; i < TS_COUNT(part_types); i++)
        if (ts_view_is(type, part_types[i].type))
            return true;
    for (size_t i = 0; type.len == 0 && i < TS_COUNT(part_keys); i++)
        if (ts_json_get(part, part_keys[i].key))
            return true;
    return cJSON_IsString(ts_json_get(part, "text"));
}

/* Blocks and nothing else: a user may write a list, too. */
static bool is_block_list(const cJSON *list)
{
    const cJSON *part;
    if (!cJSON_IsArray(list) || !list->child)
        return false;
    cJSON_ArrayForEach(part, list) if (!is_block(part)) return false;
    return true;
}

/* The content, wherever it is. A JSON text of a list of blocks is that list. */
static const cJSON *content_of(struct ts_message_reader *s, const cJSON *message)
{
    static const char *const names[] = {"parts", "content", "text", NULL};
    const cJSON *content = first_of(message, names);
    ts_view text = ts_view_trim(ts_json_text(content));
    if (!s->literal && text.len > 2 && text.ptr[0] == '[') {
        const cJSON *blocks = ts_parse_value(s->arena, text);
        if (is_block_list(blocks))
            return blocks;
    }
    return content;
}

static void read_pieces(struct pieces *p, const cJSON *message)
{
    const cJSON *content = content_of(p->s, message);
    const cJSON *calls = ts_json_get(message, "tool_calls");
    const cJSON *old = ts_json_get(message, "function_call");
    const cJSON *item;
    p->room = (size_t)cJSON_GetArraySize(content) + (size_t)cJSON_GetArraySize(calls) + 2;
    p->calls = ts_arena_alloc(p->s->arena, p->room * sizeof *p->calls);
    p->results = ts_arena_alloc(p->s->arena, p->room * sizeof *p->results);
    if (cJSON_IsString(content))
        add_text(p, ts_json_text(content));
    else if (cJSON_IsObject(content))
        add_part(p, content);
    else if (cJSON_IsArray(content))
        cJSON_ArrayForEach(item, content) add_part(p, item);
    if (cJSON_IsArray(calls))
        cJSON_ArrayForEach(item, calls) add_call(p, item);
    if (cJSON_IsObject(old) && p->call_count == 0)
        add_call(p, old);
    if (p->text.view.len == 0 && cJSON_IsString(ts_json_get(message, "refusal")))
        add_text(p, text_at(message, "refusal"));
}

void ts_read_message(struct ts_message_reader *s, ts_view role, const cJSON *message)
{
    static const char *const ids[] = {"tool_call_id", "toolCallId", NULL};
    struct pieces p = {.s = s};
    ts_view recorded = text_at(message, "role");
    read_pieces(&p, message);
    if (text_at(message, "finish_reason").len > 0)
        s->finish = text_at(message, "finish_reason");
    for (size_t i = 0; i < p.result_count; i++)
        *push(s) = p.results[i];
    if (p.result_count > 0 && p.text.view.len == 0 && p.call_count == 0)
        return;
    struct ts_message *m = push(s);
    m->role = ts_normal_role(recorded.len ? recorded : role);
    m->name = text_at(message, "name");
    if (m->name.len == 0)
        m->name = ts_own_role(recorded.len ? recorded : role);
    if (p.result_count > 0 && ts_view_is(m->role, "tool"))
        m->role = TS_LIT("user"); /* the text beside the results */
    m->content = p.text.view;
    m->tool_calls = p.calls;
    m->tool_call_count = p.call_count;
    m->tool_call_id = id_of(message, ids);
    if (m->tool_call_id.len == 0 && ts_view_is(m->role, "tool"))
        m->tool_call_id = text_at(message, "id");
    if (m->tool_call_id.len > 0 && ts_view_is(m->role, "user"))
        m->role = TS_LIT("tool");
}

void ts_read_reply(struct ts_message_reader *s, const cJSON *message)
{
    size_t before = s->count;
    ts_read_message(s, TS_LIT("assistant"), message);
    struct ts_message last = s->messages[s->count - 1];
    s->messages[before] =
        ts_view_is(last.role, "tool") ? (struct ts_message){.role = last.role} : last;
    s->count = before + 1;
}

void ts_read_messages(struct ts_message_reader *s, const cJSON *list)
{
    const cJSON *item;
    if (cJSON_IsArray(list))
        cJSON_ArrayForEach(item, list)
        {
            if (cJSON_IsString(item))
                ts_read_text(s, "user", ts_json_text(item));
            else if (cJSON_IsObject(item))
                ts_read_message(s, TS_LIT("user"), item);
        }
}

/* ---- sides ---- */

void ts_messages_as_prompt(const struct ts_message_reader *s, struct ts_prompt_side *out)
{
    out->messages = s->messages;
    out->count = s->count;
    out->media = s->media;
    out->masked = s->masked;
    out->withheld = s->withheld;
}

void ts_messages_documents(const struct ts_message_reader *s, struct ts_payload_request *out)
{
    out->documents = ts_arena_alloc(s->arena, (s->document_count + 1) * sizeof *out->documents);
    memcpy(out->documents, s->documents, s->document_count * sizeof *out->documents);
    out->document_count = s->document_count;
}

void ts_messages_as_response(const struct ts_message_reader *s, struct ts_response_side *out)
{
    struct ts_text text = {0};
    size_t calls = 0;
    for (size_t i = 0; i < s->count; i++)
        calls += s->messages[i].tool_call_count;
    out->tool_calls = calls ? ts_arena_alloc(s->arena, calls * sizeof *out->tool_calls) : NULL;
    for (size_t i = 0; i < s->count; i++) {
        const struct ts_message *m = &s->messages[i];
        if (ts_view_is(m->role, "tool"))
            continue;
        ts_text_add(s->arena, &text, m->content, s->pieces ? "" : "\n");
        for (size_t k = 0; k < m->tool_call_count; k++)
            ts_add_tool_call(out->tool_calls, &out->tool_call_count, m->tool_calls[k]);
    }
    out->text = text.view;
    out->found = out->text.len > 0 || out->tool_call_count > 0;
    out->media = s->media;
    out->masked = s->masked;
    out->withheld = s->withheld;
    out->finish_raw = s->finish;
}

void ts_messages_as_choices(const struct ts_message_reader *s, const ts_view *finish,
                            struct ts_response_side *out)
{
    if (s->count == 0)
        return;
    out->choices = ts_arena_alloc(s->arena, s->count * sizeof *out->choices);
    for (size_t i = 0; i < s->count; i++)
        out->choices[out->choice_count++] =
            (struct ts_choice){s->messages[i].content, s->messages[i].tool_calls,
                               s->messages[i].tool_call_count, finish ? finish[i] : TS_NOTHING};
    out->text = out->choices[0].response;
    out->tool_calls = out->choices[0].tool_calls;
    out->tool_call_count = out->choices[0].tool_call_count;
    out->finish_raw = out->choices[0].finish_reason;
    out->found = out->text.len > 0 || out->tool_call_count > 0;
    out->media = s->media;
    out->masked = s->masked;
    out->withheld = s->withheld;
    if (s->count == 1) {
        out->choices = NULL;
        out->choice_count = 0;
    }
}
