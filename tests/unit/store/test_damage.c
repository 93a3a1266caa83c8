/* A store that is damaged: what is sound is never called damaged, what LMDB cannot live with is never
 * opened, and what is saved is what was there, and nothing that was removed. */
#include "temporary.h"

#include "store/check.h"
#include "store/damage.h"
#include "store/rescue.h"
#include "store/store.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, PAGE_FLAGS = 10, LEAF = 2, OVERFLOW = 4, META = 8, MOST = 2000 };

/* ---- a store ---- */

static struct ts_store *open_store(const char *directory)
{
    struct ts_err err = {0};
    struct ts_store_options options = {directory, true, 1 << 30, false};
    struct ts_store *store = ts_store_open(&options, &err);
    if (!store)
        fail_msg("%s", err.what);
    return store;
}

struct waiting {
    struct ts_append append;
    sem_t done;
};

static void on_done(struct ts_append *append)
{
    sem_post(&TS_CONTAINER_OF(append, struct waiting, append)->done);
}

/* A record of 32 bytes and `more`, which says its own number. */
static uint64_t append(struct ts_store *store, enum ts_table table, size_t more)
{
    struct waiting w = {.append = {.table = table, .done = on_done}};
    char *body = ts_alloc(32 + more);
    snprintf(body, 32, "%d:%llu", (int)table, (unsigned long long)ts_store_last_id(store) + 1);
    body[32 + more - 1] = 1;
    w.append.body = ts_view_of(body, 32 + more);
    sem_init(&w.done, 0, 0);
    ts_store_append(store, &w.append);
    while (sem_wait(&w.done) != 0)
        continue;
    sem_destroy(&w.done);
    free(body);
    assert_int_equal(w.append.err.code, TS_OK);
    return w.append.id;
}

/* What should be in a store that the test wrote: ids of the spool below MOST. */
struct known {
    bool there[MOST];
    size_t count;
};

/* `count` records of one size, the first `removed` of which have gone again; with one that is late. */
static void fill(const char *directory, size_t count, size_t more, size_t removed,
                 struct known *known)
{
    struct ts_store *store = open_store(directory);
    *known = (struct known){0};
    for (size_t i = 0; i < count; i++)
        known->there[append(store, TS_TABLE_SPOOL, more)] = true;
    append(store, TS_TABLE_LATE, 0);
    ts_store_close(store);
    store = open_store(directory);
    for (uint64_t id = 1; id <= removed; id++) {
        ts_store_remove(store, TS_TABLE_SPOOL, id);
        known->there[id] = false;
    }
    ts_store_close(store);
    store = open_store(directory); /* what was freed is used again */
    for (size_t i = 0; i < 3; i++)
        known->there[append(store, TS_TABLE_SPOOL, more)] = true;
    ts_store_close(store);
    known->count = count - removed + 3;
}

static void data_file(const char *directory, struct ts_buf *out)
{
    struct ts_err err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    if (!ts_buf_read_file(out, path, &err))
        fail_msg("%s", err.what);
}

static void write_data(const char *directory, const uint8_t *bytes, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (len > 0)
        assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static bool is_sound(const char *directory)
{
    struct ts_err err = {0};
    bool sound = ts_check_file(directory, true, &err);
    assert_int_equal(sound, err.code == TS_OK);
    return sound;
}

/* Of a record that append() made. */
static bool describe(ts_view bytes, struct ts_description *out)
{
    size_t len = bytes.len; /* ends with a byte that is not zero */
    while (len > 0 && bytes.ptr[len - 1] == 0)
        len--;
    *out = (struct ts_description){bytes.ptr[0] == '1' ? TS_TABLE_LATE : TS_TABLE_SPOOL, len,
                                   (ts_time)strtoul((const char *)bytes.ptr + 2, NULL, 10)};
    return len > 2 && bytes.ptr[1] == ':';
}

static void salvage(struct ts_salvage *s, const char *directory)
{
    struct ts_err err = {0};
    if (!ts_salvage(s, directory, describe, &err))
        fail_msg("%s", err.what);
}

/* ---- sound ---- */

static void a_store_in_use_is_sound_at_every_step(void **state)
{
    const struct home *home = *state;
    unsigned seed = 7;
    for (int round = 0; round < 40; round++) {
        struct ts_store *store = open_store(home->path);
        for (int i = 0; i < 60; i++) {
            int what = rand_r(&seed) % 10;
            uint64_t last = ts_store_last_id(store);
            size_t sizes[] = {0, 100, 1900, 2100, 9000, 70000};
            if (what < 5 - round % 3)
                append(store, (enum ts_table)(what % 2), sizes[rand_r(&seed) % 6]);
            else if (last > 0)
                ts_store_remove(store, (enum ts_table)(what % 2),
                                1 + (uint64_t)rand_r(&seed) % last);
        }
        ts_store_close(store);
        struct ts_err err = {0};
        if (!ts_check_file(home->path, true, &err))
            fail_msg("round %d: %s", round, err.what);
    }
}

/* ---- one page gone ---- */

/* What was saved is what was there, once each; returns how much of the spool is missing. What lost its id has
 * a new one, behind all others. */
static size_t check_saved(const struct ts_salvage *s, const struct known *known)
{
    struct ts_buf record = TS_BUF_INIT;
    bool seen[MOST] = {0};
    uint64_t before = 0;
    bool renamed = false;
    for (size_t i = 0; i < s->readable[TS_TABLE_SPOOL]; i++) {
        const struct ts_found *found = &s->records[i];
        assert_int_equal(found->table, TS_TABLE_SPOOL);
        assert_true(found->id > before);
        before = found->id;
        assert_true(ts_salvage_read(s, i, &record));
        const char *says = (const char *)record.ptr + sizeof(uint64_t);
        assert_memory_equal(says, "0:", 2);
        uint64_t id = strtoul(says + 2, NULL, 10);
        renamed = renamed || id != found->id;
        assert_true(id < MOST && !seen[id] && renamed == (id != found->id));
        seen[id] = true;
        if (!known->there[id])
            fail_msg("record %llu was removed before", (unsigned long long)id);
    }
    ts_buf_release(&record);
    return known->count - s->readable[TS_TABLE_SPOOL];
}

static void open_saved(const struct ts_salvage *s, const char *home)
{
    char to[128];
    char command[256];
    uint64_t written[TS_TABLE_COUNT];
    struct ts_err err = {0};
    snprintf(to, sizeof to, "%s/saved", home);
    if (!ts_rescue(s, to, written, &err))
        fail_msg("%s", err.what);
    struct ts_store *store = open_store(to);
    uint64_t after = 0;
    struct ts_payload *record;
    for (size_t i = 0; i < s->readable[TS_TABLE_SPOOL]; i++) {
        assert_true(ts_store_next(store, TS_TABLE_SPOOL, after, &after, &record, &err));
        assert_int_equal(after, s->records[i].id);
        ts_payload_unref(record);
    }
    assert_false(ts_store_next(store, TS_TABLE_SPOOL, after, &after, &record, &err));
    append(store, TS_TABLE_SPOOL, 5);
    ts_store_close(store);
    snprintf(command, sizeof command, "rm -r '%s'", to);
    assert_int_equal(system(command), 0);
}

/* Each page of the file in turn is zeroed, and everything else left. */
static void zero_each(const char *home, const struct known *known, size_t on_a_leaf)
{
    struct ts_buf sound = TS_BUF_INIT;
    struct ts_salvage s;
    size_t damaged = 0;
    data_file(home, &sound);
    assert_true(is_sound(home));
    for (size_t page = 0; page < sound.len / PAGE; page++) {
        uint8_t *at = sound.ptr + page * PAGE;
        uint8_t kept[PAGE];
        uint16_t type;
        memcpy(&type, at + PAGE_FLAGS, sizeof type);
        memcpy(kept, at, PAGE);
        memset(at, 0, PAGE);
        write_data(home, sound.ptr, sound.len);
        memcpy(at, kept, PAGE);
        bool opens = is_sound(home);
        salvage(&s, home);
        size_t missing = check_saved(&s, known);
        assert_int_equal(opens, s.flaw[0] == '\0');
        damaged += !opens;
        if (opens && missing > 1) /* a page inside a record: its checksum tells */
            fail_msg("page %zu: sound, and %zu records are missing", page, missing);
        if (!opens && missing > (type == LEAF ? on_a_leaf : type == OVERFLOW || type == META))
            fail_msg("page %zu of type %d: %zu records are missing", page, type, missing);
        if (page % 16 == 0)
            open_saved(&s, home);
        ts_salvage_release(&s);
    }
    assert_true(damaged > 4);
    ts_buf_release(&sound);
}

static void of_large_records_one_page_takes_one_record(void **state)
{
    const struct home *home = *state;
    struct known known;
    fill(home->path, 160, 9000, 40, &known);
    zero_each(home->path, &known, 0); /* a leaf has nothing but their ids */
}

static void of_small_records_one_page_takes_what_is_on_it(void **state)
{
    const struct home *home = *state;
    struct known known;
    fill(home->path, 300, 600, 0, &known);
    zero_each(home->path, &known, 6);
}

static void removed_small_records_do_not_outnumber_those_that_were_there(void **state)
{
    const struct home *home = *state;
    struct known known;
    struct ts_buf sound = TS_BUF_INIT;
    struct ts_salvage s;
    fill(home->path, 300, 600, 200, &known);
    data_file(home->path, &sound);
    for (size_t page = 2; page < sound.len / PAGE; page++) {
        uint8_t kept[PAGE];
        memcpy(kept, sound.ptr + page * PAGE, PAGE);
        memset(sound.ptr + page * PAGE, 0, PAGE);
        write_data(home->path, sound.ptr, sound.len);
        memcpy(sound.ptr + page * PAGE, kept, PAGE);
        salvage(&s, home->path);
        assert_true(s.readable[TS_TABLE_SPOOL] <= known.count);
        assert_true(s.readable[TS_TABLE_SPOOL] + 6 >= known.count);
        ts_salvage_release(&s);
    }
    ts_buf_release(&sound);
}

static void without_a_root_every_page_is_looked_through(void **state)
{
    const struct home *home = *state;
    struct known known;
    struct ts_buf data = TS_BUF_INIT;
    struct ts_salvage s;
    fill(home->path, 200, 9000, 0, &known);
    data_file(home->path, &data);
    memset(data.ptr, 0, (size_t)2 * PAGE);
    write_data(home->path, data.ptr, data.len);
    salvage(&s, home->path);
    assert_false(s.stored_known[TS_TABLE_SPOOL]);
    assert_int_equal(s.readable[TS_TABLE_SPOOL], known.count);
    assert_int_equal(s.readable[TS_TABLE_LATE], 1);
    ts_salvage_release(&s);
    ts_buf_release(&data);
}

/* A sender writes what looks like a leaf, with a record of its own making, into its request. */
static void a_request_that_looks_like_a_page_brings_no_record_in(void **state)
{
    const struct home *home = *state;
    struct known known;
    struct ts_buf data = TS_BUF_INIT;
    struct ts_salvage s;
    fill(home->path, 3, 600, 0, &known);
    data_file(home->path, &data);
    size_t leaf = 0;
    for (size_t page = 2; page < data.len / PAGE; page++)
        if (data.ptr[page * PAGE + PAGE_FLAGS] == LEAF &&
            memmem(data.ptr + page * PAGE, PAGE, "0:1", 3))
            leaf = page;
    assert_true(leaf > 0);
    struct waiting w = {.append = {.table = TS_TABLE_SPOOL, .done = on_done}};
    uint8_t *body = ts_alloc((size_t)8 * PAGE);
    struct ts_store *store = open_store(home->path);
    for (uint64_t id = 1; id <= ts_store_last_id(store); id++)
        ts_store_remove(store, TS_TABLE_SPOOL, id);
    for (size_t i = 0; i < 8; i++) /* at the place that is a page's beginning in the file */
        memcpy(body + i * PAGE + PAGE - 24, data.ptr + leaf * PAGE, i < 7 ? PAGE : 24);
    w.append.body = ts_view_of(body, (size_t)8 * PAGE);
    sem_init(&w.done, 0, 0);
    ts_store_append(store, &w.append);
    while (sem_wait(&w.done) != 0)
        continue;
    ts_store_close(store);
    ts_buf_clear(&data);
    data_file(home->path, &data);
    for (size_t page = 2; page < data.len / PAGE; page++) /* the tables are lost */
        if (memmem(data.ptr + page * PAGE, PAGE, "spool", 5))
            memset(data.ptr + page * PAGE, 0, PAGE);
    write_data(home->path, data.ptr, data.len);
    salvage(&s, home->path);
    assert_string_not_equal(s.flaw, "");
    assert_int_equal(s.readable[TS_TABLE_SPOOL], 1);
    assert_int_equal(s.readable[TS_TABLE_LATE], 1);
    ts_salvage_release(&s);
    ts_buf_release(&data);
    free(body);
}

/* ---- the words ---- */

static void the_refusal_says_what_where_how_much_and_the_command(void **state)
{
    const struct home *home = *state;
    struct known known;
    struct ts_buf data = TS_BUF_INIT;
    struct ts_err err = {0};
    struct ts_store_options options = {home->path, true, 1 << 20, true};
    fill(home->path, 10, 9000, 0, &known);
    data_file(home->path, &data);
    write_data(home->path, data.ptr, (size_t)20 * PAGE); /* it has room set aside behind them */
    assert_null(ts_store_open(&options, &err));
    assert_int_equal(err.code, TS_DATA_LOSS);
    const char *const words[] = {
        home->path, "/data.mdb' is damaged, page ",
        " of 13 requests, 1 of 1 late records and 0 of 0 decisions can be read",
        "trustspan store rescue ", ".rescued"};
    for (size_t i = 0; i < TS_COUNT(words); i++)
        if (!strstr(err.what, words[i]))
            fail_msg("'%s' is not in: %s", words[i], err.what);
    ts_buf_release(&data);
}

static void an_empty_file_is_a_first_start(void **state)
{
    const struct home *home = *state;
    write_data(home->path, NULL, 0);
    struct ts_store *store = open_store(home->path);
    assert_int_equal(append(store, TS_TABLE_SPOOL, 10), 1);
    ts_store_close(store);
}

/* ---- who may read it ---- */

static unsigned mode_of(const char *directory, const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void directory_and_files_are_this_users_alone(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "trustspan.lock"};
    const struct home *home = *state;
    char path[128];
    mode_t before = umask(0);
    snprintf(path, sizeof path, "%s/made/state", home->path);
    ts_store_close(open_store(path));
    assert_int_equal(mode_of(path, "."), 0700);
    for (size_t i = 0; i < TS_COUNT(names); i++) {
        char file[256];
        assert_int_equal(mode_of(path, names[i]), 0600);
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        assert_int_equal(chmod(file, 0664), 0); /* an earlier version gave others some rights */
    }
    ts_store_close(open_store(path));
    for (size_t i = 0; i < TS_COUNT(names); i++)
        assert_int_equal(mode_of(path, names[i]), 0600);
    umask(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_store_in_use_is_sound_at_every_step),
        TEST(of_large_records_one_page_takes_one_record),
        TEST(of_small_records_one_page_takes_what_is_on_it),
        TEST(removed_small_records_do_not_outnumber_those_that_were_there),
        TEST(without_a_root_every_page_is_looked_through),
        TEST(a_request_that_looks_like_a_page_brings_no_record_in),
        TEST(the_refusal_says_what_where_how_much_and_the_command),
        TEST(an_empty_file_is_a_first_start),
        TEST(directory_and_files_are_this_users_alone),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
