#include "llm/context.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    MOST_DOCUMENTS = 200, /* of a span */
    MOST_OF_TRACE = 2000, /* each is looked for in each prompt */
    LONGEST = 64 << 10,
    ENOUGH = 200
};

struct ts_retrieved {
    struct ts_retrieved *next;
    bool reranked;
    int64_t end;
    uint64_t parent; /* 0: none */
    size_t count;
    struct ts_arena *arena;
    struct ts_document *documents;
};

size_t ts_retrieved_add(struct ts_retrieved **list, const struct ts_llm *llm, uint64_t *cut)
{
    if (llm->document_count == 0)
        return 0;
    size_t before = 0;
    for (const struct ts_retrieved *other = *list; other; other = other->next)
        before += other->count;
    struct ts_retrieved *r = ts_alloc(sizeof *r);
    r->reranked = llm->kind == TS_KIND_RERANKER;
    r->end = llm->end_ns;
    r->parent = ts_span_id_key(llm->parent_id);
    r->arena = ts_arena_new();
    size_t most = before < MOST_OF_TRACE ? MOST_OF_TRACE - before : 0;
    if (most > MOST_DOCUMENTS)
        most = MOST_DOCUMENTS;
    size_t room = llm->document_count < most ? llm->document_count : most;
    r->documents = ts_arena_alloc(r->arena, room * sizeof *r->documents);
    for (size_t i = 0; i < llm->document_count; i++) {
        const struct ts_document *d = &llm->documents[i];
        if (r->count == most || d->content.len > LONGEST) {
            ++*cut;
            continue;
        }
        r->documents[r->count++] = (struct ts_document){
            ts_arena_copy(r->arena, d->content), ts_arena_copy(r->arena, d->id), d->score,
            d->has_score, ts_arena_copy(r->arena, d->source)};
    }
    r->next = *list;
    *list = r;
    return sizeof *r + ts_arena_bytes(r->arena);
}

void ts_retrieved_free(struct ts_retrieved *list)
{
    while (list) {
        struct ts_retrieved *next = list->next;
        ts_arena_free(list->arena);
        free(list);
        list = next;
    }
}

/* ---- texts with every run of white space as one space ---- */

static void add_collapsed(struct ts_buf *out, ts_view text)
{
    bool space = true;
    for (size_t i = 0; i < text.len; i++) {
        bool is = isspace(text.ptr[i]) != 0;
        if (!is)
            ts_buf_add_byte(out, text.ptr[i]);
        else if (!space)
            ts_buf_add_byte(out, ' ');
        space = is;
    }
    while (out->len > 0 && out->ptr[out->len - 1] == ' ')
        out->len--;
}

static ts_view collapsed(struct ts_arena *arena, ts_view text)
{
    struct ts_buf out = TS_BUF_INIT;
    add_collapsed(&out, text);
    ts_view copy = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return copy;
}

static struct ts_buf prompt_of(const struct ts_llm *llm)
{
    struct ts_buf prompt = TS_BUF_INIT;
    for (size_t i = 0; i < llm->message_count; i++) {
        if (prompt.len > 0)
            ts_buf_add_byte(&prompt, ' ');
        add_collapsed(&prompt, llm->messages[i].content);
    }
    return prompt;
}

/* ---- choosing ---- */

struct choice {
    struct ts_arena *arena;
    struct ts_document *documents;
    ts_view *texts; /* collapsed, of the documents */
    size_t count, room;
};

static void choose(struct choice *c, const struct ts_document *d)
{
    ts_view text = collapsed(c->arena, d->content);
    for (size_t i = 0; i < c->count; i++)
        if (ts_view_eq(c->texts[i], text))
            return; /* as the reranker, which came first, has it */
    if (c->count == c->room)
        return;
    c->texts[c->count] = text;
    c->documents[c->count++] =
        (struct ts_document){ts_arena_copy(c->arena, d->content), ts_arena_copy(c->arena, d->id),
                             d->score, d->has_score, ts_arena_copy(c->arena, d->source)};
}

static bool stands_in(struct ts_arena *arena, const struct ts_buf *prompt, ts_view content)
{
    ts_view text = ts_view_cut(collapsed(arena, content), 0, ENOUGH);
    return text.len > 0 && ts_view_find(ts_buf_view(prompt), text) != SIZE_MAX;
}

static int by_place(const void *a, const void *b)
{
    const struct ts_retrieved *x = *(const struct ts_retrieved *const *)a;
    const struct ts_retrieved *y = *(const struct ts_retrieved *const *)b;
    if (x->reranked != y->reranked)
        return x->reranked ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static void choose_shown(struct choice *c, const struct ts_retrieved *const *all, size_t n,
                         const struct ts_llm *llm)
{
    struct ts_buf prompt = prompt_of(llm);
    struct ts_arena *scratch = ts_arena_new();
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all[i]->count; k++)
            if (stands_in(scratch, &prompt, all[i]->documents[k].content))
                choose(c, &all[i]->documents[k]);
    ts_arena_free(scratch);
    ts_buf_release(&prompt);
}

static void choose_beside(struct choice *c, const struct ts_retrieved *const *all, size_t n,
                          const struct ts_llm *llm)
{
    const struct ts_retrieved *latest = NULL;
    uint64_t parent = ts_span_id_key(llm->parent_id);
    for (size_t i = 0; parent && i < n; i++)
        if (all[i]->parent == parent && (!latest || all[i]->end >= latest->end))
            latest = all[i];
    for (size_t k = 0; latest && k < latest->count; k++)
        choose(c, &latest->documents[k]);
}

void ts_context_read(struct ts_arena *arena, const struct ts_retrieved *list, struct ts_llm *llm)
{
    size_t n = 0;
    size_t most = 0;
    for (const struct ts_retrieved *r = list; r; r = r->next)
        n++;
    const struct ts_retrieved **all = ts_alloc((n + 1) * sizeof *all);
    n = 0;
    for (const struct ts_retrieved *r = list; r; r = r->next)
        if (r->end <= llm->start_ns) { /* it ended before the call began */
            all[n++] = r;
            most += r->count;
        }
    qsort(all, n, sizeof *all, by_place);
    struct choice c = {.arena = arena,
                       .documents = ts_arena_alloc(arena, (most + 1) * sizeof *c.documents),
                       .texts = ts_arena_alloc(arena, (most + 1) * sizeof *c.texts),
                       .room = most};
    choose_shown(&c, all, n, llm);
    if (c.count == 0)
        choose_beside(&c, all, n, llm);
    if (c.count > 0) {
        llm->documents = c.documents;
        llm->document_count = c.count;
    }
    free(all);
}
