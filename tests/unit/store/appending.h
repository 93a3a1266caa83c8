/* appending.h - a store in the test's directory, and appends that the test waits for. */
#ifndef APPENDING_H
#define APPENDING_H

#include "temporary.h"

#include "store/store.h"

#include <pthread.h>

static inline struct ts_store *open_store_in(const char *directory, uint64_t max_bytes)
{
    struct ts_err err = {0};
    struct ts_store_options options = {directory, true, max_bytes, true};
    struct ts_store *store = ts_store_open(&options, &err);
    if (!store)
        fail_msg("%s", err.what);
    return store;
}

static inline struct ts_store *open_store(const struct home *home, uint64_t max_bytes)
{
    return open_store_in(home->path, max_bytes);
}

/* An append that the test waits for. */
struct waiting {
    struct ts_append append;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static inline void on_done(struct ts_append *append)
{
    struct waiting *w = TS_CONTAINER_OF(append, struct waiting, append);
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static inline void start(struct ts_store *store, struct waiting *w, enum ts_table table,
                         ts_view head, ts_view body)
{
    *w = (struct waiting){.append = {.table = table, .head = head, .body = body, .done = on_done}};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->cond, NULL);
    ts_store_append(store, &w->append);
}

static inline uint64_t finish(struct waiting *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->done)
        pthread_cond_wait(&w->cond, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->lock);
    return w->append.err.code == TS_OK ? w->append.id : 0;
}

static inline uint64_t append(struct ts_store *store, enum ts_table table, const char *text)
{
    struct waiting w;
    start(store, &w, table, TS_LIT("head:"), ts_view_str(text));
    return finish(&w);
}

#endif
