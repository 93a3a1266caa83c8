/* trust_leave.c - decisions as edits of their spans. */
#include "pipeline/processor/trust_leave.h"

#include "pipeline/processor/trust_forward.h"

#include <stdlib.h>

struct cutting {
    struct ts_edit *edits;
    size_t count;
    struct ts_buf text; /* what is appended, one behind the other */
    struct ts_arena *arena;
};

static void begin(struct cutting *c, const struct trust_held *h)
{
    *c = (struct cutting){.edits = ts_alloc(h->count * sizeof *c->edits), .arena = ts_arena_new()};
}

static void finish(struct cutting *c, const struct trust_held *h, struct ts_part *part)
{
    const uint8_t *ptr = c->text.ptr; /* it stands still only now */
    for (size_t i = 0; ptr && i < c->count; i++) {
        c->edits[i].append.ptr = ptr;
        ptr += c->edits[i].append.len;
    }
    ts_splice(h->payload, h->items, c->edits, c->count, false, part);
    free(c->edits);
    ts_arena_free(c->arena);
    ts_buf_release(&c->text);
}

void trust_cut_due(const struct trust_held *h, struct ts_part *part)
{
    struct cutting c;
    begin(&c, h);
    for (size_t i = 0; i < h->count; i++)
        if (h->spans[i].late && !h->spans[i].kept)
            c.edits[c.count++] = (struct ts_edit){.field = h->at[i].field};
    finish(&c, h, part);
}

static void cut_all(const struct trust_held *h, struct ts_part *part)
{
    struct cutting c;
    begin(&c, h);
    for (size_t i = 0; i < h->count; i++) {
        ts_view span = h->at[i].span;
        size_t from = c.text.len;
        ts_decision_encode(&h->spans[i].left, h->self->write, span, &c.text);
        c.edits[c.count++] = (struct ts_edit){.field = h->at[i].field,
                                              .content = trust_redacted(h->self, c.arena, span),
                                              .replace = TS_OWN_PREFIX,
                                              .append = ts_view_of(NULL, c.text.len - from)};
    }
    finish(&c, h, part);
}

void trust_pass_on(struct trust_held *h, void (*end)(struct ts_completion *, enum ts_fate))
{
    struct ts_part part;
    struct ts_item *list = ts_alloc(h->count * sizeof *list);
    for (size_t i = 0; i < h->count; i++)
        list[i] = (struct ts_item){i, &h->spans[i].left};
    const struct ts_items items = {list, h->count};
    cut_all(h, &part);
    ts_completion_init(&h->left, end);
    ts_pass_on(h->self->host->next, h->batch, &part, &items, &h->left);
    free(list);
}
