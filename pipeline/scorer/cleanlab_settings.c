/* cleanlab_settings.c - the settings (tlm-api.md §4.1), their rules, and what identifies them. */
#include "pipeline/scorer/cleanlab_settings.h"

#include "config/node.h"

const char *ts_cleanlab_quality_name(const struct ts_cleanlab_config *c)
{
    static const char *const names[] = {"best", "high", "medium", "low", "base"};
    return names[c->quality];
}

const char *ts_cleanlab_task_name(const struct ts_cleanlab_config *c)
{
    static const char *const names[] = {"default", "classification", "code_generation"};
    return names[c->task];
}

/* ---- rules ---- */

/* One of the words of a list like "a, b, c", or not given. */
static bool is_one_of(const char *key, const char *value, const char *words, struct ts_err *err)
{
    ts_view rest = ts_view_str(words);
    while (value && rest.len > 0) {
        size_t comma = ts_view_find(rest, TS_LIT(", "));
        if (ts_view_is(ts_view_cut(rest, 0, comma), value))
            return true;
        rest = comma == SIZE_MAX ? TS_NOTHING : ts_view_from(rest, comma + 2);
    }
    return !value ||
           ts_fail(err, TS_INVALID_ARGUMENT, "%s '%.40s' is none of %s", key, value, words);
}

/* The entries of `evals`, or of `custom_eval_criteria`, which have a name and criteria only. */
static bool check_entries(const struct ts_node *list, bool evals, struct ts_err *err)
{
    static const char *const reserved[] = {"response", "trustworthiness", "deberta_success"};
    for (const struct ts_node *n = list ? list->first : NULL; n; n = n->next) {
        const struct ts_node *name = ts_node_get(n, "name");
        if (!name || !ts_node_get(n, "criteria"))
            return ts_fail(err, TS_INVALID_ARGUMENT, "%s needs name and criteria",
                           evals ? "an eval" : "a custom_eval_criteria entry");
        if (evals && !ts_node_get(n, "query_identifier") && !ts_node_get(n, "context_identifier") &&
            !ts_node_get(n, "response_identifier"))
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "the eval '" TS_FMT "' reads nothing; give it query_identifier, "
                           "context_identifier or response_identifier",
                           TS_ARG(name->text));
        for (size_t k = 0; k < TS_COUNT(reserved); k++)
            if (ts_view_is(name->text, reserved[k]))
                return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' may not name an eval", reserved[k]);
    }
    return true;
}

bool ts_cleanlab_check(const void *config, struct ts_err *err)
{
    const struct ts_cleanlab_config *c = config;
    if (!c->api_key || !*c->api_key)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "api_key is missing; set CLEANLAB_TLM_API_KEY or api_key");
    if (c->task == TS_CLEANLAB_CLASSIFICATION && c->constrain_outputs.count == 0)
        return ts_fail(err, TS_INVALID_ARGUMENT, "task classification needs constrain_outputs");
    if (c->task == TS_CLEANLAB_CODE_GENERATION && c->constrain_outputs.count > 0)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "task code_generation does not go with constrain_outputs");
    if (c->disable_trustworthiness && !c->custom_eval_criteria && !c->evals)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "disable_trustworthiness needs custom_eval_criteria or evals, else nothing "
                       "is left to score");
    if (c->max_tokens >= 0 && c->max_tokens < 64)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "max_tokens %d is too few; use 64 to 4096, or -1 for the service's default",
                       (int)c->max_tokens);
    if (!is_one_of("reasoning_effort", c->reasoning_effort, "none, low, medium, high", err) ||
        !is_one_of("similarity_measure", c->similarity_measure,
                   "semantic, string, embedding, embedding_large, code, discrepancy", err))
        return false;
    return check_entries(c->custom_eval_criteria, false, err) && check_entries(c->evals, true, err);
}

/* ---- identity ---- */

static void add_node(struct ts_buf *out, const struct ts_node *n)
{
    ts_buf_printf(out, "%d:%zu:", (int)n->kind, n->key.len);
    ts_buf_add_view(out, n->key);
    ts_buf_printf(out, "%zu:", n->text.len);
    ts_buf_add_view(out, n->text);
    for (const struct ts_node *i = n->first; i; i = i->next)
        add_node(out, i);
    ts_buf_add_byte(out, ';');
}

void ts_cleanlab_identity(const struct ts_cleanlab_config *c, struct ts_buf *out)
{
    const char *const texts[] = {c->base_url, c->model, c->similarity_measure, c->reasoning_effort};
    const struct ts_node *const trees[] = {c->custom_eval_criteria, c->evals};
    ts_buf_printf(out, "cleanlab/2 q%d t%d m%d s%d r%d e%d d%d", c->quality, c->task,
                  (int)c->max_tokens, (int)c->num_consistency_samples, (int)c->num_self_reflections,
                  c->explain, c->disable_trustworthiness);
    for (size_t i = 0; i < TS_COUNT(texts); i++)
        ts_buf_printf(out, " %zu:%s", texts[i] ? strlen(texts[i]) : 0, texts[i] ? texts[i] : "");
    for (size_t i = 0; i < c->constrain_outputs.count; i++)
        ts_buf_printf(out, " l%zu:%s", strlen(c->constrain_outputs.items[i]),
                      c->constrain_outputs.items[i]);
    for (size_t i = 0; i < TS_COUNT(trees); i++) {
        ts_buf_add_byte(out, ' ');
        if (trees[i])
            add_node(out, trees[i]);
    }
}

/* ---- settings ---- */

#define AT(field) offsetof(struct ts_cleanlab_config, field)
const struct ts_setting ts_cleanlab_table[] = {
    {.key = "base_url",
     .kind = TS_TEXT,
     .offset = AT(base_url),
     .default_text = "${env:CLEANLAB_API_BASE_URL:-https://api.cleanlab.ai/api}",
     .help = "root of the API"},
    {.key = "api_key",
     .kind = TS_SECRET,
     .offset = AT(api_key),
     .default_text = "${env:CLEANLAB_TLM_API_KEY:-}",
     .help = "bearer token"},
    {.key = "quality",
     .kind = TS_ENUM,
     .offset = AT(quality),
     .default_text = "medium",
     .choices = "best|high|medium|low|base",
     .help = "preset: more is better, slower, dearer"},
    {.key = "task",
     .kind = TS_ENUM,
     .offset = AT(task),
     .default_text = "default",
     .choices = "default|classification|code_generation",
     .help = "what the responses are"},
    {.key = "model",
     .kind = TS_TEXT,
     .offset = AT(model),
     .default_text = "gpt-4.1-mini",
     .help = "model that judges"},
    {.key = "max_tokens",
     .kind = TS_INT,
     .offset = AT(max_tokens),
     .default_text = "-1",
     .min = "-1",
     .max = "4096",
     .help = "per judge call; -1: the service's default"},
    {.key = "num_consistency_samples",
     .kind = TS_INT,
     .offset = AT(num_consistency_samples),
     .default_text = "-1",
     .min = "-1",
     .max = "20",
     .help = "fresh answers to compare; -1: the preset's"},
    {.key = "num_self_reflections",
     .kind = TS_INT,
     .offset = AT(num_self_reflections),
     .default_text = "-1",
     .min = "-1",
     .max = "3",
     .help = "judge calls; -1: the preset's"},
    {.key = "similarity_measure",
     .kind = TS_TEXT,
     .offset = AT(similarity_measure),
     .help = "semantic, string, embedding, embedding_large, code or discrepancy"},
    {.key = "reasoning_effort",
     .kind = TS_TEXT,
     .offset = AT(reasoning_effort),
     .help = "none, low, medium or high"},
    {.key = "explain",
     .kind = TS_BOOL,
     .offset = AT(explain),
     .default_text = "true",
     .help = "ask why, with the score or in a second call where that is not possible"},
    {.key = "constrain_outputs",
     .kind = TS_TEXTS,
     .offset = AT(constrain_outputs),
     .help = "labels that responses are limited to"},
    {.key = "custom_eval_criteria",
     .kind = TS_TREE,
     .offset = AT(custom_eval_criteria),
     .help = "list of {name, criteria}: further scores"},
    {.key = "evals",
     .kind = TS_TREE,
     .offset = AT(evals),
     .help = "list of {name, criteria, query_identifier, context_identifier, response_identifier}: "
             "scores for calls with retrieved documents"},
    {.key = "disable_trustworthiness",
     .kind = TS_BOOL,
     .offset = AT(disable_trustworthiness),
     .default_text = "false",
     .help = "only the further scores"},
    {.key = "disable_persistence",
     .kind = TS_BOOL,
     .offset = AT(disable_persistence),
     .default_text = "false",
     .help = "ask the service not to store the data"},
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = AT(timeout),
     .default_text = "30s",
     .min = "100ms",
     .max = "10m",
     .help = "for one attempt"},
    {.key = "retry_unit",
     .kind = TS_DURATION,
     .offset = AT(retry_unit),
     .default_text = "1s",
     .min = "1ms",
     .max = "1m",
     .help = "waits between attempts are 1, 2, 4 of these"},
    {.key = "max_in_flight",
     .kind = TS_INT,
     .offset = AT(max_in_flight),
     .default_text = "16",
     .min = "1",
     .max = "512",
     .help = "ceiling for parallel requests"},
    {.key = "tls",
     .kind = TS_BLOCK,
     .offset = AT(tls),
     .sub = ts_tls_client_table,
     .help = "for https"},
    {0},
};
