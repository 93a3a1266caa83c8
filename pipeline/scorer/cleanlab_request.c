/* cleanlab_request.c - what is asked where, and the bodies (tlm-api.md §3, §4). */
#include "pipeline/scorer/cleanlab_request.h"

#include "json/json.h"
#include "llm/flatten.h"

#include <math.h>
#include <stdlib.h>

enum { PROMPT_TOKENS = 70000, RESPONSE_TOKENS = 15000, CHARS_PER_TOKEN = 4 }; /* §6.5 */

const char *ts_cleanlab_path(enum ts_cleanlab_endpoint endpoint)
{
    static const char *const paths[] = {
        "/v0/trustworthy_llm/get_confidence_score",
        "/v1/rag_trustworthy_llm/score",
        "/v1/openai_trustworthy_llm/score",
        "/v1/tlm_explanation/get_explanation",
    };
    return paths[endpoint];
}

static ts_view last_user_text(const struct ts_llm *llm)
{
    for (size_t i = llm->message_count; i-- > 0;)
        if (ts_view_is(llm->messages[i].role, "user"))
            return llm->messages[i].content;
    return TS_NOTHING;
}

enum ts_cleanlab_endpoint ts_cleanlab_endpoint_for(const struct ts_cleanlab_config *c,
                                                   const struct ts_llm *llm)
{
    if (llm->format_type == TS_FORMAT_JSON_SCHEMA && llm->format_schema.len > 0)
        return TS_CLEANLAB_STRUCTURED;
    bool has_query = ts_view_trim(last_user_text(llm)).len > 0;
    return c->evals && llm->document_count > 0 && has_query ? TS_CLEANLAB_RAG : TS_CLEANLAB_SCORE;
}

/* ---- rules ---- */

static bool effort_is_on(const struct ts_cleanlab_config *c)
{
    return c->reasoning_effort && strcmp(c->reasoning_effort, "none") != 0;
}

static bool hides_its_reasoning(const char *model)
{
    static const char *const models[] = {"o1-preview", "o1",         "o1-mini",
                                         "o3",         "o3-mini",    "o4-mini",
                                         "gpt-5",      "gpt-5-mini", "gpt-5-nano"};
    for (size_t i = 0; i < TS_COUNT(models); i++)
        if (strcmp(model, models[i]) == 0)
            return true;
    return false;
}

/* §4.3, first rule that fires decides */
bool ts_cleanlab_can_log_explanation(const struct ts_cleanlab_config *c, bool rag)
{
    int64_t samples = c->num_consistency_samples;
    int64_t reflections = c->num_self_reflections;
    bool effort_off = c->reasoning_effort && !effort_is_on(c);
    if (c->disable_trustworthiness || (samples == 0 && reflections == 0))
        return false;
    if (samples > 0)
        return true;
    if (effort_is_on(c) && reflections != 0)
        return true;
    if (samples == 0 && effort_off)
        return false;
    if (hides_its_reasoning(c->model))
        return false;
    if (rag)
        return c->quality <= TS_CLEANLAB_HIGH && samples != 0;
    if (c->quality >= TS_CLEANLAB_LOW)
        return false;
    return !(c->quality == TS_CLEANLAB_MEDIUM && (effort_off || reflections == 0));
}

/* ---- bodies ---- */

static cJSON *texts(const struct ts_texts *list)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < list->count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(list->items[i]));
    return array;
}

static void add_node_text(cJSON *to, const struct ts_node *from, const char *key, bool or_null)
{
    const struct ts_node *value = ts_node_get(from, key);
    if (value && value->kind == TS_NODE_SCALAR)
        cJSON_AddItemToObject(to, key, ts_json_new_text(value->text));
    else if (or_null)
        cJSON_AddNullToObject(to, key);
}

static cJSON *criteria(const struct ts_node *list)
{
    cJSON *array = cJSON_CreateArray();
    for (const struct ts_node *n = list->first; n; n = n->next) {
        cJSON *one = cJSON_CreateObject();
        add_node_text(one, n, "name", false);
        add_node_text(one, n, "criteria", false);
        cJSON_AddItemToArray(array, one);
    }
    return array;
}

/* §4.1: only what was set goes out; the presets of the service do the rest. */
static void add_options(cJSON *to, const struct ts_cleanlab_config *c,
                        enum ts_cleanlab_endpoint endpoint, ts_time timeout)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"max_tokens", c->max_tokens},
                   {"num_consistency_samples", c->num_consistency_samples},
                   {"num_self_reflections", c->num_self_reflections}};
    bool structured = endpoint == TS_CLEANLAB_STRUCTURED;
    cJSON_AddStringToObject(to, "model", c->model);
    for (size_t i = 0; i < TS_COUNT(numbers); i++)
        if (numbers[i].value >= 0)
            cJSON_AddNumberToObject(to, numbers[i].key, (double)numbers[i].value);
    if (c->similarity_measure)
        cJSON_AddStringToObject(to, "similarity_measure", c->similarity_measure);
    if (c->reasoning_effort)
        cJSON_AddStringToObject(to, "reasoning_effort", c->reasoning_effort);
    bool log = c->explain && ts_cleanlab_can_log_explanation(c, endpoint == TS_CLEANLAB_RAG);
    if (structured || log) {
        cJSON *list = cJSON_AddArrayToObject(to, "log");
        cJSON_AddItemToArray(list,
                             cJSON_CreateString(structured ? "per_field_score" : "explanation"));
    }
    if (c->custom_eval_criteria && endpoint == TS_CLEANLAB_SCORE)
        cJSON_AddItemToObject(to, "custom_eval_criteria", criteria(c->custom_eval_criteria));
    if (c->disable_trustworthiness)
        cJSON_AddTrueToObject(to, "disable_trustworthiness");
    if (c->disable_persistence)
        cJSON_AddTrueToObject(to, "disable_persistence");
    if (timeout > 0 && !structured)
        cJSON_AddNumberToObject(to, "max_timeout", ceil((double)timeout / (double)TS_S));
}

static bool is_allowed(const struct ts_texts *list, ts_view response)
{
    for (size_t i = 0; i < list->count; i++)
        if (ts_view_is(response, list->items[i]))
            return true;
    return false;
}

static void add_score_body(cJSON *body, const struct ts_cleanlab_config *c, ts_view prompt,
                           ts_view response, const struct ts_llm *llm)
{
    cJSON_AddItemToObject(body, "prompt", ts_json_new_text(prompt));
    cJSON *answer = cJSON_AddObjectToObject(body, "response");
    cJSON_AddItemToObject(answer, "response", ts_json_new_text(response));
    double p = ts_llm_mean_probability(llm);
    if (!isnan(p))
        cJSON_AddNumberToObject(answer, "perplexity", p);
    if (c->constrain_outputs.count > 0 && is_allowed(&c->constrain_outputs, response))
        cJSON_AddItemToObject(answer, "constrain_outputs", texts(&c->constrain_outputs));
    cJSON_AddStringToObject(body, "quality", ts_cleanlab_quality_name(c));
    cJSON_AddStringToObject(body, "task", ts_cleanlab_task_name(c));
}

static void add_rag_body(cJSON *body, const struct ts_cleanlab_config *c, ts_view prompt,
                         ts_view response, const struct ts_llm *llm)
{
    struct ts_buf context = TS_BUF_INIT;
    for (size_t i = 0; i < llm->document_count; i++) {
        ts_buf_add_str(&context, i ? "\n\n" : "");
        ts_buf_add_view(&context, llm->documents[i].content);
    }
    cJSON *answer = cJSON_AddObjectToObject(body, "response");
    cJSON_AddItemToObject(answer, "response", ts_json_new_text(response));
    cJSON_AddItemToObject(body, "prompt", ts_json_new_text(prompt));
    cJSON_AddItemToObject(body, "query", ts_json_new_text(last_user_text(llm)));
    cJSON_AddItemToObject(body, "context", ts_json_new_text(ts_buf_view(&context)));
    cJSON *evals = cJSON_AddArrayToObject(body, "evals");
    for (const struct ts_node *n = c->evals->first; n; n = n->next) {
        const struct ts_node *reads = ts_node_get(n, "response_identifier");
        if (llm->flags & TS_FLAG_TOOL_CALL_ONLY && reads && reads->kind == TS_NODE_SCALAR)
            continue; /* there is no text that it could read (§3.3.1) */
        cJSON *one = cJSON_CreateObject();
        add_node_text(one, n, "name", false);
        add_node_text(one, n, "criteria", false);
        add_node_text(one, n, "query_identifier", true);
        add_node_text(one, n, "context_identifier", true);
        add_node_text(one, n, "response_identifier", true);
        cJSON_AddItemToArray(evals, one);
    }
    cJSON_AddStringToObject(body, "quality", ts_cleanlab_quality_name(c));
    cJSON_AddStringToObject(body, "user_id", c->api_key);
    cJSON_AddStringToObject(body, "client_id", c->api_key);
    cJSON_AddNullToObject(body, "constrain_outputs");
    ts_buf_release(&context);
}

static void add_tool_calls(cJSON *to, const struct ts_message *m)
{
    cJSON *list = m->tool_call_count ? cJSON_AddArrayToObject(to, "tool_calls") : NULL;
    for (size_t i = 0; i < m->tool_call_count; i++) {
        cJSON *call = cJSON_CreateObject();
        cJSON_AddItemToArray(list, call);
        cJSON_AddItemToObject(call, "id", ts_json_new_text(m->tool_calls[i].id));
        cJSON_AddStringToObject(call, "type", "function");
        cJSON *function = cJSON_AddObjectToObject(call, "function");
        cJSON_AddItemToObject(function, "name", ts_json_new_text(m->tool_calls[i].name));
        cJSON_AddItemToObject(function, "arguments", ts_json_new_text(m->tool_calls[i].arguments));
    }
}

static void add_messages(cJSON *body, const struct ts_llm *llm)
{
    cJSON *list = cJSON_AddArrayToObject(body, "messages");
    for (size_t i = 0; i < llm->message_count; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToObject(one, "role", ts_json_new_text(llm->messages[i].role));
        cJSON_AddItemToObject(one, "content", ts_json_new_text(llm->messages[i].content));
        ts_json_add_text(one, "tool_call_id", llm->messages[i].tool_call_id);
        add_tool_calls(one, &llm->messages[i]);
        cJSON_AddItemToArray(list, one);
    }
}

/* §3.4: the chat completion as the application had it, as far as the span tells. */
static void add_structured_body(cJSON *body, const struct ts_cleanlab_config *c,
                                const struct ts_llm *llm)
{
    cJSON_AddStringToObject(body, "quality_preset", ts_cleanlab_quality_name(c));
    add_messages(body, llm);
    cJSON *format = cJSON_AddObjectToObject(body, "response_format");
    cJSON_AddStringToObject(format, "type", "json_schema");
    cJSON *schema = cJSON_AddObjectToObject(format, "json_schema");
    cJSON_AddStringToObject(schema, "name", "response");
    cJSON *rules = ts_json_parse(llm->format_schema, NULL, NULL);
    cJSON_AddItemToObject(schema, "schema", rules ? rules : cJSON_CreateObject());
    cJSON *answer = cJSON_AddObjectToObject(body, "response");
    cJSON_AddItemToObject(answer, "id", ts_json_new_text(llm->response_id));
    cJSON_AddStringToObject(answer, "object", "chat.completion");
    int64_t created = llm->end_ns / TS_S;
    cJSON_AddNumberToObject(answer, "created", (double)created);
    cJSON_AddItemToObject(answer, "model", ts_json_new_text(llm->model));
    cJSON *choice = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(answer, "choices"), choice);
    cJSON_AddNumberToObject(choice, "index", 0);
    cJSON_AddStringToObject(choice, "finish_reason", "stop");
    cJSON_AddNullToObject(choice, "logprobs");
    cJSON *message = cJSON_AddObjectToObject(choice, "message");
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddItemToObject(message, "content", ts_json_new_text(llm->response));
}

static bool too_long(ts_view prompt, ts_view response)
{
    size_t p = prompt.len / CHARS_PER_TOKEN;
    size_t r = response.len / CHARS_PER_TOKEN;
    return p > PROMPT_TOKENS || r > RESPONSE_TOKENS || p + r > PROMPT_TOKENS;
}

bool ts_cleanlab_fits(const struct ts_llm *llm)
{
    struct ts_arena *arena = ts_arena_new();
    bool fits = !too_long(ts_flatten_prompt(arena, llm), ts_flatten_response(arena, llm));
    ts_arena_free(arena);
    return fits;
}

void ts_cleanlab_request(const struct ts_cleanlab_config *c, enum ts_cleanlab_endpoint endpoint,
                         const struct ts_llm *llm, ts_time timeout, struct ts_buf *out)
{
    struct ts_arena *arena = ts_arena_new();
    ts_view prompt = ts_flatten_prompt(arena, llm);
    ts_view response = ts_flatten_response(arena, llm);
    cJSON *body = cJSON_CreateObject();
    if (endpoint == TS_CLEANLAB_STRUCTURED) {
        add_structured_body(body, c, llm);
        add_options(body, c, endpoint, timeout);
    } else {
        if (endpoint == TS_CLEANLAB_RAG)
            add_rag_body(body, c, prompt, response, llm);
        else
            add_score_body(body, c, prompt, response, llm);
        add_options(cJSON_AddObjectToObject(body, "options"), c, endpoint, timeout);
    }
    ts_json_append(out, body);
    cJSON_Delete(body);
    ts_arena_free(arena);
}

void ts_cleanlab_explain_request(const struct ts_cleanlab_config *c, const struct ts_llm *llm,
                                 double score, struct ts_buf *out)
{
    struct ts_arena *arena = ts_arena_new();
    cJSON *body = cJSON_CreateObject();
    cJSON_AddItemToObject(body, "prompt", ts_json_new_text(ts_flatten_prompt(arena, llm)));
    cJSON *response = cJSON_AddObjectToObject(body, "response");
    cJSON_AddItemToObject(response, "response", ts_json_new_text(ts_flatten_response(arena, llm)));
    cJSON_AddNumberToObject(response, "trustworthiness_score", score);
    cJSON *options = cJSON_AddObjectToObject(body, "options");
    cJSON_AddStringToObject(options, "model", c->model);
    ts_json_append(out, body);
    cJSON_Delete(body);
    ts_arena_free(arena);
}
