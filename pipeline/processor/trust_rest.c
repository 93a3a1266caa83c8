/* trust_rest.c - what is no LLM span leaves at once, as it came; with redact.forward, without what nobody
 * else may read. */
#include "pipeline/processor/trust_internal.h"

#include <stdlib.h>

struct rest {
    struct ts_instance *self;
    const struct ts_batch *batch;
    struct ts_arena *arena; /* NULL: nothing is redacted */
    struct ts_edit *edits;
    size_t count, room, next_llm;
};

static void add(struct rest *r, struct ts_edit edit)
{
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 16;
        r->edits = ts_realloc(r->edits, r->room * sizeof *r->edits);
    }
    r->edits[r->count++] = edit;
}

static void edit_span(void *arg, const struct ts_span_at *at)
{
    struct rest *r = arg;
    const struct ts_batch *b = r->batch;
    if (r->next_llm < b->llm_count && b->llm[r->next_llm].field == at->field) {
        r->next_llm++;
        add(r, (struct ts_edit){.field = at->field, .drop = true});
        return;
    }
    ts_view now = trust_redacted(r->self, r->arena, at->span);
    if (now.ptr)
        add(r, (struct ts_edit){.field = at->field, .content = now});
}

ts_view trust_redacted(struct ts_instance *self, struct ts_arena *arena, ts_view span)
{
    struct ts_buf out = TS_BUF_INIT;
    ts_view now = TS_NOTHING;
    if (self->config->redact.forward && ts_redact_span(self->redactor, arena, span, &out))
        now = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return now;
}

void trust_send_rest(struct ts_instance *self, struct ts_batch *b)
{
    struct rest r = {.self = self, .batch = b};
    struct ts_part part;
    if (self->config->redact.forward) {
        struct ts_scan scan;
        r.arena = ts_arena_new();
        ts_scan(ts_payload_view(b->payload), false, edit_span, &r, &scan, NULL); /* it did before */
    } else {
        for (size_t i = 0; i < b->llm_count; i++)
            add(&r, (struct ts_edit){.field = b->llm[i].field, .drop = true});
    }
    ts_splice(b->payload, b->spans, r.edits, r.count, true, &part);
    ts_arena_free(r.arena);
    free(r.edits);
    ts_engine_send(b, &part, NULL, NULL);
}
