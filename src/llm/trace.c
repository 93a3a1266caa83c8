#include "llm/trace.h"

#include "llm/context.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
    BUCKETS = 1 << 14,
    MOST_SPANS = 2000,   /* of a trace */
    MOST_STEPS = 64,     /* up the tree */
    MOST_OF_A_CALL = 16, /* spans that stand for one call; real ones are two to five */
};

/* A span as far as it matters to others. */
struct seen {
    uint64_t id, parent; /* as they are; 0: none */
    enum ts_kind kind;
    int64_t start, end;
    uint64_t answer, question; /* hashes; answer 0: it has none */
    uint64_t response_id, scope;
    bool kept; /* it was resolved as the one of its group */
};

struct trace {
    uint8_t id[16];
    struct trace *chain, *older, *newer;
    ts_time used;
    size_t bytes, count, room;
    struct seen *spans;
    uint16_t *places; /* of spans by their id: index + 1, 0 free; twice the room, a power of two */
    struct ts_retrieved *documents;
};

struct ts_traces {
    pthread_mutex_t lock; /* guards all below */
    uint64_t max_bytes, bytes, traces, forgotten, cut;
    ts_time max_age;
    struct trace *oldest, *newest;
    struct trace *buckets[BUCKETS];
};

/* ---- hashes ---- */

static uint64_t id_of(ts_view bytes)
{
    uint64_t id = 0;
    if (bytes.len == sizeof id)
        memcpy(&id, bytes.ptr, sizeof id);
    return id;
}

static uint64_t hash_of(ts_view text, uint64_t seed)
{
    return text.len ? XXH3_64bits_withSeed(text.ptr, text.len, seed) | 1 : 0;
}

/* The trimmed text; without text the calls by name and arguments (§10 rule 2). */
static uint64_t answer_of(const struct ts_llm *llm)
{
    ts_view text = ts_view_trim(llm->response);
    uint64_t hash = hash_of(text, 0);
    for (size_t i = 0; text.len == 0 && i < llm->tool_call_count; i++)
        hash = hash_of(llm->tool_calls[i].arguments, hash_of(llm->tool_calls[i].name, hash + 2));
    return hash;
}

static struct seen seen_of(const struct ts_llm *llm)
{
    ts_view last = llm->message_count ? llm->messages[llm->message_count - 1].content : TS_NOTHING;
    return (struct seen){.id = id_of(llm->span_id),
                         .parent = id_of(llm->parent_id),
                         .kind = llm->kind,
                         .start = llm->start_ns,
                         .end = llm->end_ns,
                         .answer = llm->kind == TS_KIND_LLM ? answer_of(llm) : 0,
                         .question = hash_of(last, 1),
                         .response_id = hash_of(llm->response_id, 2),
                         .scope = hash_of(llm->scope, 3)};
}

/* ---- traces ---- */

static struct trace **place(struct ts_traces *t, ts_view id)
{
    uint64_t hash = XXH3_64bits(id.ptr, id.len);
    struct trace **at = &t->buckets[hash % BUCKETS];
    while (*at && memcmp((*at)->id, id.ptr, sizeof(*at)->id) != 0)
        at = &(*at)->chain;
    return at;
}

static void unlink_use(struct ts_traces *t, struct trace *x)
{
    *(x->older ? &x->older->newer : &t->oldest) = x->newer;
    *(x->newer ? &x->newer->older : &t->newest) = x->older;
}

static void link_newest(struct ts_traces *t, struct trace *x)
{
    x->older = t->newest;
    x->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = x;
    t->newest = x;
    x->used = ts_now();
}

static void grew(struct ts_traces *t, struct trace *x, size_t bytes)
{
    x->bytes += bytes;
    t->bytes += bytes;
}

static void forget(struct ts_traces *t, struct trace *x)
{
    *place(t, ts_view_of(x->id, sizeof x->id)) = x->chain;
    unlink_use(t, x);
    t->bytes -= x->bytes;
    t->traces--;
    ts_retrieved_free(x->documents);
    free(x->spans);
    free(x->places);
    free(x);
}

static void keep_within_bounds(struct ts_traces *t)
{
    ts_time too_old = ts_now() - t->max_age;
    while (t->oldest && (t->bytes > t->max_bytes || t->oldest->used < too_old)) {
        t->forgotten += t->oldest->used >= too_old;
        forget(t, t->oldest);
    }
}

static struct trace *find(struct ts_traces *t, ts_view id, bool add)
{
    struct trace **at = id.len == 16 ? place(t, id) : NULL;
    if (!at || (!*at && !add))
        return NULL;
    struct trace *x = *at;
    if (x) {
        unlink_use(t, x);
    } else {
        x = *at = ts_alloc(sizeof *x);
        memcpy(x->id, id.ptr, sizeof x->id);
        t->traces++;
        grew(t, x, sizeof *x);
    }
    link_newest(t, x);
    return x;
}

/* Where the span with this id is noted, or would be. */
static uint16_t *place_of(const struct trace *x, uint64_t id)
{
    size_t at = XXH3_64bits(&id, sizeof id) & (2 * x->room - 1);
    while (x->places[at] && x->spans[x->places[at] - 1].id != id)
        at = (at + 1) & (2 * x->room - 1);
    return &x->places[at];
}

static struct seen *span_of(const struct trace *x, uint64_t id)
{
    uint16_t place = id && x->room ? *place_of(x, id) : 0;
    return place ? &x->spans[place - 1] : NULL;
}

static void make_room(struct ts_traces *t, struct trace *x)
{
    size_t room = x->room ? x->room * 2 : 4;
    grew(t, x, (room - x->room) * (sizeof *x->spans + 2 * sizeof *x->places));
    x->spans = ts_realloc(x->spans, room * sizeof *x->spans);
    x->room = room;
    free(x->places);
    x->places = ts_alloc(2 * room * sizeof *x->places);
    for (size_t i = 0; i < x->count; i++)
        *place_of(x, x->spans[i].id) = (uint16_t)(i + 1);
}

static void add_span(struct ts_traces *t, struct trace *x, const struct seen *span)
{
    if (x->count == MOST_SPANS) {
        t->cut++;
        return;
    }
    if (x->count == x->room)
        make_room(t, x);
    *place_of(x, span->id) = (uint16_t)(x->count + 1);
    x->spans[x->count++] = *span;
}

void ts_traces_note(struct ts_traces *t, const struct ts_llm *llm)
{
    struct seen span = seen_of(llm);
    if (span.id == 0)
        return;
    pthread_mutex_lock(&t->lock);
    struct trace *x = find(t, llm->trace_id, true);
    if (x && !span_of(x, span.id)) {
        add_span(t, x, &span);
        if (llm->kind == TS_KIND_RETRIEVER || llm->kind == TS_KIND_RERANKER)
            grew(t, x, ts_retrieved_add(&x->documents, llm, &t->cut));
    }
    keep_within_bounds(t);
    pthread_mutex_unlock(&t->lock);
}

/* ---- the tree ---- */

/* Is `above` an ancestor of `below`? Where the way up is not known to its end, a span that lasted from
 * before to after is taken for one (§10, In flight). */
static bool is_above(const struct trace *x, const struct seen *above, const struct seen *below)
{
    const struct seen *at = below;
    for (int step = 0; at && step < MOST_STEPS; step++) {
        if (at->parent == above->id)
            return true;
        if (at->parent == 0)
            return false;
        at = span_of(x, at->parent);
    }
    return above->start <= below->start && above->end >= below->end &&
           (above->start < below->start || above->end > below->end);
}

static bool is_below_evaluator(const struct trace *x, const struct seen *span)
{
    const struct seen *at = span_of(x, span->parent);
    for (int step = 0; at && step < MOST_STEPS; step++) {
        if (at->kind == TS_KIND_EVALUATOR)
            return true;
        at = span_of(x, at->parent);
    }
    return false;
}

/* ---- duplicates (§10) ---- */

static bool is_same_call(const struct trace *x, const struct seen *a, const struct seen *b)
{
    if (a == b || !a->answer || !b->answer || a->kind != TS_KIND_LLM || b->kind != TS_KIND_LLM)
        return false;
    if (a->response_id && a->response_id == b->response_id)
        return true;
    if (a->answer != b->answer)
        return false;
    if (is_above(x, a, b) || is_above(x, b, a))
        return true;
    bool overlap = a->start < b->end && b->start < a->end;
    return overlap && a->question == b->question && a->scope != b->scope;
}

/* The better of two of one group: the one that was kept, the inner one, the one that ended first. */
static bool is_better(const struct trace *x, const struct seen *a, const struct seen *b)
{
    if (a->kept != b->kept)
        return a->kept;
    if (is_above(x, b, a))
        return true;
    if (is_above(x, a, b))
        return false;
    if (a->end != b->end)
        return a->end < b->end;
    return memcmp(&a->id, &b->id, sizeof a->id) < 0;
}

/* The group of a span, by steps from one to the next; the best of it. */
static struct seen *best_of_group(const struct trace *x, struct seen *span)
{
    struct seen *group[MOST_OF_A_CALL] = {span};
    struct seen *best = span;
    size_t count = 1;
    bool *in = ts_alloc(x->count * sizeof *in);
    in[span - x->spans] = true;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < x->count && count < MOST_OF_A_CALL; i++)
            if (!in[i] && is_same_call(x, &x->spans[i], group[k])) {
                in[i] = true;
                group[count++] = &x->spans[i];
            }
    for (size_t k = 0; k < count; k++)
        if (is_better(x, group[k], best))
            best = group[k];
    free(in);
    return best;
}

/* Most spans are alone: that is told in one walk. */
static struct seen *keeper_of(const struct trace *x, struct seen *span)
{
    for (size_t i = 0; i < x->count; i++)
        if (is_same_call(x, span, &x->spans[i]))
            return best_of_group(x, span);
    return span;
}

/* ---- all of it ---- */

static void become_evaluator(struct ts_llm *llm)
{
    struct ts_llm blank = {.kind = TS_KIND_EVALUATOR, .skip = TS_SKIP_NOT_LLM};
    blank.trace_id = llm->trace_id;
    blank.span_id = llm->span_id;
    blank.parent_id = llm->parent_id;
    blank.scope = llm->scope;
    blank.service = llm->service;
    blank.start_ns = llm->start_ns;
    blank.end_ns = llm->end_ns;
    blank.usage = (struct ts_usage){-1, -1, -1, -1, -1, -1};
    *llm = blank;
}

void ts_traces_resolve(struct ts_traces *t, struct ts_arena *arena, struct ts_llm *llm)
{
    if (llm->kind != TS_KIND_LLM)
        return;
    pthread_mutex_lock(&t->lock);
    struct trace *x = find(t, llm->trace_id, false);
    struct seen *span = x ? span_of(x, id_of(llm->span_id)) : NULL;
    if (span && is_below_evaluator(x, span)) {
        span->kind = TS_KIND_EVALUATOR;
        become_evaluator(llm);
    } else if (span) {
        struct seen *keeper = keeper_of(x, span);
        keeper->kept = true;
        if (keeper != span) {
            llm->skip = TS_SKIP_DUPLICATE;
            llm->duplicate_of = ts_arena_copy(arena, ts_view_of(&keeper->id, sizeof keeper->id));
        }
        if (x->documents)
            ts_context_read(arena, x->documents, llm);
    }
    pthread_mutex_unlock(&t->lock);
}

void ts_traces_stats(struct ts_traces *t, struct ts_traces_stats *out)
{
    pthread_mutex_lock(&t->lock);
    *out = (struct ts_traces_stats){t->traces, t->bytes, t->forgotten, t->cut};
    pthread_mutex_unlock(&t->lock);
}

struct ts_traces *ts_traces_new(uint64_t max_bytes, ts_time max_age)
{
    struct ts_traces *t = ts_alloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->max_bytes = max_bytes;
    t->max_age = max_age;
    return t;
}

void ts_traces_free(struct ts_traces *t)
{
    if (!t)
        return;
    while (t->oldest)
        forget(t, t->oldest);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
