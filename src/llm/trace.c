#include "llm/trace.h"

#include "base/lru.h"
#include "json/json.h"
#include "llm/context.h"
#include "llm/cross_trace_duplicates.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
    MOST_SPANS = 2000,
    MOST_STEPS = 64,
    MOST_COMPARED = 256, /* spans that say the same, for one span's group */
    PLACES = 2,          /* of the index, for each span that there is room for */
};

/* A span as far as it matters to others. */
struct seen {
    uint64_t id, parent; /* as they are; 0: none */
    enum ts_kind kind;
    int64_t start, end;
    uint64_t answer, question; /* hashes; answer 0: it has none */
    uint64_t prompt;           /* of all messages */
    uint64_t response_id, scope;
    bool kept; /* it was resolved as the one of its group */
};

struct trace {
    struct ts_lru_item item; /* by the trace's id */
    size_t count, room;      /* room: a power of two */
    struct seen *spans;
    uint16_t *index; /* behind the spans: by id, the number of a span in `spans` from 1; 0: free */
    struct ts_retrieved *documents;
};

struct ts_traces {
    pthread_mutex_t lock; /* guards all below */
    struct ts_lru lru;
    uint64_t cut;
    struct ts_cross_trace_duplicates *duplicates;
};

/* ---- hashes ---- */

static uint64_t hash_of(ts_view text, uint64_t seed)
{
    return text.len ? XXH3_64bits_withSeed(text.ptr, text.len, seed) | 1 : 0;
}

/* Arguments as a value: writers differ in the spaces they put between. */
static uint64_t arguments_hash(ts_view arguments, uint64_t seed)
{
    struct ts_arena *arena = ts_arena_new();
    cJSON *tree = ts_json_parse(arguments, NULL, NULL);
    ts_view text = tree ? ts_json_print(arena, tree) : arguments;
    uint64_t hash = hash_of(text, seed);
    cJSON_Delete(tree);
    ts_arena_free(arena);
    return hash;
}

/* The trimmed text; without text the calls by name and arguments (§10 rule 2). */
static uint64_t answer_of(const struct ts_llm *llm)
{
    ts_view text = ts_view_trim(llm->response);
    uint64_t hash = hash_of(text, 0);
    for (size_t i = 0; text.len == 0 && i < llm->tool_call_count; i++)
        hash = arguments_hash(llm->tool_calls[i].arguments,
                              hash_of(llm->tool_calls[i].name, hash + 2));
    return hash;
}

/* Of the texts of all messages; of long ones the beginning and the length. */
static uint64_t prompt_of(const struct ts_llm *llm)
{
    enum { ENOUGH = 256 };
    uint64_t hash = 0;
    for (size_t i = 0; i < llm->message_count; i++) {
        ts_view text = llm->messages[i].content;
        if (text.len > 0)
            hash = hash_of(ts_view_cut(text, 0, ENOUGH), hash + text.len);
    }
    return hash;
}

static struct seen seen_of(const struct ts_llm *llm)
{
    ts_view last = llm->message_count ? llm->messages[llm->message_count - 1].content : TS_NOTHING;
    return (struct seen){.id = ts_span_id_key(llm->span_id),
                         .parent = ts_span_id_key(llm->parent_id),
                         .kind = llm->kind,
                         .start = llm->start_ns,
                         .end = llm->end_ns,
                         .answer = llm->kind == TS_KIND_LLM ? answer_of(llm) : 0,
                         .question = hash_of(last, 1),
                         .prompt = prompt_of(llm),
                         .response_id = hash_of(llm->response_id, 2),
                         .scope = hash_of(llm->scope, 3)};
}

static struct ts_cross_trace_call call_of(const struct ts_llm *llm, const struct seen *span)
{
    struct ts_cross_trace_call call = {.id = span->id,
                                       .answer = span->answer,
                                       .prompt = span->prompt,
                                       .scope = span->scope,
                                       .service = hash_of(llm->service, 4),
                                       .start = span->start,
                                       .end = span->end,
                                       .is_root = span->parent == 0};
    if (llm->trace_id.len == sizeof call.trace)
        memcpy(call.trace, llm->trace_id.ptr, sizeof call.trace);
    return call;
}

/* ---- traces ---- */

static struct trace *trace_of(struct ts_lru_item *item)
{
    return TS_CONTAINER_OF(item, struct trace, item);
}

static void grew(struct ts_traces *t, struct trace *x, size_t bytes)
{
    ts_lru_resize(&t->lru, &x->item, x->item.bytes + bytes);
}

static void drop(struct ts_lru_item *item)
{
    struct trace *x = trace_of(item);
    ts_retrieved_free(x->documents);
    free(x->spans);
    free(x);
}

static struct trace *find(struct ts_traces *t, ts_view id, bool add, ts_time now)
{
    struct ts_lru_item *item;
    if (id.len != sizeof item->key)
        return NULL;
    item = ts_lru_find(&t->lru, id.ptr, now);
    if (item || !add)
        return item ? trace_of(item) : NULL;
    struct trace *x = ts_alloc(sizeof *x);
    ts_lru_add(&t->lru, &x->item, id.ptr, sizeof *x, now);
    return x;
}

/* Where in the index the id stands, or would. There is a free place, always. */
static uint16_t *place_of(const struct trace *x, uint64_t id)
{
    size_t last = x->room * PLACES - 1;
    size_t at = (size_t)(id * 0x9E3779B97F4A7C15u >> 32) & last; /* ids may be anything */
    while (x->index[at] && x->spans[x->index[at] - 1].id != id)
        at = (at + 1) & last;
    return &x->index[at];
}

static struct seen *span_of(const struct trace *x, uint64_t id)
{
    uint16_t number = id && x->count ? *place_of(x, id) : 0;
    return number ? &x->spans[number - 1] : NULL;
}

static void make_room(struct ts_traces *t, struct trace *x)
{
    size_t each = sizeof *x->spans + PLACES * sizeof *x->index;
    size_t room = x->room ? x->room * 2 : 4;
    x->spans = ts_realloc(x->spans, room * each);
    x->index = (uint16_t *)(void *)(x->spans + room);
    memset(x->index, 0, room * PLACES * sizeof *x->index);
    grew(t, x, (room - x->room) * each);
    x->room = room;
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
    assert(x->spans); /* no room is no memory either, and there is room now */
    x->spans[x->count++] = *span;
    *place_of(x, span->id) = (uint16_t)x->count;
}

void ts_traces_note(struct ts_traces *t, const struct ts_llm *llm, bool wanted)
{
    struct seen span = seen_of(llm);
    if (!wanted)
        span.answer = 0;
    if (span.id == 0)
        return;
    pthread_mutex_lock(&t->lock);
    ts_time now = ts_now();
    struct trace *x = find(t, llm->trace_id, true, now);
    if (x && !span_of(x, span.id)) {
        add_span(t, x, &span);
        if (span.answer) {
            struct ts_cross_trace_call call = call_of(llm, &span);
            ts_cross_trace_duplicates_note(t->duplicates, &call);
        }
        if (llm->kind == TS_KIND_RETRIEVER || llm->kind == TS_KIND_RERANKER)
            grew(t, x, ts_retrieved_add(&x->documents, llm, &t->cut));
    }
    ts_lru_trim(&t->lru, now);
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

/* What two spans need at least to stand for one call. */
static bool is_alike(const struct seen *a, const struct seen *b)
{
    return a->answer && b->answer && a->kind == TS_KIND_LLM && b->kind == TS_KIND_LLM &&
           (a->answer == b->answer || (a->response_id && a->response_id == b->response_id));
}

static bool is_same_call(const struct trace *x, const struct seen *a, const struct seen *b)
{
    if (a->response_id && a->response_id == b->response_id)
        return true;
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

/* A group of spans that stand for one call, while it is found. */
struct group {
    const struct trace *trace;
    size_t count, compared;
    uint16_t members[MOST_COMPARED + 1];
    bool in[MOST_SPANS];
};

static void join(struct group *g, size_t one, size_t other)
{
    const struct seen *a = &g->trace->spans[one];
    const struct seen *b = &g->trace->spans[other];
    if (g->in[other] || !is_alike(a, b) || g->compared == MOST_COMPARED)
        return;
    g->compared++;
    if (!is_same_call(g->trace, a, b))
        return;
    g->in[other] = true;
    g->members[g->count++] = (uint16_t)other;
}

/* Spans of one call come soon after each other: those next to `one` are asked first. */
static void join_neighbours(struct group *g, size_t one)
{
    size_t count = g->trace->count;
    for (size_t away = 1; away < count && g->compared < MOST_COMPARED; away++) {
        if (away <= one)
            join(g, one, one - away);
        if (one + away < count)
            join(g, one, one + away);
    }
}

/* The best of a span's group, which is found by steps from one to the next. One call is recorded a
 * handful of times; where hundreds of spans say the same, the far ones are left out, for each of them
 * would have to be compared with each. */
static struct seen *keeper_of(const struct trace *x, struct seen *span)
{
    struct group g;
    struct seen *best = span;
    g.trace = x;
    g.compared = 0;
    g.count = 1;
    g.members[0] = (uint16_t)(span - x->spans);
    memset(g.in, 0, x->count);
    g.in[g.members[0]] = true;
    for (size_t i = 0; i < g.count; i++)
        join_neighbours(&g, g.members[i]);
    for (size_t i = 0; g.count > 1 && i < x->count; i++)
        if (g.in[i] && is_better(x, &x->spans[i], best))
            best = &x->spans[i];
    return best;
}

/* ---- all of it ---- */

void ts_traces_resolve(struct ts_traces *t, struct ts_arena *arena, struct ts_llm *llm)
{
    if (llm->kind != TS_KIND_LLM)
        return;
    pthread_mutex_lock(&t->lock);
    struct trace *x = find(t, llm->trace_id, false, ts_now());
    struct seen *span = x ? span_of(x, ts_span_id_key(llm->span_id)) : NULL;
    if (span && is_below_evaluator(x, span)) {
        span->kind = TS_KIND_EVALUATOR;
        ts_llm_be_judge(llm);
    } else if (span) {
        struct seen *keeper = keeper_of(x, span);
        keeper->kept = true;
        uint64_t counts = keeper->id;
        if (keeper == span && span->answer) {
            struct ts_cross_trace_call call = call_of(llm, span);
            counts = ts_cross_trace_duplicates_resolve(t->duplicates, &call);
        }
        if (counts && counts != span->id) {
            llm->skip = TS_SKIP_DUPLICATE;
            llm->duplicate_of = ts_arena_copy(arena, ts_view_of(&counts, sizeof counts));
        }
        if (x->documents)
            ts_context_read(arena, x->documents, llm);
    }
    pthread_mutex_unlock(&t->lock);
}

void ts_traces_stats(struct ts_traces *t, struct ts_traces_stats *out)
{
    pthread_mutex_lock(&t->lock);
    *out = (struct ts_traces_stats){t->lru.count, t->lru.bytes, t->lru.forgotten, t->cut};
    pthread_mutex_unlock(&t->lock);
}

struct ts_traces *ts_traces_new(uint64_t max_bytes, ts_time max_age)
{
    struct ts_traces *t = ts_alloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    ts_lru_init(&t->lru, max_bytes, max_age, drop);
    t->duplicates = ts_cross_trace_duplicates_new();
    return t;
}

void ts_traces_free(struct ts_traces *t)
{
    if (!t)
        return;
    ts_lru_release(&t->lru);
    ts_cross_trace_duplicates_free(t->duplicates);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
