/* tlm_settings.c - the settings of the tlm scorer, their rules, and the options made of them. */
#include "pipeline/scorer/tlm_settings.h"

#include "pipeline/scorer/tlm_price.h"

#include "net/endpoint.h"

#include <ctype.h>

/* The order of the enums in tlm/tlm.h; "auto" is what preset and workflow decide. */
#define PRESETS  "base|low|medium|high|best"
#define EFFORTS  "auto|none|low|medium|high"
#define MEASURES "auto|jaccard|embedding_small|embedding_large|code|statement"

/* ---- evaluations ---- */

static ts_view text_at(const struct ts_node *map, const char *key)
{
    const struct ts_node *n = ts_node_get(map, key);
    return n && n->kind == TS_NODE_SCALAR ? n->text : TS_NOTHING;
}

static bool is_name(ts_view name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum(name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-')
            return false;
    return name.len > 0 && name.len <= 64;
}

static bool check_eval(const struct ts_node *n, struct ts_err *err)
{
    static const char *const keys[] = {"name", "criteria", "query_identifier", "context_identifier",
                                       "response_identifier"};
    bool shows = false;
    for (size_t i = 2; i < TS_COUNT(keys); i++)
        shows |= text_at(n, keys[i]).len > 0;
    for (const struct ts_node *k = n->first; n->kind == TS_NODE_MAP && k; k = k->next) {
        bool known = false;
        for (size_t i = 0; i < TS_COUNT(keys); i++)
            known |= ts_view_is(k->key, keys[i]);
        if (!known)
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "evals: '" TS_FMT "' is no key of an evaluation; it has name, criteria, "
                           "query_identifier, context_identifier, response_identifier",
                           TS_ARG(k->key));
    }
    if (!is_name(text_at(n, "name")))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "evals: the name '" TS_FMT "' is none; use letters, digits, '_' and '-'",
                       TS_ARG(text_at(n, "name")));
    if (text_at(n, "criteria").len == 0 || !shows)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "evals: '" TS_FMT "' needs criteria and at least one of query_identifier, "
                       "context_identifier, response_identifier",
                       TS_ARG(text_at(n, "name")));
    return true;
}

static bool check_evals(const struct ts_node *list, struct ts_err *err)
{
    if (list && list->kind != TS_NODE_LIST && list->kind != TS_NODE_NULL)
        return ts_fail(err, TS_INVALID_ARGUMENT, "evals must be a list");
    for (const struct ts_node *n = list ? list->first : NULL; n; n = n->next) {
        if (!check_eval(n, err))
            return false;
        for (const struct ts_node *other = n->next; other; other = other->next)
            if (ts_view_eq(text_at(n, "name"), text_at(other, "name")))
                return ts_fail(err, TS_INVALID_ARGUMENT, "evals: there are two named '" TS_FMT "'",
                               TS_ARG(text_at(n, "name")));
    }
    return true;
}

static bool check_prices(const struct ts_node *prices, struct ts_err *err)
{
    struct ts_price price;
    if (prices && prices->kind != TS_NODE_MAP && prices->kind != TS_NODE_NULL)
        return ts_fail(err, TS_INVALID_ARGUMENT, "prices must be a map {model: [input, output]}");
    for (const struct ts_node *n = prices ? prices->first : NULL; n; n = n->next)
        if (!ts_price_read(n, &price))
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "prices: '" TS_FMT "' must be [input, output] in US dollars per million "
                           "tokens",
                           TS_ARG(n->key));
    return true;
}

bool ts_tlm_check(const void *config, struct ts_err *err)
{
    const struct ts_tlm_config *c = config;
    if (!ts_endpoint_is_url(ts_view_str(c->base_url)))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "base_url '%.120s' is no URL; write http://host:port/v1", c->base_url);
    if (strstr(c->base_url, "api.openai.com") && (!c->api_key || !*c->api_key))
        return ts_fail(
            err, TS_INVALID_ARGUMENT,
            "api_key is missing; set OPENAI_API_KEY or api_key, or base_url for a server "
            "that needs none");
    if (!*c->model)
        return ts_fail(err, TS_INVALID_ARGUMENT, "model is empty; name the model that judges");
    if (c->max_tokens > 0 && c->max_tokens < 16)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "max_tokens %d is too few; use 16 to 32768, or 0 for what suits the model",
                       (int)c->max_tokens);
    if (c->body && c->body->kind != TS_NODE_MAP && c->body->kind != TS_NODE_NULL)
        return ts_fail(err, TS_INVALID_ARGUMENT, "body must be a map of parameters");
    return check_evals(c->evals, err) && check_prices(c->prices, err);
}

/* ---- options ---- */

/* Without thinking there are no reasons to explain a score with. What costs little stays so; from
 * medium on a few words are worth their price. The letter of the reference is left alone. */
static int effort_of(const struct ts_tlm_config *c)
{
    if (c->effort > 0)
        return c->effort - 1;
    return c->compat == TS_TLM_RECOMMENDED && c->preset >= TS_TLM_MEDIUM ? TS_TLM_LOW_EFFORT
                                                                         : TS_TLM_UNSET;
}

void ts_tlm_options_of(struct ts_arena *arena, const struct ts_tlm_config *c,
                       struct ts_tlm_options *o)
{
    *o = (struct ts_tlm_options){
        .compat = (enum ts_tlm_compat)c->compat,
        .preset = (enum ts_tlm_preset)c->preset,
        .effort = effort_of(c),
        .measure = c->measure ? c->measure - 1 : TS_TLM_UNSET,
        .reflections = c->num_self_reflections < 0 ? TS_TLM_UNSET : (int)c->num_self_reflections,
        .samples = c->num_consistency_samples < 0 ? TS_TLM_UNSET : (int)c->num_consistency_samples,
        .prompt_evaluation = c->prompt_evaluation == 0 ? TS_TLM_UNSET : c->prompt_evaluation == 1};
    ts_view *labels = ts_arena_alloc(arena, (c->constrain_outputs.count + 1) * sizeof *labels);
    for (size_t i = 0; i < c->constrain_outputs.count; i++)
        labels[i] = ts_view_str(c->constrain_outputs.items[i]);
    o->labels = labels;
    o->label_count = c->constrain_outputs.count;
    if (!c->evals || c->evals->kind != TS_NODE_LIST)
        return;
    size_t n = 0;
    for (const struct ts_node *e = c->evals->first; e; e = e->next)
        n++;
    struct ts_tlm_eval *evals = ts_arena_alloc(arena, (n + 1) * sizeof *evals);
    for (const struct ts_node *e = c->evals->first; e; e = e->next)
        evals[o->eval_count++] = (struct ts_tlm_eval){
            text_at(e, "name"), text_at(e, "criteria"), text_at(e, "query_identifier"),
            text_at(e, "context_identifier"), text_at(e, "response_identifier")};
    o->evals = evals;
    o->has_evals = true;
}

/* ---- the table ---- */

#define AT(field) offsetof(struct ts_tlm_config, field)
#define TEXT(name, default_, text)                                                                 \
    {                                                                                              \
        .key = #name, .kind = TS_TEXT, .offset = AT(name), .default_text = (default_),             \
        .help = (text)                                                                             \
    }
#define INT(name, default_, least, most, text)                                                     \
    {                                                                                              \
        .key = #name, .kind = TS_INT, .offset = AT(name), .default_text = (default_),              \
        .min = (least), .max = (most), .help = (text)                                              \
    }
#define CHOICE(name_, field, default_, list, text)                                                 \
    {                                                                                              \
        .key = (name_), .kind = TS_ENUM, .offset = AT(field), .default_text = (default_),          \
        .choices = (list), .help = (text)                                                          \
    }

const struct ts_setting ts_tlm_table[] = {
    TEXT(base_url, "${env:OPENAI_BASE_URL:-https://api.openai.com/v1}",
         "root of an OpenAI-compatible API"),
    {.key = "api_key",
     .kind = TS_SECRET,
     .offset = AT(api_key),
     .default_text = "${env:OPENAI_API_KEY:-}",
     .help = "bearer token; empty: none is sent"},
    TEXT(api_version, "", "Azure's api-version; given, the key goes in the header api-key"),
    {.key = "headers",
     .kind = TS_SECRET_PAIRS,
     .offset = AT(headers),
     .help = "further headers of every request"},
    {.key = "body",
     .kind = TS_TREE,
     .offset = AT(body),
     .help = "further parameters of every chat completion"},
    TEXT(model, "gpt-4.1-mini", "model that judges"),
    TEXT(sample_model, "", "model that gives the fresh answers to compare; empty: the judge"),
    TEXT(embedding_small, "text-embedding-3-small", "model behind embedding_small"),
    TEXT(embedding_large, "text-embedding-3-large", "model behind embedding_large"),
    CHOICE("preset", preset, "medium", PRESETS, "more is better, slower, dearer"),
    CHOICE("reasoning_effort", effort, "auto", EFFORTS,
           "how much judges think before they grade: what explanations are made of; auto: low from "
           "preset medium on, else none"),
    CHOICE("similarity_measure", measure, "auto", MEASURES, "how fresh answers are compared"),
    INT(num_self_reflections, "-1", "-1", "6", "judge calls; -1: the preset's"),
    INT(num_consistency_samples, "-1", "-1", "32", "fresh answers to compare; -1: the preset's"),
    CHOICE("prompt_evaluation", prompt_evaluation, "auto", "auto|on|off",
           "ask whether the request can be answered at all; auto: with retrieved context"),
    {.key = "constrain_outputs",
     .kind = TS_TEXTS,
     .offset = AT(constrain_outputs),
     .help = "labels that responses are limited to"},
    {.key = "evals",
     .kind = TS_TREE,
     .offset = AT(evals),
     .help = "list of {name, criteria, query_identifier, context_identifier, "
             "response_identifier}; absent: four of them for calls with retrieved context"},
    CHOICE("compat", compat, "recommended", "recommended|reference",
           "the algorithm with its known defects mended, or to the letter"),
    INT(max_tokens, "0", "0", "32768",
        "of a judge's reply, beside the thinking that is asked for; 0: 512, or 4096 for models "
        "that "
        "reason unseen"),
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = AT(timeout),
     .default_text = "60s",
     .min = "100ms",
     .max = "10m",
     .help = "for one attempt"},
    INT(max_retries, "3", "0", "10",
        "of a call that failed; in a pipeline a server that cannot be reached is tried 20 times "
        "more"),
    {.key = "retry_unit",
     .kind = TS_DURATION,
     .offset = AT(retry_unit),
     .default_text = "1s",
     .min = "1ms",
     .max = "1m",
     .help = "waits between attempts are 1, 2, 4 … of these"},
    INT(max_in_flight, "64", "1", "16384", "ceiling for parallel calls"),
    INT(calls_per_minute, "0", "0", NULL, "0: no limit but the server's"),
    INT(tokens_per_minute, "0", "0", NULL, "0: no limit but the server's"),
    {.key = "tls",
     .kind = TS_BLOCK,
     .offset = AT(tls),
     .sub = ts_tls_client_table,
     .help = "for https"},
    {.key = "prices",
     .kind = TS_TREE,
     .offset = AT(prices),
     .help = "{model: [input, output]} in US dollars per million tokens, before the built-in list"},
    TEXT(record, NULL, "file to append every score's calls and replies to, for score --replay"),
    {0},
};
