/* trust_notes.c - sorting spans by kind. */
#include "pipeline/processor/trust_notes.h"

#include "llm/extract.h"

#include <stdlib.h>

static void free_notes(struct ts_notes *base)
{
    struct trust_notes *n = (struct trust_notes *)(void *)base;
    free(n->scored.list);
    free(n->context.list);
    free(n);
}

static struct trust_notes *new_notes(void)
{
    struct trust_notes *n = ts_alloc(sizeof *n);
    n->base.free = free_notes;
    return n;
}

static void add(struct trust_spans *spans, const struct ts_span_at *at)
{
    if (spans->count == spans->cap) {
        spans->cap = spans->cap ? spans->cap * 2 : 8;
        spans->list = ts_realloc(spans->list, spans->cap * sizeof *spans->list);
    }
    spans->list[spans->count++] = *at;
}

void trust_notes_add(struct trust_notes **notes, unsigned kinds, const struct ts_span_at *at)
{
    enum ts_kind kind = ts_span_kind(at->span);
    bool scored = kinds & 1U << kind;
    bool context =
        kind == TS_KIND_RETRIEVER || kind == TS_KIND_RERANKER || kind == TS_KIND_EVALUATOR;
    if (!scored && !context)
        return;
    if (!*notes)
        *notes = new_notes();
    add(scored ? &(*notes)->scored : &(*notes)->context, at);
}

struct search {
    struct trust_notes *notes;
    unsigned kinds;
};

static void note(void *arg, const struct ts_span_at *at)
{
    struct search *s = arg;
    trust_notes_add(&s->notes, s->kinds, at);
}

struct trust_notes *trust_notes_of(ts_view request, unsigned kinds)
{
    struct search s = {new_notes(), kinds};
    struct ts_scan found;
    ts_scan(request, false, note, &s, &found, NULL);
    return s.notes;
}
