#include "llm/cross_trace_duplicates.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 1024, WAYS = 4 };

struct ts_cross_trace_duplicates {
    struct set {
        struct ts_cross_trace_call calls[WAYS]; /* id 0: free */
        unsigned next;                          /* the oldest */
    } sets[SETS];
};

struct ts_cross_trace_duplicates *ts_cross_trace_duplicates_new(void)
{
    return ts_alloc(sizeof(struct ts_cross_trace_duplicates));
}

void ts_cross_trace_duplicates_free(struct ts_cross_trace_duplicates *duplicates)
{
    free(duplicates);
}

static struct set *set_of(struct ts_cross_trace_duplicates *duplicates,
                          const struct ts_cross_trace_call *call)
{
    return &duplicates->sets[(call->answer ^ call->prompt) % SETS];
}

void ts_cross_trace_duplicates_note(struct ts_cross_trace_duplicates *duplicates,
                                    const struct ts_cross_trace_call *call)
{
    struct set *set = set_of(duplicates, call);
    set->calls[set->next] = *call;
    set->next = (set->next + 1) % WAYS;
}

/* A root span within the time of the other. */
static bool is_inner(const struct ts_cross_trace_call *a, const struct ts_cross_trace_call *b)
{
    return a->is_root && b->start <= a->start && a->end <= b->end;
}

static bool is_same_call(const struct ts_cross_trace_call *a, const struct ts_cross_trace_call *b)
{
    return a->answer == b->answer && a->prompt == b->prompt && a->service == b->service &&
           a->scope != b->scope && memcmp(a->trace, b->trace, sizeof a->trace) != 0 &&
           (is_inner(a, b) || is_inner(b, a));
}

static bool is_better(const struct ts_cross_trace_call *a, const struct ts_cross_trace_call *b)
{
    if (a->kept != b->kept)
        return a->kept;
    if (is_inner(a, b) != is_inner(b, a))
        return is_inner(a, b);
    return a->id < b->id; /* both are roots and lasted equally long */
}

static struct ts_cross_trace_call *find(struct set *set, const struct ts_cross_trace_call *call)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set->calls[i].id == call->id &&
            memcmp(set->calls[i].trace, call->trace, sizeof call->trace) == 0)
            return &set->calls[i];
    return NULL;
}

uint64_t ts_cross_trace_duplicates_resolve(struct ts_cross_trace_duplicates *duplicates,
                                           const struct ts_cross_trace_call *call)
{
    struct set *set = set_of(duplicates, call);
    struct ts_cross_trace_call *self = find(set, call);
    struct ts_cross_trace_call *best = self;
    for (size_t i = 0; self && i < WAYS; i++)
        if (set->calls[i].id && is_same_call(self, &set->calls[i]) &&
            is_better(&set->calls[i], best))
            best = &set->calls[i];
    if (best)
        best->kept = true;
    return best == self ? 0 : best->id;
}
