#include "tlm/request.h"

#include "tlm/calls.h"
#include "tlm/prompt.h"
#include "tlm/structured.h"
#include "tlm/templates.h"

#include <math.h>
#include <stdio.h>

static bool is_reference(const struct ts_tlm *tlm)
{
    return tlm->options->compat == TS_TLM_REFERENCE;
}

/* §3.5: maximum explanation words by reasoning effort. */
static int words_of(const struct ts_tlm *tlm)
{
    static const int words[] = {0, 50, 125, 375};
    return words[tlm->resolved.effort];
}

/* ---- texts (§4) ---- */

/* The prompt as a model has to see it to answer: with what was retrieved for it. */
static void add_prompt(const struct ts_tlm *tlm, ts_view prompt, struct ts_buf *out)
{
    ts_view unseen = tlm->input->unseen;
    if (unseen.len > 0 && !is_reference(tlm)) {
        ts_buf_add_str(out, "Context:\n");
        ts_buf_add_view(out, unseen);
        ts_buf_add_str(out, "\n\n");
    }
    ts_buf_add_view(out, prompt);
}

/* The conversation as a reflection shows it (§4.1). */
static void request_text(const struct ts_tlm *tlm, struct ts_buf *out)
{
    const struct ts_tlm_input *in = tlm->input;
    if (in->request.len > 0) {
        ts_buf_add_view(out, in->request);
    } else {
        ts_buf_add_str(out, "Input Messages:\n");
        for (size_t i = 0; i < in->message_count; i++) {
            ts_buf_add_view(out, in->messages[i].role);
            ts_buf_add_str(out, ": ");
            ts_buf_add_view(out, in->messages[i].content);
            ts_buf_add_byte(out, '\n');
        }
    }
    if (in->structured && in->schema.len > 0) {
        ts_buf_add_str(out,
                       "\n\n## Response format\n\nThe response has to keep this JSON schema:\n\n"
                       "<json_schema>\n");
        ts_buf_add_view(out, in->schema); /* JSON, where the reference shows a dict (D25) */
        ts_buf_add_str(out, "\n</json_schema>");
    }
}

static struct ts_prompt_value value(const struct ts_tlm *tlm, const char *name, ts_view text)
{
    return (struct ts_prompt_value){name, text, is_reference(tlm)};
}

static void reflection_text(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                            struct ts_buf *out)
{
    struct ts_buf request = TS_BUF_INIT;
    request_text(tlm, &request);
    const struct ts_prompt_value values[] = {value(tlm, "request", ts_buf_view(&request)),
                                             value(tlm, "response", tlm->input->response),
                                             {0}};
    ts_prompt_render(call->template->name, values, words_of(tlm), out);
    ts_buf_release(&request);
}

/* One input of an evaluation. No text may close the tag of another. */
static void add_input(const struct ts_tlm *tlm, const struct ts_tlm_eval *e, ts_view id,
                      const char *what, ts_view text, struct ts_buf *sentences,
                      struct ts_buf *blocks)
{
    const ts_view ids[] = {e->query_id, e->context_id, e->response_id};
    if (id.len == 0)
        return;
    ts_buf_printf(sentences, "The " TS_FMT " is %s.\n", TS_ARG(id), what);
    ts_buf_printf(blocks, "\n<" TS_FMT ">\n", TS_ARG(id));
    if (is_reference(tlm))
        ts_buf_add_view(blocks, text);
    else
        ts_prompt_add_safe(blocks, text, ids, TS_COUNT(ids));
    ts_buf_printf(blocks, "\n</" TS_FMT ">\n", TS_ARG(id));
}

static void eval_text(const struct ts_tlm *tlm, const struct ts_tlm_call *call, struct ts_buf *out)
{
    const struct ts_tlm_eval *e = call->eval;
    struct ts_buf inputs = TS_BUF_INIT;
    struct ts_buf blocks = TS_BUF_INIT;
    add_input(tlm, e, e->query_id, "what a user asked", tlm->user_prompt, &inputs, &blocks);
    add_input(tlm, e, e->context_id, "the text that was retrieved for it", tlm->input->context,
              &inputs, &blocks);
    add_input(tlm, e, e->response_id, "what an AI assistant answered", tlm->input->response,
              &inputs, &blocks);
    ts_buf_add_view(&inputs, ts_buf_view(&blocks));
    ts_buf_add_byte(&inputs, '\n');
    const struct ts_prompt_value values[] = {
        {"inputs", ts_buf_view(&inputs), true}, {"criteria", e->criteria, true}, {0}};
    ts_prompt_render("semantic-eval", values, words_of(tlm), out);
    ts_buf_release(&inputs);
    ts_buf_release(&blocks);
}

static void prompt_text(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                        struct ts_buf *out)
{
    switch (call->kind) {
    case TS_TLM_REFLECTION:
        reflection_text(tlm, call, out);
        break;
    case TS_TLM_SEMANTIC_EVAL:
        eval_text(tlm, call, out);
        break;
    case TS_TLM_SIMILARITY: {
        const struct ts_prompt_value values[] = {
            value(tlm, "first", tlm->answer),
            value(tlm, "second", ts_tlm_sample(tlm, call->index)->text),
            {0}};
        ts_prompt_render(ts_tlm_measure_name(call->measure), values, 0, out);
        break;
    }
    default: {
        struct ts_buf prompt = TS_BUF_INIT;
        add_prompt(tlm, tlm->user_prompt, &prompt);
        const struct ts_prompt_value values[] = {value(tlm, "prompt", ts_buf_view(&prompt)), {0}};
        ts_prompt_render("prompt-evaluation", values, 0, out);
        ts_buf_release(&prompt);
    }
    }
}

/* ---- messages ---- */

static void add_message(struct ts_buf *out, ts_view role, ts_view content)
{
    ts_buf_add_str(out, "{\"role\":");
    ts_json_append_text(out, role);
    ts_buf_add_str(out, ",\"content\":");
    ts_json_append_text(out, content);
    ts_buf_add_byte(out, '}');
}

static void add_tool_calls(struct ts_buf *out, const struct ts_message *m)
{
    ts_buf_add_str(out, ",\"tool_calls\":[");
    for (size_t i = 0; i < m->tool_call_count; i++) {
        const struct ts_tool_call *call = &m->tool_calls[i];
        ts_buf_add_str(out,
                       i ? ",{\"type\":\"function\",\"id\":" : "{\"type\":\"function\",\"id\":");
        ts_json_append_text(out, call->id);
        ts_buf_add_str(out, ",\"function\":{\"name\":");
        ts_json_append_text(out, call->name);
        ts_buf_add_str(out, ",\"arguments\":");
        ts_json_append_text(out, call->arguments);
        ts_buf_add_str(out, "}}");
    }
    ts_buf_add_byte(out, ']');
}

void ts_tlm_add_message(struct ts_buf *out, const struct ts_message *m)
{
    ts_buf_add_str(out, "{\"role\":");
    ts_json_append_text(out, m->role);
    ts_buf_add_str(out, ",\"content\":");
    ts_json_append_text(out, m->content);
    if (m->tool_call_id.len > 0) {
        ts_buf_add_str(out, ",\"tool_call_id\":");
        ts_json_append_text(out, m->tool_call_id);
    }
    if (m->tool_call_count > 0)
        add_tool_calls(out, m);
    ts_buf_add_byte(out, '}');
}

static bool has_role(const struct ts_message *m, const char *role)
{
    return ts_view_is(m->role, role);
}

static size_t last_user_message(const struct ts_tlm_input *in)
{
    size_t i = in->message_count; /* there is one */
    while (i-- > 0 && !has_role(&in->messages[i], "user"))
        ;
    return i;
}

/* How many messages stay in front of the new one. D22: the reference drops all user messages at the
 * end, of which only the last is said again. */
static size_t messages_kept(const struct ts_tlm *tlm)
{
    const struct ts_message *m = tlm->input->messages;
    size_t n = tlm->input->message_count;
    if (is_reference(tlm)) {
        while (n > 0 && has_role(&m[n - 1], "user"))
            n--;
        return n;
    }
    return n > 0 && has_role(&m[n - 1], "user") ? n - 1 : n;
}

static void add_sample_prompt(const struct ts_tlm *tlm, const struct ts_tlm_wire *wire,
                              struct ts_buf *out)
{
    struct ts_buf prompt = TS_BUF_INIT;
    struct ts_buf text = TS_BUF_INIT;
    bool structured = tlm->resolved.workflow == TS_TLM_STRUCTURED;
    add_prompt(tlm, tlm->user_prompt, &prompt);
    const struct ts_prompt_value values[] = {{"prompt", ts_buf_view(&prompt), true}, {0}};
    if (words_of(tlm) == 0 || structured)
        ts_buf_add_view(&text, ts_buf_view(&prompt));
    else
        ts_prompt_render("sample", values, words_of(tlm), &text);
    if (structured && wire->format != TS_FORMAT_BY_SCHEMA) {
        ts_buf_add_str(&text,
                       "\n\nReply with a JSON object {\"explanation\": text, \"answer\": your "
                       "answer} and with nothing else. The answer has to keep this JSON "
                       "schema:\n");
        ts_buf_add_view(&text, tlm->input->schema);
    }
    add_message(out, TS_LIT("user"), ts_buf_view(&text));
    ts_buf_release(&text);
    ts_buf_release(&prompt);
}

void ts_tlm_sample_messages(const struct ts_tlm *tlm, const struct ts_tlm_wire *wire,
                            struct ts_buf *out)
{
    const struct ts_tlm_input *in = tlm->input;
    size_t kept = messages_kept(tlm);
    /* after a tool's answer the model speaks without being asked again */
    bool ends_with_tool = !is_reference(tlm) && in->message_count > 0 &&
                          has_role(&in->messages[in->message_count - 1], "tool");
    size_t asks = ends_with_tool ? last_user_message(in) : SIZE_MAX;
    struct ts_buf prompt = TS_BUF_INIT;
    ts_buf_add_byte(out, '[');
    for (size_t i = 0; i < kept; i++) {
        struct ts_message m = in->messages[i];
        if (i == asks) {
            add_prompt(tlm, m.content, &prompt);
            m.content = ts_buf_view(&prompt);
        }
        ts_buf_add_str(out, i ? "," : "");
        ts_tlm_add_message(out, &m);
    }
    ts_buf_release(&prompt);
    if (!ends_with_tool) {
        ts_buf_add_str(out, kept ? "," : "");
        add_sample_prompt(tlm, wire, out);
    }
    ts_buf_add_byte(out, ']');
}

static void add_tools(const struct ts_tlm_input *in, struct ts_buf *out)
{
    ts_buf_add_str(out, ",\"tools\":[");
    for (size_t i = 0; i < in->tool_count; i++) {
        ts_buf_add_str(out, i ? ",{\"type\":\"function\",\"function\":{\"name\":"
                              : "{\"type\":\"function\",\"function\":{\"name\":");
        ts_json_append_text(out, in->tools[i].name);
        ts_buf_add_str(out, ",\"description\":");
        ts_json_append_text(out, in->tools[i].description);
        if (in->tools[i].parameters.len > 0) {
            ts_buf_add_str(out, ",\"parameters\":");
            ts_buf_add_view(out, in->tools[i].parameters);
        }
        ts_buf_add_str(out, "}}");
    }
    ts_buf_add_byte(out, ']');
}

/* ---- schemas ---- */

/* §8.1: the answer's own schema moved to $defs, an explanation in front of it. */
static void sample_schema(const struct ts_tlm *tlm, struct ts_buf *out)
{
    cJSON *own = ts_json_parse(tlm->input->schema, NULL, NULL);
    cJSON *defs = own ? cJSON_DetachItemFromObjectCaseSensitive(own, "$defs") : NULL;
    if (!cJSON_IsObject(defs)) {
        cJSON_Delete(defs);
        defs = cJSON_CreateObject();
    }
    cJSON_DeleteItemFromObjectCaseSensitive(defs, "response");
    cJSON_AddItemToObject(defs, "response", own ? own : cJSON_CreateObject());
    ts_buf_add_str(out,
                   "{\"type\":\"object\",\"properties\":{\"explanation\":{\"type\":\"string\"},"
                   "\"answer\":{\"$ref\":\"#/$defs/response\"}},"
                   "\"required\":[\"explanation\",\"answer\"],"
                   "\"additionalProperties\":false,\"$defs\":");
    ts_json_append(out, defs);
    ts_buf_add_byte(out, '}');
    cJSON_Delete(defs);
}

static void add_format(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                       const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    bool sample = call->kind == TS_TLM_SAMPLE;
    if (!ts_tlm_wants_schema(tlm, call) || wire->format == TS_FORMAT_BY_WORDS)
        return;
    if (wire->format == TS_FORMAT_BY_OBJECT) {
        ts_buf_add_str(out, ",\"response_format\":{\"type\":\"json_object\"}");
        return;
    }
    ts_buf_printf(out,
                  ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"%s\","
                  "\"strict\":true,\"schema\":",
                  sample ? "ObvConsistencyResponse" : "Verdict");
    if (sample)
        sample_schema(tlm, out);
    else
        ts_structured_schema(call->template->form, tlm->keys, tlm->key_count, out);
    ts_buf_add_str(out, "}}");
}

/* ---- parameters (§5) ---- */

/* D3, D4: what the templates say is sent, and samples are meant to differ. */
static double temperature_of(const struct ts_tlm *tlm, const struct ts_tlm_call *call)
{
    bool sample = call->kind == TS_TLM_SAMPLE;
    if (is_reference(tlm))
        return sample                            ? tlm->input->temperature
               : call->kind == TS_TLM_REFLECTION ? call->template->temperature
                                                 : NAN;
    return sample ? 1 : 0;
}

static void add_parameters(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                           const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    enum { TOKENS_A_WORD = 2, TOP_LOGPROBS = 5 };
    double temperature = temperature_of(tlm, call);
    int thinking = is_reference(tlm) ? 0 : words_of(tlm) * TOKENS_A_WORD;
    if (wire->temperature && !isnan(temperature)) {
        ts_buf_add_str(out, ",\"temperature\":");
        ts_json_append_double(out, temperature);
    }
    ts_buf_printf(out, ",\"%s\":%d",
                  wire->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
                  wire->max_tokens + thinking);
    if (wire->logprobs && ts_tlm_wants_logprobs(tlm, call))
        ts_buf_printf(out, ",\"logprobs\":true,\"top_logprobs\":%d", TOP_LOGPROBS);
}

static void add_extra(const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    if (wire->extra.len > 0) {
        ts_buf_add_byte(out, ',');
        ts_buf_add_view(out, wire->extra);
    }
    ts_buf_add_byte(out, '}');
}

const char *ts_tlm_model_of(const struct ts_tlm_call *call, const struct ts_tlm_wire *wire)
{
    switch (call->kind) {
    case TS_TLM_SAMPLE:
        return wire->sample_model;
    case TS_TLM_EMBEDDING:
        return call->measure == TS_TLM_EMBEDDING_SMALL ? wire->embedding_small
                                                       : wire->embedding_large;
    default:
        return wire->judge_model;
    }
}

static void add_model(const struct ts_tlm_call *call, const struct ts_tlm_wire *wire,
                      struct ts_buf *out)
{
    ts_buf_add_str(out, "{\"model\":");
    ts_json_append_text(out, ts_view_str(ts_tlm_model_of(call, wire)));
}

void ts_tlm_sent_parameters(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                            const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    add_model(call, wire, out);
    if (call->kind != TS_TLM_EMBEDDING)
        add_parameters(tlm, call, wire, out);
    ts_buf_add_byte(out, '}');
}

static void embedding_request(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                              const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    add_model(call, wire, out);
    ts_buf_add_str(out, ",\"input\":");
    ts_json_append_text(out, call->index < 0 ? tlm->answer : ts_tlm_sample(tlm, call->index)->text);
    ts_buf_add_str(out, ",\"encoding_format\":\"float\"}");
}

void ts_tlm_request(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                    const struct ts_tlm_wire *wire, struct ts_buf *out)
{
    bool sample = call->kind == TS_TLM_SAMPLE;
    if (call->kind == TS_TLM_EMBEDDING) {
        embedding_request(tlm, call, wire, out);
        return;
    }
    add_model(call, wire, out);
    ts_buf_add_str(out, ",\"messages\":");
    if (sample) {
        ts_tlm_sample_messages(tlm, wire, out);
    } else {
        struct ts_buf text = TS_BUF_INIT;
        prompt_text(tlm, call, &text);
        ts_buf_add_byte(out, '[');
        add_message(out, TS_LIT("user"), ts_buf_view(&text));
        ts_buf_add_byte(out, ']');
        ts_buf_release(&text);
    }
    if (sample && tlm->input->tool_count > 0)
        add_tools(tlm->input, out);
    add_format(tlm, call, wire, out);
    add_parameters(tlm, call, wire, out);
    if (wire->user && ts_view_find(wire->extra, TS_LIT("\"user\":")) == SIZE_MAX)
        ts_buf_add_str(out, ",\"user\":\"" TS_OWN_USER "\"");
    add_extra(wire, out);
}
