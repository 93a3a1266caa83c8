#include "llm/twins.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 1024, WAYS = 4 };

struct ts_twins {
    struct set {
        struct ts_twin calls[WAYS]; /* id 0: free */
        unsigned next;              /* the oldest */
    } sets[SETS];
};

struct ts_twins *ts_twins_new(void)
{
    return ts_alloc(sizeof(struct ts_twins));
}

void ts_twins_free(struct ts_twins *twins)
{
    free(twins);
}

static struct set *set_of(struct ts_twins *twins, const struct ts_twin *call)
{
    return &twins->sets[(call->answer ^ call->prompt) % SETS];
}

void ts_twins_note(struct ts_twins *twins, const struct ts_twin *call)
{
    struct set *set = set_of(twins, call);
    set->calls[set->next] = *call;
    set->next = (set->next + 1) % WAYS;
}

/* A root span within the time of the other. */
static bool is_inner(const struct ts_twin *a, const struct ts_twin *b)
{
    return a->is_root && b->start <= a->start && a->end <= b->end;
}

static bool is_same_call(const struct ts_twin *a, const struct ts_twin *b)
{
    return a->answer == b->answer && a->prompt == b->prompt && a->service == b->service &&
           a->scope != b->scope && memcmp(a->trace, b->trace, sizeof a->trace) != 0 &&
           (is_inner(a, b) || is_inner(b, a));
}

static bool is_better(const struct ts_twin *a, const struct ts_twin *b)
{
    if (a->kept != b->kept)
        return a->kept;
    if (is_inner(a, b) != is_inner(b, a))
        return is_inner(a, b);
    return a->id < b->id; /* both are roots and lasted equally long */
}

static struct ts_twin *find(struct set *set, const struct ts_twin *call)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set->calls[i].id == call->id &&
            memcmp(set->calls[i].trace, call->trace, sizeof call->trace) == 0)
            return &set->calls[i];
    return NULL;
}

uint64_t ts_twins_resolve(struct ts_twins *twins, const struct ts_twin *call)
{
    struct set *set = set_of(twins, call);
    struct ts_twin *self = find(set, call);
    struct ts_twin *best = self;
    for (size_t i = 0; self && i < WAYS; i++)
        if (set->calls[i].id && is_same_call(self, &set->calls[i]) &&
            is_better(&set->calls[i], best))
            best = &set->calls[i];
    if (best)
        best->kept = true;
    return best == self ? 0 : best->id;
}
