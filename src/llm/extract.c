/* extract.c - one span into one record: read the sources, pick the sides, say what is odd.
 * Precedence: dialects §9.1; special cases: §11; skip reasons: §1. */
#include "llm/extract.h"

#include "llm/dialect/dialect.h"
#include "llm/documents.h"
#include "llm/meta.h"
#include "llm/normal.h"
#include "base/utf8.h"

#include <stdio.h>

/* What the span says beside its attributes. */
struct facts {
    bool error_status;
    bool external; /* gen_ai.*_ref */
};

/* ---- the span itself ---- */

static void read_event(struct ts_reader *r, ts_view event)
{
    struct ts_cursor c = ts_cursor_of(event);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != TS_EVENT_NAME || f.wire != TS_WIRE_LEN)
            continue;
        for (size_t i = 0; ts_dialects[i]; i++)
            if (ts_dialects[i]->stream_event && ts_fits(f.bytes, ts_dialects[i]->stream_event))
                r->streaming = true;
    }
}

static bool status_is_error(ts_view status)
{
    struct ts_cursor c = ts_cursor_of(status);
    struct ts_field f;
    bool error = false;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_STATUS_CODE)
            error = f.value == TS_STATUS_CODE_ERROR;
    return error;
}

static void read_span(struct ts_reader *r, struct facts *facts, struct ts_llm *out)
{
    struct ts_cursor c = ts_cursor_of(r->span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        switch (f.number) {
        case TS_SPAN_TRACE_ID:
            out->trace_id = f.bytes;
            break;
        case TS_SPAN_SPAN_ID:
            out->span_id = f.bytes;
            break;
        case TS_SPAN_PARENT_ID:
            out->parent_id = f.bytes;
            break;
        case TS_SPAN_START:
            out->start_ns = (int64_t)f.value;
            break;
        case TS_SPAN_END:
            out->end_ns = (int64_t)f.value;
            break;
        case TS_SPAN_DROPPED_ATTRIBUTES:
            r->dropped_attributes = (int64_t)f.value;
            break;
        case TS_SPAN_EVENTS:
            read_event(r, f.bytes);
            break;
        case TS_SPAN_STATUS:
            facts->error_status = status_is_error(f.bytes);
            break;
        default:
            break;
        }
    }
}

static void read_around(struct ts_arena *arena, ts_view resource, ts_view scope, struct ts_llm *out)
{
    struct ts_cursor c = ts_cursor_of(scope);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_SCOPE_NAME && f.wire == TS_WIRE_LEN)
            out->scope = f.bytes;
    struct ts_attrs attrs;
    ts_attrs_read(arena, resource, TS_RESOURCE_ATTRIBUTES, &attrs);
    out->service = ts_attrs_text(&attrs, "service.name");
}

/* Streaming evidence in attributes (§11.1); raw requests are asked later. */
static bool says_streaming(struct ts_reader *r)
{
    size_t count;
    const struct ts_meta_key *const *flags = ts_meta_keys(TS_META_STREAMING, &count);
    for (size_t i = 0; i < count; i++)
        if (ts_any_true(ts_attrs_get(&r->attrs, flags[i]->key)))
            return true;
    const struct ts_meta_key *const *times = ts_meta_keys(TS_META_FIRST_TOKEN, &count);
    for (size_t i = 0; i < count; i++)
        if (ts_attrs_get(&r->attrs, times[i]->key))
            return true;
    for (size_t i = 0; ts_dialects[i]; i++)
        if (ts_dialects[i]->is_streaming && ts_dialects[i]->is_streaming(r))
            return true;
    if (ts_json_true(ts_parameter(r, "stream")))
        return true;
    const struct ts_payload_request *request = ts_meta_raw_request(r, "\"stream\"");
    return request && request->stream;
}

/* §11.8 (a): a JSON value that ends before it closes tells at how many characters values are cut.
 * What ends with the bracket that it began with is taken as whole without a closer look. */
static size_t cut_length(const struct ts_attrs *attrs)
{
    for (size_t i = 0; i < attrs->count; i++) {
        if (attrs->items[i].value.type != TS_ANY_STRING)
            continue;
        ts_view t = attrs->items[i].value.bytes;
        if (t.len < 2 || (t.ptr[0] != '{' && t.ptr[0] != '['))
            continue;
        if (t.ptr[t.len - 1] == (t.ptr[0] == '{' ? '}' : ']'))
            continue;
        if (ts_json_is_cut(t))
            return ts_utf8_length(t);
    }
    return 0;
}

static bool has_reference(const struct ts_attrs *attrs)
{
    for (size_t i = 0; i < attrs->count; i++)
        if (ts_view_starts(attrs->items[i].key, TS_LIT("gen_ai.")) &&
            ts_view_ends(attrs->items[i].key, TS_LIT("_ref")))
            return true;
    return false;
}

/* ---- picking sides ---- */

struct sources {
    struct ts_source items[TS_DIALECT_COUNT];
    size_t count;
};

static bool has_content(const struct ts_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (messages[i].content.len > 0 || messages[i].tool_call_count > 0)
            return true;
    return false;
}

static bool prompt_whole(const struct ts_prompt_side *p)
{
    return has_content(p->messages, p->count) && !p->cut && !p->damaged;
}

static bool response_whole(const struct ts_response_side *s)
{
    return s->found && !s->cut;
}

/* Reads sources until one has both sides whole: what comes later could not win. */
static void read_sources(struct ts_reader *r, struct sources *out)
{
    out->count = 0;
    for (size_t i = 0; ts_dialects[i]; i++) {
        struct ts_source *s = &out->items[out->count++];
        *s = (struct ts_source){0};
        ts_dialects[i]->read(r, s);
        if (prompt_whole(&s->prompt) && response_whole(&s->response))
            return;
    }
}

static int pick_prompt(const struct sources *s)
{
    int damaged = -1;
    int cut = -1;
    int empty = -1;
    for (int i = 0; i < (int)s->count; i++) {
        const struct ts_prompt_side *p = &s->items[i].prompt;
        if (prompt_whole(p))
            return i;
        if (damaged < 0 && has_content(p->messages, p->count) && !p->cut)
            damaged = i;
        if (empty < 0 && (p->count > 0 || p->withheld))
            empty = i;
        if (cut < 0 && p->cut)
            cut = i;
    }
    return damaged >= 0 ? damaged : cut >= 0 ? cut : empty;
}

static int pick_response(const struct sources *s, int prompt)
{
    int cut = -1;
    int withheld = -1;
    if (prompt >= 0 && response_whole(&s->items[prompt].response))
        return prompt;
    for (int i = 0; i < (int)s->count; i++) {
        if (response_whole(&s->items[i].response))
            return i;
        if (cut < 0 && s->items[i].response.cut)
            cut = i;
        if (withheld < 0 && s->items[i].response.withheld)
            withheld = i;
    }
    return cut >= 0 ? cut : withheld;
}

static bool masked(struct ts_reader *r, const struct sources *s, bool prompt)
{
    for (size_t i = 0; i < s->count; i++)
        if (prompt ? s->items[i].prompt.masked : s->items[i].response.masked)
            return true;
    return ts_is_mask(ts_attrs_text(&r->attrs, prompt ? "input.value" : "output.value"));
}

static void take_prompt(const struct ts_prompt_side *p, struct ts_llm *out)
{
    out->messages = p->messages;
    out->message_count = p->count;
    if (p->media)
        out->flags |= TS_FLAG_MULTIMODAL;
    if (p->damaged || p->incomplete)
        out->flags |= TS_FLAG_PROMPT_INCOMPLETE;
    if (p->cut)
        out->truncated |= TS_CUT_PROMPT;
}

static void take_response(struct ts_reader *r, const struct ts_response_side *s, struct ts_llm *out)
{
    out->response = s->text;
    out->tool_calls = s->tool_calls;
    out->tool_call_count = s->tool_call_count;
    out->choices = s->choices;
    out->choice_count = s->choice_count;
    for (size_t i = 0; i < out->choice_count; i++)
        out->choices[i].finish_reason = ts_normal_finish(r->arena, out->choices[i].finish_reason);
    if (s->media)
        out->flags |= TS_FLAG_MULTIMODAL;
    if (s->structured)
        out->flags |= TS_FLAG_STRUCTURED_OUTPUT;
    if (s->choice_count > 1)
        out->flags |= TS_FLAG_MULTIPLE_CHOICES;
    if (s->cut)
        out->truncated |= TS_CUT_RESPONSE;
}

/* ---- flags and skip reason ---- */

static bool answers_by_tool(struct ts_reader *r, const struct ts_llm *llm)
{
    for (size_t i = 0; ts_dialects[i]; i++)
        if (ts_dialects[i]->answers_by_tool && ts_dialects[i]->answers_by_tool(r, llm))
            return true;
    return false;
}

/* Nothing but markers such as [image], a line each. */
static bool only_markers(ts_view text)
{
    static const char *const markers[] = {"[image]", "[audio]", "[video]", "[file]"};
    while (text.len > 0) {
        size_t end = ts_view_find(text, TS_LIT("\n"));
        ts_view line = ts_view_cut(text, 0, end);
        bool marker = false;
        for (size_t i = 0; i < TS_COUNT(markers); i++)
            marker = marker || ts_view_is(line, markers[i]);
        if (!marker)
            return false;
        text = end == SIZE_MAX ? TS_NOTHING : ts_view_from(text, end + 1);
    }
    return true;
}

static void set_flags(struct ts_reader *r, struct ts_llm *out)
{
    bool any_text = !only_markers(out->response);
    if (r->streaming)
        out->flags |= TS_FLAG_STREAMING;
    if (ts_view_is(out->finish_reason, "length"))
        out->flags |= TS_FLAG_LENGTH_LIMITED;
    if (r->streaming && any_text && out->finish_reason.len == 0)
        out->flags |= TS_FLAG_PARTIAL_RESPONSE;
    if (answers_by_tool(r, out) || out->format_type == TS_FORMAT_JSON_OBJECT ||
        out->format_type == TS_FORMAT_JSON_SCHEMA)
        out->flags |= TS_FLAG_STRUCTURED_OUTPUT;
    if (!any_text && out->tool_call_count > 0)
        out->flags |= TS_FLAG_TOOL_CALL_ONLY;
    const struct ts_payload_request *request = NULL;
    static const char *const held[] = {"\"previous_response_id\"", "\"conversation\""};
    const cJSON *conversation = ts_parameter(r, "conversation");
    bool incomplete = ts_attrs_text(&r->attrs, "gen_ai.request.previous_response.id").len > 0 ||
                      ts_json_text(ts_parameter(r, "previous_response_id")).len > 0 ||
                      (conversation && !cJSON_IsNull(conversation));
    for (size_t i = 0; i < TS_COUNT(held) && !request; i++)
        request = ts_meta_raw_request(r, held[i]);
    if (incomplete ||
        (request && request->prompt.incomplete)) /* the server held the rest (§11.13) */
        out->flags |= TS_FLAG_PROMPT_INCOMPLETE;
}

static bool says_failed(const struct ts_reader *r)
{
    for (size_t i = 0; ts_dialects[i]; i++)
        if (ts_dialects[i]->has_failed && ts_dialects[i]->has_failed(r))
            return true;
    return false;
}

static bool prompt_has_media(const struct sources *s, int prompt)
{
    return prompt >= 0 && s->items[prompt].prompt.media;
}

static enum ts_skip skip_reason(struct ts_reader *r, const struct facts *facts,
                                const struct sources *s, int prompt, int response,
                                const struct ts_llm *llm)
{
    bool no_answer = llm->response.len == 0 && llm->tool_call_count == 0;
    bool no_prompt = !has_content(llm->messages, llm->message_count);
    bool error_type = ts_attrs_text(&r->attrs, "error.type").len > 0;
    bool withheld = (prompt >= 0 && s->items[prompt].prompt.withheld) ||
                    (response >= 0 && s->items[response].response.withheld);
    if (facts->error_status || says_failed(r) ||
        (llm->response.len == 0 && (ts_view_is(llm->finish_reason, "error") || error_type)))
        return TS_SKIP_ERROR;
    if (llm->redacted)
        return TS_SKIP_REDACTED;
    if (no_answer && no_prompt && facts->external)
        return TS_SKIP_CONTENT_EXTERNAL;
    if (withheld || (no_answer && no_prompt && llm->truncated == TS_WHOLE))
        return TS_SKIP_CONTENT_DISABLED;
    if (llm->truncated != TS_WHOLE)
        return TS_SKIP_TRUNCATED;
    if (ts_view_is(llm->finish_reason, "content_filter") &&
        (no_answer || ts_view_is(ts_view_trim(llm->response), "FILTERED")))
        return TS_SKIP_BLOCKED;
    if (no_answer)
        return TS_SKIP_NO_RESPONSE;
    if (no_prompt)
        return TS_SKIP_NO_PROMPT;
    if (llm->tool_call_count == 0 && only_markers(llm->response))
        return TS_SKIP_NON_TEXT_RESPONSE;
    if (prompt_has_media(s, prompt))
        return TS_SKIP_MULTIMODAL_PROMPT;
    return TS_SKIP_NONE;
}

/* ---- all of it ---- */

/* §11.7: a choice that does not say why it ended has its entry in the span's list. */
static void finish_choices(struct ts_reader *r, struct ts_llm *out)
{
    const struct ts_any *list = ts_attrs_get(&r->attrs, "gen_ai.response.finish_reasons");
    if (out->choice_count > 0)
        out->choices[0].finish_reason = out->finish_reason;
    if (!list || list->type != TS_ANY_ARRAY)
        return;
    struct ts_cursor items = ts_cursor_of(list->bytes);
    struct ts_any word;
    for (size_t i = 0; i < out->choice_count && ts_any_next(&items, &word); i++)
        if (out->choices[i].finish_reason.len == 0)
            out->choices[i].finish_reason = ts_normal_finish(r->arena, ts_any_text(&word));
}

/* One of our own, where the judge's server is traced through us: who calls is in the user, or in the
 * parameters or the request as recorded. */
static bool is_own_call(struct ts_reader *r, const struct ts_llm *llm)
{
    ts_view request = ts_attrs_text(&r->attrs, "input.value");
    bool mentioned = ts_view_find(request, TS_LIT("\"" TS_OWN_USER "\"")) != SIZE_MAX;
    const cJSON *raw = mentioned ? ts_raw_tree(r, &r->input, "input.value") : NULL;
    return ts_view_is(llm->user_id, TS_OWN_USER) ||
           ts_view_is(ts_json_text(ts_parameter(r, "user")), TS_OWN_USER) ||
           ts_view_is(ts_json_text(ts_json_get(raw, "user")), TS_OWN_USER);
}

static void extract_llm(struct ts_reader *r, const struct facts *facts, struct ts_llm *out)
{
    struct sources s;
    r->cut_length = cut_length(&r->attrs);
    read_sources(r, &s);
    int prompt = pick_prompt(&s);
    int response = pick_response(&s, prompt);
    bool prompt_masked = masked(r, &s, true);
    bool response_masked = masked(r, &s, false);
    out->redacted = prompt_masked || response_masked;
    out->prompt_dialect = prompt >= 0 && !prompt_masked ? ts_dialects[prompt]->name : NULL;
    if (prompt >= 0 && !prompt_masked)
        take_prompt(&s.items[prompt].prompt, out);
    if (response >= 0 && !response_masked)
        take_response(r, &s.items[response].response, out);
    int winner = response >= 0 && !response_masked ? response : prompt_masked ? -1 : prompt;
    out->dialect = winner >= 0 ? ts_dialects[winner]->name : NULL;
    r->streaming = r->streaming || says_streaming(r);
    int told =
        response >= 0 ? response : prompt; /* a call may tell why it ended and nothing else */
    ts_meta_read(r, told >= 0 ? s.items[told].response.finish_raw : TS_NOTHING, out);
    finish_choices(r, out);
    ts_documents_of_call(r, out);
    set_flags(r, out);
    out->skip = skip_reason(r, facts, &s, prompt, response, out);
    if (is_own_call(r, out))
        ts_llm_be_judge(out);
}

void ts_llm_extract_kinds(struct ts_arena *arena, ts_view resource, ts_view scope, ts_view span,
                          unsigned kinds, struct ts_llm *out)
{
    struct ts_reader r = {.arena = arena, .span = span};
    struct facts facts = {0};
    *out = (struct ts_llm){.kind = ts_span_kind(span), .usage = {-1, -1, -1, -1, -1, -1}};
    read_span(&r, &facts, out);
    read_around(arena, resource, scope, out);
    ts_attrs_read(arena, span, TS_SPAN_ATTRIBUTES, &r.attrs);
    if (out->kind == TS_KIND_LLM || kinds & 1U << out->kind) {
        facts.external = has_reference(&r.attrs);
        extract_llm(&r, &facts, out);
        return;
    }
    out->skip = out->kind == TS_KIND_PLACEHOLDER ? TS_SKIP_PLACEHOLDER : TS_SKIP_NOT_LLM;
    if (out->kind == TS_KIND_RETRIEVER || out->kind == TS_KIND_RERANKER)
        ts_documents_read(&r, out);
}

void ts_llm_extract(struct ts_arena *arena, ts_view resource, ts_view scope, ts_view span,
                    struct ts_llm *out)
{
    ts_llm_extract_kinds(arena, resource, scope, span, 0, out);
}
