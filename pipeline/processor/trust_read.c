/* trust_read.c - a batch's LLM spans as records: what rule fits each, what its trace adds, and what of it
 * others may read. */
#include "pipeline/processor/trust_internal.h"

#include "llm/extract.h"

/* Spans that are no LLM spans, but say something of those of their trace. */
void trust_note_around(struct ts_instance *self, const struct ts_batch *b)
{
    for (size_t i = 0; i < b->around_count; i++) {
        const struct ts_span_at *at = &b->around[i];
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
        ts_traces_note(self->traces, &llm, true);
        ts_arena_free(arena);
    }
}

static void skip(struct trust_span *s, const char *reason)
{
    trust_decide(s, TS_SKIPPED, ts_view_str(reason));
}

/* The rule that fits, and whether it wants the span scored. */
static bool read_rule(struct trust_span *s, ts_view resource, ts_view span)
{
    struct ts_instance *self = s->held->self;
    const struct ts_blocks *rules = &self->config->rules;
    const struct ts_rule *rule = ts_rules_match(rules, s->arena, &s->llm, resource, span);
    s->way =
        &self->ways[rule ? (size_t)(rule - (const struct ts_rule *)rules->items) : rules->count];
    s->verdict.scorer = s->way->scorer->base.type;
    s->verdict.annotator_kind = s->way->scorer->annotator_kind;
    if (!rule && s->llm.kind != TS_KIND_LLM)
        skip(s, ts_skip_name(TS_SKIP_NOT_LLM));
    else if (rule && !rule->score)
        skip(s, "rule");
    else if (rule && !ts_rule_samples(rule, s->llm.trace_id))
        skip(s, "sampled_out");
    return s->verdict.decision == TS_UNDECIDED;
}

/* What the span's trace adds to its record, and whether that leaves anything to score. What the record
 * itself says against it is a better reason than a rule's. */
static void read_trace(struct trust_span *s)
{
    bool odd_id = s->llm.trace_id.len != 16 || s->llm.span_id.len != 8;
    ts_traces_resolve(s->held->self->traces, s->arena, &s->llm);
    if (odd_id) /* nothing could be attached to it */
        skip(s, "invalid_id");
    else if (s->llm.skip != TS_SKIP_NONE)
        skip(s, ts_skip_name(s->llm.skip));
}

/* What cannot be redacted for sure is shown to nobody. */
static void redact(struct trust_span *s)
{
    struct ts_redactor *redactor = s->held->self->redactor;
    if (redactor && s->verdict.decision == TS_UNDECIDED &&
        !ts_redact_record(redactor, s->arena, &s->llm))
        skip(s, "redaction_failed");
}

static void read_span(struct trust_span *s, ts_view resource, ts_view scope, ts_view span)
{
    struct ts_instance *self = s->held->self;
    s->arena = ts_arena_new();
    ts_llm_extract_kinds(s->arena, resource, scope, span, self->kinds, &s->llm);
    bool wanted = read_rule(s, resource, span);
    ts_traces_note(self->traces, &s->llm, wanted);
}

struct trust_held *trust_read(struct ts_instance *self, struct ts_batch *b)
{
    trust_note_around(self, b);
    struct trust_held *h = ts_alloc(sizeof *h + b->llm_count * sizeof h->spans[0]);
    h->self = self;
    h->batch = b;
    h->count = b->llm_count;
    ts_batch_ref(b);
    ts_view resource = TS_NOTHING;
    ts_view scope = TS_NOTHING;
    const uint8_t *scope_spans = NULL; /* spans of one scope stand together: look once */
    for (size_t i = 0; i < h->count; i++) {
        const struct ts_span_at *at = &b->llm[i];
        if (at->scope_spans.ptr != scope_spans) {
            scope_spans = at->scope_spans.ptr;
            resource = ts_span_resource(at);
            scope = ts_span_scope(at);
        }
        h->spans[i].held = h;
        read_span(&h->spans[i], resource, scope, at->span);
    }
    for (size_t i = 0; i < h->count; i++) {
        read_trace(&h->spans[i]);
        redact(&h->spans[i]);
    }
    return h;
}
