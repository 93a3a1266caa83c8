/* store.c - whatever a data file may hold. What the check calls sound, LMDB must be able to read, append to
 * and remove from, to the end: its asserts, and every fault, end this program. What it calls damaged is
 * looked through for records without one.
 * Input: changes to a store that is made first. Each: what, which page, where in it, how much, and bytes. */
#include "base/log.h"
#include "store/check.h"
#include "store/salvage.h"
#include "store/store.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct waiting {
    struct ts_append append;
    sem_t done;
};

static void on_done(struct ts_append *append)
{
    sem_post(&TS_CONTAINER_OF(append, struct waiting, append)->done);
}

static void append(struct ts_store *store, size_t len)
{
    static uint8_t body[20000];
    memset(body, 'r', len);
    struct waiting w = {.append = {.body = ts_view_of(body, len), .done = on_done}};
    sem_init(&w.done, 0, 0);
    ts_store_append(store, &w.append);
    while (sem_wait(&w.done) != 0)
        continue;
    sem_destroy(&w.done);
}

static void empty(struct ts_store *store, enum ts_table table)
{
    struct ts_payload *record;
    struct ts_err err = {0};
    uint64_t id = 0;
    while (ts_store_next(store, table, id, &id, &record, &err)) {
        ts_payload_unref(record);
        ts_store_remove(store, table, id);
    }
    if (err.code != TS_OK)
        abort(); /* it was called sound */
}

static void use(const char *directory)
{
    struct ts_err err = {0};
    const struct ts_store_options options = {directory, false, 1 << 24, false};
    for (int round = 0; round < 3; round++) { /* what one freed, the next but one uses */
        struct ts_store *store = ts_store_open(&options, &err);
        if (!store)
            abort();
        append(store, 100);
        append(store, 20000);
        for (size_t t = 0; round > 0 && t < TS_TABLE_COUNT; t++)
            empty(store, (enum ts_table)t);
        ts_store_close(store);
    }
}

/* ---- the store that is damaged ---- */

static char home[] = "/dev/shm/trustspan-fuzz-XXXXXX";
static char data_path[64];
static struct ts_buf sound;

/* Small records and large ones, in trees of two levels, and pages that were freed. */
static void make_store(void)
{
    struct ts_err err = {0};
    const struct ts_store_options options = {home, false, 1 << 24, false};
    if (!mkdtemp(home))
        abort();
    ts_log_set_level(TS_ERROR + 1);
    snprintf(data_path, sizeof data_path, "%s/data.mdb", home);
    for (uint64_t round = 0; round < 3; round++) {
        struct ts_store *store = ts_store_open(&options, &err);
        if (!store)
            abort();
        for (size_t i = 0; i < 24; i++)
            append(store, i % 8 == 0 ? 9000 : 700);
        for (uint64_t id = 5 * round + 1; id < 5 * round + 12; id++)
            ts_store_remove(store, TS_TABLE_SPOOL, id);
        ts_store_close(store);
    }
    if (!ts_buf_read_file(&sound, data_path, &err))
        abort();
}

/* ---- damage ---- */

enum { PAGE = 4096 };

struct change {
    uint8_t what, page, other;
    uint8_t offset[2];
    uint8_t len;
};

static void apply(const struct change *c, const uint8_t *bytes, uint8_t *file, size_t *size)
{
    size_t pages = sound.len / PAGE;
    uint8_t *page = file + c->page % pages * PAGE;
    size_t offset = (c->offset[0] | (size_t)c->offset[1] << 8) % (PAGE - UINT8_MAX);
    switch (c->what % 8) {
    case 0:
        memcpy(page, file + c->other % pages * PAGE, PAGE);
        break;
    case 1:
        memset(page + offset, 0, PAGE - offset);
        break;
    case 2:
        *size = (size_t)(page - file) + offset;
        break;
    case 3:
        memcpy(page + offset % 32, bytes, c->len); /* headers are where it hurts */
        break;
    default:
        memcpy(page + offset, bytes, c->len);
    }
}

static void damage(const uint8_t *data, size_t len)
{
    uint8_t *file = malloc(sound.len);
    size_t size = sound.len;
    struct change c;
    if (!file)
        abort();
    memcpy(file, sound.ptr, sound.len);
    while (len >= sizeof c) {
        memcpy(&c, data, sizeof c);
        data += sizeof c;
        len -= sizeof c;
        c.len = c.len % 16 < len ? c.len % 16 : (uint8_t)len;
        apply(&c, data, file, &size);
        data += c.len;
        len -= c.len;
    }
    FILE *f = fopen(data_path, "wb");
    if (!f || fwrite(file, 1, size, f) != size || fclose(f) != 0)
        abort();
    free(file);
}

static bool describe(ts_view bytes, struct ts_description *out)
{
    size_t len = 0;
    while (len < bytes.len && bytes.ptr[len] == 'r')
        len++;
    *out = (struct ts_description){(enum ts_table)(len % TS_TABLE_COUNT), len, (ts_time)len};
    return len > 0;
}

/* All that was found can be read again, and written in this order. */
static void must_be_whole(const struct ts_salvage *s)
{
    struct ts_buf record = TS_BUF_INIT;
    for (size_t i = 0; i < s->count; i++) {
        const struct ts_found *a = &s->records[i];
        bool behind =
            i == 0 || a[-1].table < a->table || (a[-1].table == a->table && a[-1].id < a->id);
        if (!behind || !ts_salvage_read(s, i, &record))
            abort();
    }
    ts_buf_release(&record);
}

static void remove_home(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/lock.mdb", home);
    unlink(path);
    snprintf(path, sizeof path, "%s/trustspan.lock", home);
    unlink(path);
    unlink(data_path);
    rmdir(home);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_err err = {0};
    struct ts_salvage salvage;
    if (!sound.ptr) {
        make_store();
        atexit(remove_home);
    }
    damage(data, size);
    if (ts_salvage(&salvage, home, describe, &err)) {
        must_be_whole(&salvage);
        ts_salvage_release(&salvage);
    }
    if (ts_check_file(home, true, &err))
        use(home);
    return 0;
}
