/* grpc_quota.c - see grpc_quota.h. */
#include "net/grpc_quota.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ts_grpc_quota {
    grpc_resource_quota *core;
    size_t limit, least;
    atomic_int refs;
    pthread_mutex_t lock; /* guards `ours`, and the order in which core learns of it */
    size_t ours;
};

struct ts_grpc_block {
    struct ts_grpc_quota *quota;
    void *bytes;
    size_t size;
};

struct ts_grpc_quota *ts_grpc_quota_new(size_t limit, size_t least)
{
    struct ts_grpc_quota *q = ts_alloc(sizeof *q);
    q->core = grpc_resource_quota_create("receiver");
    q->limit = limit;
    q->least = least;
    atomic_init(&q->refs, 1);
    pthread_mutex_init(&q->lock, NULL);
    grpc_resource_quota_resize(q->core, limit > least ? limit : least);
    return q;
}

void ts_grpc_quota_unref(struct ts_grpc_quota *q)
{
    if (!q || atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    grpc_resource_quota_unref(q->core);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

grpc_resource_quota *ts_grpc_quota_core(struct ts_grpc_quota *q)
{
    return q->core;
}

static void change(struct ts_grpc_quota *q, size_t more, size_t less)
{
    pthread_mutex_lock(&q->lock);
    q->ours += more - less;
    size_t left = q->ours < q->limit ? q->limit - q->ours : 0;
    grpc_resource_quota_resize(q->core, left > q->least ? left : q->least);
    pthread_mutex_unlock(&q->lock);
}

struct ts_grpc_block *ts_grpc_block_new(struct ts_grpc_quota *q, void *bytes, size_t size)
{
    struct ts_grpc_block *b = ts_alloc(sizeof *b);
    *b = (struct ts_grpc_block){q, bytes, size};
    atomic_fetch_add(&q->refs, 1);
    change(q, size, 0);
    return b;
}

void ts_grpc_block_free(void *block)
{
    struct ts_grpc_block *b = block;
    free(b->bytes);
    change(b->quota, 0, b->size);
    ts_grpc_quota_unref(b->quota);
    free(b);
}
