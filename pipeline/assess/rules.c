#include "pipeline/assess/rules.h"

#include "json/json.h"
#include "llm/attrs.h"

#include <fnmatch.h>
#include <inttypes.h>

static const struct ts_rule *rule_at(const struct ts_blocks *rules, size_t i)
{
    return (const struct ts_rule *)rules->items + i;
}

/* ---- checks ---- */

/* What has a prompt and an answer of its own. */
static const enum ts_kind kinds[] = {TS_KIND_LLM, TS_KIND_AGENT, TS_KIND_CHAIN};

static unsigned kind_bits(const struct ts_texts *names)
{
    unsigned bits = 0;
    for (size_t i = 0; i < names->count; i++)
        for (size_t k = 0; k < TS_COUNT(kinds); k++)
            if (strcmp(names->items[i], ts_kind_name(kinds[k])) == 0)
                bits |= 1U << kinds[k];
    return bits;
}

static bool check_kinds(const struct ts_rule *rule, size_t i, struct ts_err *err)
{
    for (size_t k = 0; k < rule->kind.count; k++)
        if (kind_bits(&(struct ts_texts){1, &rule->kind.items[k]}) == 0) {
            ts_fail_in(err, "rules[%zu]::kind", i);
            return ts_fail(err, TS_INVALID_ARGUMENT, "'%.60s' is none of llm, agent, chain",
                           rule->kind.items[k]);
        }
    return true;
}

bool ts_rules_check(const struct ts_blocks *rules, struct ts_err *err)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct ts_rule *rule = rule_at(rules, i);
        if (!check_kinds(rule, i, err))
            return false;
        if (!rule->score && (rule->scorer || rule->preset || rule->hold_given)) {
            ts_fail_in(err, "rules[%zu]::score", i);
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "it is false, so scorer, preset and hold say nothing; take them out");
        }
    }
    return true;
}

unsigned ts_rules_kinds(const struct ts_blocks *rules)
{
    unsigned bits = 1U << TS_KIND_LLM;
    for (size_t i = 0; i < rules->count; i++)
        bits |= kind_bits(&rule_at(rules, i)->kind);
    return bits;
}

/* ---- conditions ---- */

static bool fits(const char *pattern, struct ts_arena *arena, ts_view text)
{
    return fnmatch(pattern, (const char *)ts_arena_copy(arena, text).ptr, 0) == 0;
}

/* No patterns: everything fits. */
static bool fits_any(const struct ts_texts *patterns, struct ts_arena *arena, ts_view text)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (fits(patterns->items[i], arena, text))
            return true;
    return patterns->count == 0;
}

/* A value as one would write it; of a list each item. */
static bool value_fits(const char *pattern, struct ts_arena *arena, const struct ts_any *value)
{
    struct ts_any item;
    struct ts_cursor items = ts_cursor_of(value->bytes);
    switch (value->type) {
    case TS_ANY_BOOL:
        return fits(pattern, arena, value->i ? TS_LIT("true") : TS_LIT("false"));
    case TS_ANY_INT:
        return fits(pattern, arena, ts_arena_printf(arena, "%" PRId64, value->i));
    case TS_ANY_DOUBLE:
        return fits(pattern, arena, ts_arena_printf(arena, "%.15g", value->d));
    case TS_ANY_ARRAY:
        while (ts_any_next(&items, &item))
            if (item.type != TS_ANY_ARRAY && value_fits(pattern, arena, &item))
                return true;
        return false;
    default:
        return fits(pattern, arena, ts_any_text(value));
    }
}

static bool attributes_fit(const struct ts_pairs *wanted, struct ts_arena *arena, ts_view resource,
                           ts_view span)
{
    struct ts_attrs own;
    struct ts_attrs of_resource;
    if (wanted->count == 0)
        return true;
    ts_attrs_read(arena, span, TS_SPAN_ATTRIBUTES, &own);
    ts_attrs_read(arena, resource, TS_RESOURCE_ATTRIBUTES, &of_resource);
    for (size_t i = 0; i < wanted->count; i++) {
        const struct ts_any *value = ts_attrs_get(&own, wanted->items[i].key);
        if (!value)
            value = ts_attrs_get(&of_resource, wanted->items[i].key);
        if (!value || !value_fits(wanted->items[i].value, arena, value))
            return false;
    }
    return true;
}

static bool rule_fits(const struct ts_rule *rule, struct ts_arena *arena, const struct ts_llm *llm,
                      ts_view resource, ts_view span)
{
    unsigned of_kinds = rule->kind.count ? kind_bits(&rule->kind) : 1U << TS_KIND_LLM;
    return of_kinds & 1U << llm->kind && fits_any(&rule->service, arena, llm->service) &&
           fits_any(&rule->scope, arena, llm->scope) && fits_any(&rule->model, arena, llm->model) &&
           fits_any(&rule->provider, arena, llm->provider) &&
           attributes_fit(&rule->attributes, arena, resource, span);
}

const struct ts_rule *ts_rules_match(const struct ts_blocks *rules, struct ts_arena *arena,
                                     const struct ts_llm *llm, ts_view resource, ts_view span)
{
    for (size_t i = 0; i < rules->count; i++)
        if (rule_fits(rule_at(rules, i), arena, llm, resource, span))
            return rule_at(rules, i);
    return NULL;
}

bool ts_rule_samples(const struct ts_rule *rule, ts_view trace_id)
{
    const double all = (double)(UINT64_C(1) << 56);
    uint64_t random = 0;
    for (size_t i = trace_id.len > 7 ? trace_id.len - 7 : 0; i < trace_id.len; i++)
        random = random << 8 | trace_id.ptr[i];
    return random >= (uint64_t)((1 - rule->sample_rate) * all);
}

/* ---- settings ---- */

#define LIMIT(field) offsetof(struct ts_rule_thresholds, field)
static const struct ts_setting thresholds[] = {
    {.key = "untrustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(untrustworthy),
     .present = LIMIT(untrustworthy_given),
     .min = "0",
     .max = "1",
     .help = "scores below are untrustworthy"},
    {.key = "trustworthy",
     .kind = TS_DOUBLE,
     .offset = LIMIT(trustworthy),
     .present = LIMIT(trustworthy_given),
     .min = "0",
     .max = "1",
     .help = "scores from here on are trustworthy"},
    {0},
};

#define AT(field) offsetof(struct ts_rule, field)
const struct ts_setting ts_rule_table[] = {
    {.key = "service",
     .kind = TS_TEXTS,
     .offset = AT(service),
     .help = "condition: the resource's service.name is like one of these; * and ? stand for any"},
    {.key = "scope",
     .kind = TS_TEXTS,
     .offset = AT(scope),
     .help = "condition: the instrumentation scope's name"},
    {.key = "model", .kind = TS_TEXTS, .offset = AT(model), .help = "condition: the model's name"},
    {.key = "provider",
     .kind = TS_TEXTS,
     .offset = AT(provider),
     .help = "condition: who serves it, in OpenTelemetry's words: openai, anthropic, aws.bedrock"},
    {.key = "kind",
     .kind = TS_TEXTS,
     .offset = AT(kind),
     .help =
         "condition: llm, agent, chain; absent: llm. Agents and chains are scored only by rules "
         "that name them"},
    {.key = "attributes",
     .kind = TS_PAIRS,
     .offset = AT(attributes),
     .help = "condition: attributes of the span, else of its resource"},
    {.key = "score",
     .kind = TS_BOOL,
     .offset = AT(score),
     .default_text = "true",
     .help = "false: not scored, 'skipped: rule'"},
    {.key = "sample_rate",
     .kind = TS_DOUBLE,
     .offset = AT(sample_rate),
     .default_text = "1",
     .min = "0",
     .max = "1",
     .help = "part of the traces that are scored, chosen by trace id; the others are "
             "'skipped: sampled_out'"},
    {.key = "scorer",
     .kind = TS_TEXT,
     .offset = AT(scorer),
     .help = "id of a scorer; absent: the processor's"},
    {.key = "preset",
     .kind = TS_TEXT,
     .offset = AT(preset),
     .help = "of that scorer; its other settings stay, and its limits count apart"},
    {.key = "hold",
     .kind = TS_DURATION,
     .offset = AT(hold),
     .present = AT(hold_given),
     .min = "0s",
     .max = "10m",
     .help = "how long these wait; spans that came in one request leave together"},
    {.key = "thresholds",
     .kind = TS_BLOCK,
     .offset = AT(thresholds),
     .sub = thresholds,
     .help = "from score to label"},
    {0},
};
