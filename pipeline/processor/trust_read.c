/* trust_read.c - a batch's LLM spans as records, each beside its trace. */
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
        ts_traces_note(self->traces, &llm);
        ts_arena_free(arena);
    }
}

/* What the span's trace adds to its record, and whether that leaves anything to score. */
static void read_trace(struct trust_span *s)
{
    bool odd_id = s->llm.trace_id.len != 16 || s->llm.span_id.len != 8;
    ts_traces_resolve(s->held->self->traces, s->arena, &s->llm);
    if (odd_id) /* nothing could be attached to it */
        trust_decide(s, TS_SKIPPED, TS_LIT("invalid_id"));
    else if (s->llm.skip != TS_SKIP_NONE)
        trust_decide(s, TS_SKIPPED, ts_view_str(ts_skip_name(s->llm.skip)));
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
        struct trust_span *s = &h->spans[i];
        const struct ts_span_at *at = &b->llm[i];
        if (at->scope_spans.ptr != scope_spans) {
            scope_spans = at->scope_spans.ptr;
            resource = ts_span_resource(at);
            scope = ts_span_scope(at);
        }
        s->held = h;
        s->arena = ts_arena_new();
        ts_llm_extract(s->arena, resource, scope, at->span, &s->llm);
        s->verdict.scorer = self->scorer->base.type;
        s->verdict.annotator_kind = self->scorer->annotator_kind;
        ts_traces_note(self->traces, &s->llm);
    }
    for (size_t i = 0; i < h->count; i++)
        read_trace(&h->spans[i]);
    return h;
}
