/* engine_home.h - an engine with one loop, on the test's own thread, and a store in a directory of its own
 * if the test wants one. As fake_exporter.h it wants moved_clock.h to be included by the test itself. */
#ifndef ENGINE_HOME_H
#define ENGINE_HOME_H

#include "fake_exporter.h"
#include "pipeline/engine/batch.h"
#include "pipeline/engine/record.h"

#include <unistd.h>

struct engine_home {
    struct ts_engine engine;
    struct ts_loop *loop;
    char directory[64]; /* "": no store */
};

enum { HOME_STORE = 1 << 20, HOME_MEMORY = 1 << 20 };

static inline struct ts_store *home_open(const struct engine_home *h)
{
    struct ts_err err = {0};
    struct ts_store_options options = {h->directory, true, HOME_STORE, false};
    struct ts_store *store = ts_store_open(&options, &err);
    if (!store)
        fail_msg("%s", err.what);
    return store;
}

static inline void home_init(struct engine_home *h, bool stored)
{
    *h = (struct engine_home){.loop = ts_loop_new("test")};
    ts_engine_init(&h->engine, HOME_MEMORY);
    h->engine.loops = ts_alloc(sizeof(struct ts_loop *));
    h->engine.loops[0] = h->loop;
    h->engine.loop_count = 1;
    if (stored) {
        snprintf(h->directory, sizeof h->directory, "/tmp/ts-engine-XXXXXX");
        assert_non_null(mkdtemp(h->directory));
        h->engine.store = home_open(h);
    }
    clock_settle(h->loop); /* it is this thread's from now on */
}

/* Nothing may be on its way, which is asserted. */
static inline void home_release(struct engine_home *h)
{
    assert_int_equal(atomic_load(&h->engine.batches), 0);
    assert_int_equal(ts_memory_used(&h->engine.memory), 0);
    for (int stage = 0; stage < TS_STAGE_COUNT; stage++)
        assert_int_equal(ts_barrier_count(&h->engine.barrier, (enum ts_stage)stage), 0);
    ts_engine_release(&h->engine);
    if (*h->directory) {
        char command[96];
        snprintf(command, sizeof command, "rm -rf '%s'", h->directory);
        assert_int_equal(system(command), 0);
    }
}

/* ---- waiting for the store ---- */

struct home_probe {
    struct ts_append append;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static inline void home_on_probed(struct ts_append *append)
{
    struct home_probe *p = TS_CONTAINER_OF(append, struct home_probe, append);
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static inline struct ts_append home_append(struct engine_home *h, enum ts_table table, ts_view head,
                                           ts_view body)
{
    struct home_probe p = {
        .append = {.table = table, .head = head, .body = body, .done = home_on_probed}};
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.cond, NULL);
    ts_store_append(h->engine.store, &p.append);
    pthread_mutex_lock(&p.lock);
    while (!p.done)
        pthread_cond_wait(&p.cond, &p.lock);
    pthread_mutex_unlock(&p.lock);
    pthread_cond_destroy(&p.cond);
    pthread_mutex_destroy(&p.lock);
    return p.append;
}

/* All that was asked of the store is done: an append that it must refuse, as it is larger than the store,
 * has its turn behind all others. */
static inline void home_sync(struct engine_home *h)
{
    static const uint8_t large[2 * HOME_STORE];
    if (h->engine.store)
        assert_int_equal(
            home_append(h, TS_TABLE_SPOOL, TS_NOTHING, ts_view_of(large, sizeof large)).err.code,
            TS_UNAVAILABLE);
}

/* All that can be done without moving the clock is done: on the loop, by the store, by the loader. */
static inline void home_settle(struct engine_home *h)
{
    do {
        clock_settle(h->loop);
        home_sync(h);
        clock_settle(h->loop);
    } while (ts_barrier_count(&h->engine.barrier, TS_STAGE_INTAKE) > 0 ||
             ts_barrier_count(&h->engine.barrier, TS_STAGE_STORING) > 0);
    home_sync(h); /* what the loop had removed at last */
}

/* The number of items of each record of a table, in order: "1 3 ". */
static inline void home_assert_stored(struct engine_home *h, enum ts_table table,
                                      const char *wanted)
{
    struct ts_buf found = TS_BUF_INIT;
    struct ts_payload *record;
    struct ts_err err = {0};
    uint64_t id = 0;
    home_settle(h);
    while (ts_store_next(h->engine.store, table, id, &id, &record, &err)) {
        struct ts_record r;
        struct ts_scan scan;
        assert_true(ts_record_decode(ts_payload_view(record), &r, &err));
        assert_true(ts_scan(r.request, true, NULL, NULL, &scan, &err));
        ts_buf_printf(&found, "%zu ", scan.spans);
        ts_headers_unref(r.headers);
        ts_payload_unref(record);
    }
    assert_int_equal(err.code, TS_OK);
    assert_string_equal(ts_buf_cstr(&found), wanted);
    ts_buf_release(&found);
}

/* ---- batches ---- */

/* What became of a batch, or of what waits for a completion. */
struct home_result {
    int ends;
    enum ts_fate fate;
};

static inline void home_on_ended(void *arg, enum ts_fate fate)
{
    struct home_result *r = arg;
    r->ends++;
    r->fate = fate;
}

/* Stores a record of so many spans under `source` (empty: none) that hangs on `parent` (0: none); its id. */
static inline uint64_t home_store_record_of(struct engine_home *h, enum ts_table table,
                                            uint64_t parent, size_t spans, const char *source,
                                            const char *owner)
{
    struct ts_payload *request = fake_request(spans);
    struct ts_buf head = TS_BUF_INIT;
    const struct ts_record record = {.signal = ts_signals[0],
                                     .received = 1,
                                     .give_up = table == TS_TABLE_LATE ? TS_NEVER : 0,
                                     .source = ts_view_str(source),
                                     .owner = ts_view_str(owner),
                                     .parent = parent,
                                     .request = ts_payload_view(request)};
    ts_record_encode(&record, &head);
    struct ts_append append = home_append(h, table, ts_buf_view(&head), record.request);
    assert_int_equal(append.err.code, TS_OK);
    ts_buf_release(&head);
    ts_payload_unref(request);
    return append.id;
}

static inline uint64_t home_store_record(struct engine_home *h, enum ts_table table, size_t spans,
                                         const char *source, const char *owner)
{
    return home_store_record_of(h, table, 0, spans, source, owner);
}

/* A batch at home on the loop, pending once; in the store if there is one. `result` may be NULL. */
static inline struct ts_batch *home_batch(struct engine_home *h, size_t spans, const char *tenant,
                                          struct home_result *result)
{
    struct ts_batch *b =
        ts_batch_new(&h->engine, ts_signals[0], fake_request(spans), fake_tenant(tenant), 0);
    b->items = spans;
    if (h->engine.store)
        b->id = home_store_record(h, TS_TABLE_SPOOL, spans, "", "");
    if (result) {
        *result = (struct home_result){0, TS_DELIVERED};
        b->ended = home_on_ended;
        b->arg = result;
    }
    ts_batch_begin(b, h->loop);
    return b;
}

static inline struct ts_part home_whole(const struct ts_batch *b)
{
    struct ts_part part;
    ts_part_whole(b->payload, b->items, &part);
    return part;
}

static inline void home_assert_ended(struct engine_home *h, const struct home_result *r,
                                     enum ts_fate fate)
{
    home_settle(h);
    assert_int_equal(r->ends, 1);
    assert_int_equal(r->fate, fate);
}

static inline void home_assert_open(struct engine_home *h, const struct home_result *r)
{
    home_settle(h);
    assert_int_equal(r->ends, 0);
}

#endif
