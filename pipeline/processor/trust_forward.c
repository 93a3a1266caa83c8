/* trust_forward.c - edits that leave spans out, or hide what nobody else may read. */
#include "pipeline/processor/trust_forward.h"

#include <stdlib.h>

struct forward {
    const struct ts_instance *self;
    const struct trust_spans *held_back;
    struct ts_arena *arena; /* NULL: nothing is redacted */
    struct ts_edit *edits;
    size_t count, cap, next_held;
};

static void add(struct forward *f, struct ts_edit edit)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->edits = ts_realloc(f->edits, f->cap * sizeof *f->edits);
    }
    f->edits[f->count++] = edit;
}

static void edit_span(void *arg, const struct ts_span_at *at)
{
    struct forward *f = arg;
    const struct trust_spans *held = f->held_back;
    if (f->next_held < held->count && held->list[f->next_held].field == at->field) {
        f->next_held++;
        add(f, (struct ts_edit){.field = at->field, .drop = true});
        return;
    }
    ts_view now = trust_redacted(f->self, f->arena, at->span);
    if (now.ptr)
        add(f, (struct ts_edit){.field = at->field, .content = now});
}

ts_view trust_redacted(const struct ts_instance *self, struct ts_arena *arena, ts_view span)
{
    struct ts_buf out = TS_BUF_INIT;
    ts_view now = TS_NOTHING;
    if (self->config->assess.redact.forward &&
        ts_redact_span(ts_assessor_redactor(self->assessor), arena, span, &out))
        now = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return now;
}

void trust_forward(struct ts_instance *self, struct ts_batch *b, struct ts_payload *payload,
                   size_t items, const struct trust_spans *held_back,
                   struct ts_completion *completion)
{
    const struct ts_items unknown = {NULL, 0};
    struct forward f = {.self = self, .held_back = held_back};
    struct ts_part part;
    if (self->config->assess.redact.forward) {
        struct ts_scan found;
        f.arena = ts_arena_new();
        ts_scan(ts_payload_view(payload), false, edit_span, &f, &found, NULL); /* it did before */
    } else {
        for (size_t i = 0; i < held_back->count; i++)
            add(&f, (struct ts_edit){.field = held_back->list[i].field, .drop = true});
    }
    ts_splice(payload, items, f.edits, f.count, true, &part);
    ts_arena_free(f.arena);
    free(f.edits);
    ts_pass_on(self->host->next, b, &part, &unknown, completion);
}
