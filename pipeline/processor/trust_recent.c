/* trust_recent.c - an LRU with a lock. */
#include "pipeline/processor/trust_recent.h"

#include "base/lru.h"

#include <pthread.h>
#include <stdlib.h>

struct trust_recent {
    pthread_mutex_t lock;
    struct ts_lru lru;
};

struct entry {
    struct ts_lru_item item; /* first: the cast back is safe */
    size_t len;
    uint8_t decision[];
};

static void drop(struct ts_lru_item *item)
{
    free(item);
}

struct trust_recent *trust_recent_new(void)
{
    struct trust_recent *r = ts_alloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    ts_lru_init(&r->lru, 8U << 20, 600 * TS_S, drop);
    return r;
}

void trust_recent_free(struct trust_recent *r)
{
    if (!r)
        return;
    ts_lru_release(&r->lru);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static ts_view find(struct trust_recent *r, const struct ts_span_key *key, struct ts_arena *arena)
{
    struct entry *e = (struct entry *)(void *)ts_lru_find(&r->lru, key->bytes, ts_now());
    return e ? ts_arena_copy(arena, ts_view_of(e->decision, e->len)) : TS_NOTHING;
}

ts_view trust_recent_find(struct trust_recent *r, const struct ts_span_key *key,
                          struct ts_arena *arena)
{
    pthread_mutex_lock(&r->lock);
    ts_view known = find(r, key, arena);
    pthread_mutex_unlock(&r->lock);
    return known;
}

static void add(struct trust_recent *r, const struct ts_span_key *key, ts_view decision)
{
    struct entry *e = ts_alloc(sizeof *e + decision.len);
    e->len = decision.len;
    memcpy(e->decision, decision.ptr, decision.len);
    ts_lru_add(&r->lru, &e->item, key->bytes, sizeof *e + decision.len, ts_now());
    ts_lru_trim(&r->lru, ts_now());
}

ts_view trust_recent_meet(struct trust_recent *r, const struct ts_span_key *key, ts_view decision,
                          struct ts_arena *arena)
{
    pthread_mutex_lock(&r->lock);
    ts_view known = find(r, key, arena);
    if (known.len == 0)
        add(r, key, decision);
    pthread_mutex_unlock(&r->lock);
    return known;
}
