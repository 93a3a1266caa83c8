#include "tlm/replay.h"

#include "tlm/request.h"
#include "tlm/templates.h"

#include <math.h>

/* ---- reading ---- */

static int choice(const cJSON *item, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (ts_view_is(ts_json_text(item), names[i]))
            return i;
    return TS_TLM_UNSET;
}

static int number(const cJSON *item)
{
    int64_t n;
    return ts_json_int64(item, &n) && n >= -1 && n <= 64 ? (int)n : TS_TLM_UNSET;
}

static void read_messages(struct ts_arena *arena, const cJSON *list, struct ts_tlm_input *in)
{
    struct ts_message *m =
        ts_arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *m);
    const cJSON *item;
    in->messages = m;
    cJSON_ArrayForEach(item, list)
    {
        *m = (struct ts_message){.role = ts_json_text(ts_json_get(item, "role")),
                                 .content = ts_json_text(ts_json_get(item, "content")),
                                 .tool_call_id = ts_json_text(ts_json_get(item, "tool_call_id"))};
        m->tool_calls =
            ts_tlm_read_tool_calls(arena, ts_json_get(item, "tool_calls"), &m->tool_call_count);
        in->message_count++;
        m++;
    }
}

static void read_labels(struct ts_arena *arena, const cJSON *list, struct ts_tlm_options *o)
{
    size_t n = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    ts_view *labels = ts_arena_alloc(arena, (n + 1) * sizeof *labels);
    const cJSON *item = n ? list->child : NULL;
    for (; item; item = item->next)
        labels[o->label_count++] = ts_json_text(item);
    o->labels = labels;
}

static void read_evals(struct ts_arena *arena, const cJSON *list, struct ts_tlm_options *o)
{
    if (!cJSON_IsArray(list))
        return;
    struct ts_tlm_eval *evals =
        ts_arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *evals);
    const cJSON *item;
    cJSON_ArrayForEach(item, list) evals[o->eval_count++] = (struct ts_tlm_eval){
        ts_json_text(ts_json_get(item, "name")), ts_json_text(ts_json_get(item, "criteria")),
        ts_json_text(ts_json_get(item, "query_identifier")),
        ts_json_text(ts_json_get(item, "context_identifier")),
        ts_json_text(ts_json_get(item, "response_identifier"))};
    o->evals = evals;
    o->has_evals = true;
}

static void read_options(struct ts_arena *arena, const cJSON *in, struct ts_tlm_options *o)
{
    static const char *const presets[] = {"base", "low", "medium", "high", "best"};
    static const char *const efforts[] = {"none", "low", "medium", "high"};
    static const char *const measures[] = {"jaccard", "embedding_small", "embedding_large", "code",
                                           "statement"};
    int preset = choice(ts_json_get(in, "preset"), presets, TS_COUNT(presets));
    const cJSON *prompt_evaluation = ts_json_get(in, "use_prompt_evaluation");
    o->preset = preset == TS_TLM_UNSET ? TS_TLM_MEDIUM : (enum ts_tlm_preset)preset;
    o->effort = choice(ts_json_get(in, "reasoning_effort"), efforts, TS_COUNT(efforts));
    o->measure = choice(ts_json_get(in, "similarity_measure"), measures, TS_COUNT(measures));
    o->reflections = number(ts_json_get(in, "num_self_reflections"));
    o->samples = number(ts_json_get(in, "num_consistency_samples"));
    o->samples = o->samples < 0 ? TS_TLM_UNSET : o->samples;
    o->prompt_evaluation =
        cJSON_IsBool(prompt_evaluation) ? cJSON_IsTrue(prompt_evaluation) : TS_TLM_UNSET;
    read_labels(arena, ts_json_get(in, "constrain_outputs"), o);
    read_evals(arena, ts_json_get(in, "evals"), o);
}

bool ts_replay_read(struct ts_arena *arena, const cJSON *recorded, struct ts_tlm_options *o,
                    struct ts_tlm_input *input, struct ts_err *err)
{
    const cJSON *in = ts_json_get(recorded, "inputs");
    const cJSON *response = ts_json_get(in, "response");
    const cJSON *context = ts_json_get(in, "context");
    const cJSON *format = ts_json_get(in, "response_format");
    enum ts_tlm_compat compat = o->compat;
    *o = (struct ts_tlm_options){.compat = compat};
    *input = (struct ts_tlm_input){.perplexity = NAN, .temperature = NAN};
    if (!cJSON_IsArray(ts_json_get(in, "messages")) || !cJSON_IsString(response))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "inputs.messages (a list) or inputs.response (a string) is missing; each "
                       "line must be a recorded score");
    read_options(arena, in, o);
    read_messages(arena, ts_json_get(in, "messages"), input);
    input->response = ts_json_text(response);
    input->only_tool_calls = ts_json_true(ts_json_get(in, "only_tool_calls"));
    ts_json_double(ts_json_get(in, "perplexity"), &input->perplexity);
    input->has_context = cJSON_IsString(context);
    input->context = ts_json_text(context);
    input->model = ts_json_text(ts_json_get(in, "request_model"));
    input->structured = cJSON_IsObject(format);
    if (input->structured) {
        const cJSON *schema = ts_json_path(format, "json_schema.schema");
        input->schema = ts_json_print(arena, schema ? schema : format);
    }
    return true;
}

/* ---- calls by role ---- */

static bool is_index(const cJSON *role, const struct ts_tlm_call *call)
{
    const cJSON *index = ts_json_get(role, "index");
    if (call->index < 0)
        return ts_view_is(ts_json_text(index), "reference");
    return cJSON_IsNumber(index) && index->valueint == call->index;
}

static bool matches_role(const cJSON *role, const struct ts_tlm_call *call)
{
    if (!ts_view_is(ts_json_text(ts_json_get(role, "call")), ts_tlm_call_name(call->kind)))
        return false;
    switch (call->kind) {
    case TS_TLM_PROMPT_EVALUATION:
        return true;
    case TS_TLM_SEMANTIC_EVAL:
        return ts_view_eq(ts_json_text(ts_json_get(role, "name")), call->eval->name);
    case TS_TLM_REFLECTION:
        return ts_view_is(ts_json_text(ts_json_get(role, "template")),
                          ts_tlm_template_name(call->template));
    case TS_TLM_SIMILARITY:
        return is_index(role, call) && ts_view_is(ts_json_text(ts_json_get(role, "measure")),
                                                  ts_tlm_measure_name(call->measure));
    default:
        return is_index(role, call);
    }
}

static void read_vector(struct ts_arena *arena, const cJSON *list, struct ts_tlm_reply *reply)
{
    double *vector = ts_arena_alloc(arena, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *vector);
    const cJSON *item;
    *reply = (struct ts_tlm_reply){.prompt_tokens = -1, .completion_tokens = -1};
    cJSON_ArrayForEach(item, list) vector[reply->dimensions++] = item->valuedouble;
    reply->vector = vector;
}

static void read_reply(struct ts_arena *arena, const cJSON *recorded, struct ts_tlm_reply *reply)
{
    const cJSON *completion = ts_json_get(recorded, "completion");
    const cJSON *embedding = ts_json_get(recorded, "embedding");
    *reply = (struct ts_tlm_reply){.failed = true};
    if (cJSON_IsArray(embedding))
        read_vector(arena, embedding, reply);
    else if (completion && !ts_tlm_read_completion(arena, completion, reply))
        reply->failed = true;
    else if (completion)
        reply->failed = false;
}

void ts_replay_answer(struct ts_tlm *tlm, const cJSON *recorded)
{
    const cJSON *calls = ts_json_get(recorded, "calls");
    for (size_t i = 0; i < tlm->call_count; i++) {
        struct ts_arena *scratch = ts_arena_new();
        struct ts_tlm_reply reply = {.failed = true};
        const cJSON *call;
        cJSON_ArrayForEach(call, calls)
        {
            if (!matches_role(ts_json_get(call, "role"), &tlm->calls[i]))
                continue;
            read_reply(scratch, ts_json_get(call, "reply"), &reply);
            break;
        }
        ts_tlm_answer(tlm, i, &reply);
        ts_arena_free(scratch);
    }
}

/* ---- writing ---- */

static void key(struct ts_buf *out, const char *name)
{
    bool first = out->len == 0 || out->ptr[out->len - 1] == '{';
    ts_buf_printf(out, "%s\"%s\":", first ? "" : ",", name);
}

static void text_or_null(struct ts_buf *out, const char *name, ts_view text)
{
    key(out, name);
    if (text.len > 0)
        ts_json_append_text(out, text);
    else
        ts_buf_add_str(out, "null");
}

static void add_number(struct ts_buf *out, const char *name, int value)
{
    key(out, name);
    ts_buf_printf(out, value == TS_TLM_UNSET ? "null" : "%d", value);
}

static void add_eval(struct ts_buf *out, const struct ts_tlm_eval *eval)
{
    ts_buf_add_byte(out, '{');
    text_or_null(out, "name", eval->name);
    text_or_null(out, "criteria", eval->criteria);
    text_or_null(out, "query_identifier", eval->query_id);
    text_or_null(out, "context_identifier", eval->context_id);
    text_or_null(out, "response_identifier", eval->response_id);
    ts_buf_add_byte(out, '}');
}

static void add_options(const struct ts_tlm_options *o, struct ts_buf *out)
{
    text_or_null(out, "preset", ts_view_str(ts_tlm_preset_name(o->preset)));
    text_or_null(out, "reasoning_effort",
                 o->effort == TS_TLM_UNSET
                     ? TS_NOTHING
                     : ts_view_str(ts_tlm_effort_name((enum ts_tlm_effort)o->effort)));
    text_or_null(out, "similarity_measure",
                 o->measure == TS_TLM_UNSET
                     ? TS_NOTHING
                     : ts_view_str(ts_tlm_measure_name((enum ts_tlm_measure)o->measure)));
    add_number(out, "num_self_reflections", o->reflections);
    add_number(out, "num_consistency_samples", o->samples);
    key(out, "use_prompt_evaluation");
    ts_buf_add_str(out, o->prompt_evaluation == TS_TLM_UNSET ? "null"
                        : o->prompt_evaluation               ? "true"
                                                             : "false");
    key(out, "constrain_outputs");
    ts_buf_add_str(out, o->label_count ? "[" : "null");
    for (size_t i = 0; i < o->label_count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_text(out, o->labels[i]);
    }
    ts_buf_add_str(out, o->label_count ? "]" : "");
    key(out, "evals");
    ts_buf_add_str(out, o->has_evals ? "[" : "null");
    for (size_t i = 0; o->has_evals && i < o->eval_count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        add_eval(out, &o->evals[i]);
    }
    ts_buf_add_str(out, o->has_evals ? "]" : "");
}

void ts_record_inputs(const struct ts_tlm *tlm, struct ts_buf *out)
{
    const struct ts_tlm_input *in = tlm->input;
    ts_buf_add_byte(out, '{');
    key(out, "messages");
    ts_buf_add_byte(out, '[');
    for (size_t i = 0; i < in->message_count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_tlm_add_message(out, &in->messages[i]);
    }
    ts_buf_add_byte(out, ']');
    key(out, "response");
    ts_json_append_text(out, in->response);
    if (in->only_tool_calls) {
        key(out, "only_tool_calls");
        ts_buf_add_str(out, "true");
    }
    key(out, "perplexity");
    ts_json_append_double(out, in->perplexity);
    key(out, "context");
    if (in->has_context)
        ts_json_append_text(out, in->context);
    else
        ts_buf_add_str(out, "null");
    text_or_null(out, "request_model", in->model);
    key(out, "response_format");
    if (in->structured) {
        ts_buf_add_str(out, "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"response\","
                            "\"schema\":");
        ts_buf_add_view(out, in->schema.len ? in->schema : TS_LIT("{}"));
        ts_buf_add_str(out, "}}");
    } else {
        ts_buf_add_str(out, "null");
    }
    add_options(tlm->options, out);
    ts_buf_add_byte(out, '}');
}

void ts_record_role(const struct ts_tlm_call *call, struct ts_buf *out)
{
    ts_buf_printf(out, "{\"call\":\"%s\"", ts_tlm_call_name(call->kind));
    if (call->kind == TS_TLM_SEMANTIC_EVAL)
        text_or_null(out, "name", call->eval->name);
    if (call->kind == TS_TLM_REFLECTION)
        text_or_null(out, "template", ts_view_str(ts_tlm_template_name(call->template)));
    if (call->kind == TS_TLM_SIMILARITY)
        text_or_null(out, "measure", ts_view_str(ts_tlm_measure_name(call->measure)));
    if (call->kind != TS_TLM_PROMPT_EVALUATION && call->kind != TS_TLM_SEMANTIC_EVAL)
        ts_buf_printf(out, call->index < 0 ? ",\"index\":\"reference\"" : ",\"index\":%d",
                      call->index);
    ts_buf_add_byte(out, '}');
}

static void add_double(struct ts_buf *out, const char *name, double value)
{
    key(out, name);
    ts_json_append_double(out, value);
}

static void add_parts(const struct ts_tlm_result *r, struct ts_buf *out)
{
    static const char *const kinds[] = {"A", "B", "C", "D", "text"};
    key(out, "explanation_parts");
    ts_buf_add_byte(out, '[');
    for (size_t i = 0; i < r->part_count; i++) {
        const struct ts_tlm_part *p = &r->parts[i];
        ts_buf_printf(out, "%s{\"kind\":\"%s\"", i ? "," : "", kinds[p->kind]);
        if (p->kind == TS_TLM_ALTERNATIVE || p->kind == TS_TLM_REASON) {
            key(out, p->kind == TS_TLM_REASON ? "text" : "answer");
            ts_json_append_text(out, p->text);
        }
        ts_buf_add_byte(out, '}');
    }
    ts_buf_add_byte(out, ']');
}

static void add_fields(const struct ts_tlm_result *r, struct ts_buf *out)
{
    for (size_t i = 0; i < r->field_count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_text(out, r->fields[i].name);
        ts_buf_add_str(out, ":{");
        add_double(out, "score", r->fields[i].value);
        text_or_null(out, "explanation", r->fields[i].explanation);
        ts_buf_add_byte(out, '}');
    }
}

static void add_resolved(const struct ts_tlm *tlm, struct ts_buf *out)
{
    const struct ts_tlm_resolved *is = &tlm->resolved;
    const struct ts_tlm_weights *w = &is->weights;
    const double weights[] = {w->consistency, w->indicator, w->reflection, w->prompt_evaluation,
                              w->perplexity};
    key(out, "resolved");
    ts_buf_printf(out,
                  "{\"workflow\":\"%s\",\"preset\":\"%s\",\"reasoning_effort\":\"%s\","
                  "\"samples\":%d,\"templates\":[",
                  ts_tlm_workflow_name(is->workflow), ts_tlm_preset_name(tlm->options->preset),
                  ts_tlm_effort_name(is->effort), is->samples);
    for (size_t i = 0; i < is->template_count; i++)
        ts_buf_printf(out, "%s\"%s\"", i ? "," : "", ts_tlm_template_name(is->templates[i]));
    ts_buf_printf(out,
                  "],\"similarity_measure\":\"%s\",\"use_prompt_evaluation\":%s,"
                  "\"weights_row\":\"%s\",\"weights\":[",
                  ts_tlm_measure_name(is->measure), is->prompt_evaluation ? "true" : "false",
                  is->weights_row);
    for (size_t i = 0; i < TS_COUNT(weights); i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_double(out, weights[i]);
    }
    ts_buf_add_str(out, "]}");
}

/* A lost call has no reflection, nor has one whose JSON could not be read (D10). */
static bool is_lost(const struct ts_tlm_call *call)
{
    return call->failed || (ts_tlm_is_structured(call->template) && !call->has_mapped);
}

static void add_calls_scores(const struct ts_tlm *tlm, const struct ts_tlm_result *r,
                             struct ts_buf *out)
{
    key(out, "reflections");
    ts_buf_add_byte(out, '[');
    for (size_t i = 0, n = 0; i < tlm->call_count; i++) {
        const struct ts_tlm_call *call = &tlm->calls[i];
        if (call->kind != TS_TLM_REFLECTION || is_lost(call))
            continue;
        ts_buf_add_str(out, n++ ? ",{" : "{");
        text_or_null(out, "template", ts_view_str(ts_tlm_template_name(call->template)));
        add_double(out, "score", call->score);
        add_double(out, "mapped", call->mapped);
        ts_buf_add_byte(out, '}');
    }
    ts_buf_add_str(out, "],\"sample_scores\":[");
    for (int i = 0; i < tlm->resolved.samples && r->sample_scores; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_double(out, r->sample_scores[i]);
    }
    ts_buf_add_byte(out, ']');
}

void ts_record_result(const struct ts_tlm *tlm, const struct ts_tlm_result *r, struct ts_buf *out)
{
    add_resolved(tlm, out);
    add_double(out, "trustworthiness_score", r->score);
    ts_buf_add_str(out, ",\"components\":{");
    add_double(out, "consistency", r->consistency);
    add_double(out, "indicator", r->indicator);
    add_double(out, "reflection", r->reflection);
    add_double(out, "prompt_evaluation", r->prompt_evaluation);
    add_double(out, "perplexity", r->perplexity);
    ts_buf_add_str(out, "},\"evals\":{");
    for (size_t i = 0; i < r->eval_count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_text(out, r->evals[i].name);
        ts_buf_add_byte(out, ':');
        ts_json_append_double(out, r->evals[i].score);
    }
    ts_buf_add_str(out, "},\"per_field_score\":{");
    add_fields(r, out);
    ts_buf_add_byte(out, '}');
    key(out, "explanation");
    ts_json_append_text(out, r->explanation);
    add_parts(r, out);
    add_calls_scores(tlm, r, out);
    ts_buf_printf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld}",
                  (long long)tlm->prompt_tokens, (long long)tlm->completion_tokens);
    key(out, "error");
    if (r->error)
        ts_json_append_text(out, ts_view_str(r->error));
    else
        ts_buf_add_str(out, "null");
}
