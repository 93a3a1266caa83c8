/* The store: durable appends in order, removals, restart, limits, damage. */
#include "appending.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

/* Reads all records above `after` as "id=text " in order. */
static void read_all(struct ts_store *store, enum ts_table table, uint64_t after,
                     struct ts_buf *out)
{
    struct ts_err err = {0};
    struct ts_payload *record;
    uint64_t id;
    ts_buf_clear(out);
    while (ts_store_next(store, table, after, &id, &record, &err)) {
        ts_view v = ts_payload_view(record);
        ts_buf_printf(out, "%d=" TS_FMT " ", (int)id, TS_ARG(v));
        ts_payload_unref(record);
        after = id;
    }
    assert_int_equal(err.code, TS_OK);
}

static void records_come_back_in_order_after_a_restart(void **state)
{
    struct ts_buf seen = TS_BUF_INIT;
    struct ts_store *store = open_store(*state, 1 << 20);
    assert_int_equal(append(store, TS_TABLE_SPOOL, "a"), 1);
    assert_int_equal(append(store, TS_TABLE_LATE, "b"), 2);
    assert_int_equal(append(store, TS_TABLE_SPOOL, "c"), 3);
    ts_store_close(store);

    store = open_store(*state, 1 << 20);
    read_all(store, TS_TABLE_SPOOL, 0, &seen);
    assert_string_equal(ts_buf_cstr(&seen), "1=head:a 3=head:c ");
    read_all(store, TS_TABLE_SPOOL, 1, &seen);
    assert_string_equal(ts_buf_cstr(&seen), "3=head:c ");
    read_all(store, TS_TABLE_LATE, 0, &seen);
    assert_string_equal(ts_buf_cstr(&seen), "2=head:b ");
    assert_int_equal(append(store, TS_TABLE_SPOOL, "d"), 4);
    ts_store_close(store);
    ts_buf_release(&seen);
}

static void removed_records_stay_away(void **state)
{
    struct ts_buf seen = TS_BUF_INIT;
    struct ts_store *store = open_store(*state, 1 << 20);
    uint64_t first = append(store, TS_TABLE_SPOOL, "a");
    append(store, TS_TABLE_SPOOL, "b");
    ts_store_remove(store, TS_TABLE_SPOOL, first);
    ts_store_remove(store, TS_TABLE_SPOOL, first); /* twice is harmless */
    ts_store_close(store);

    store = open_store(*state, 1 << 20);
    read_all(store, TS_TABLE_SPOOL, 0, &seen);
    assert_string_equal(ts_buf_cstr(&seen), "2=head:b ");
    struct ts_store_stats stats;
    ts_store_stats(store, &stats);
    assert_int_equal(stats.records[TS_TABLE_SPOOL], 1);
    ts_store_close(store);
    ts_buf_release(&seen);
}

static void a_full_store_refuses_with_a_delay_and_takes_again_after_removals(void **state)
{
    enum { RECORD = 100000, LIMIT = 1 << 20 };
    struct ts_store *store = open_store(*state, LIMIT);
    uint8_t *big = ts_alloc(RECORD);
    uint64_t ids[32];
    size_t count = 0;
    struct waiting w;
    for (;;) {
        start(store, &w, TS_TABLE_SPOOL, TS_NOTHING, ts_view_of(big, RECORD));
        uint64_t id = finish(&w);
        if (!id)
            break;
        ids[count++] = id;
        assert_true(count < TS_COUNT(ids));
    }
    assert_true(count >= 9);
    assert_int_equal(w.append.err.code, TS_UNAVAILABLE);
    assert_true(w.append.err.retry_after > 0);
    assert_non_null(strstr(w.append.err.what, "full"));

    for (int round = 0; round < 50; round++) { /* freed pages are used again */
        ts_store_remove(store, TS_TABLE_SPOOL, ids[0]);
        memmove(ids, ids + 1, (count - 1) * sizeof *ids);
        start(store, &w, TS_TABLE_SPOOL, TS_NOTHING, ts_view_of(big, RECORD));
        ids[count - 1] = finish(&w);
        assert_int_not_equal(ids[count - 1], 0);
    }
    free(big);
    ts_store_close(store);
}

static void a_record_with_a_flipped_byte_is_passed_over(void **state)
{
    const struct home *home = *state;
    struct ts_buf seen = TS_BUF_INIT;
    struct ts_store *store = open_store(home, 1 << 20);
    append(store, TS_TABLE_SPOOL, "needle-one");
    append(store, TS_TABLE_SPOOL, "good");
    ts_store_close(store);

    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", home->path);
    struct ts_buf file = TS_BUF_INIT;
    struct ts_err err = {0};
    assert_true(ts_buf_read_file(&file, path, &err));
    int fd = open(path, O_RDWR);
    size_t at = 0;
    size_t hit;
    while ((hit = ts_view_find(ts_view_from(ts_buf_view(&file), at), TS_LIT("needle"))) !=
           SIZE_MAX) {
        assert_int_equal(pwrite(fd, "N", 1, (off_t)(at + hit)), 1);
        at += hit + 1;
    }
    close(fd);
    assert_true(at > 0);

    store = open_store(home, 1 << 20);
    read_all(store, TS_TABLE_SPOOL, 0, &seen);
    assert_string_equal(ts_buf_cstr(&seen), "2=head:good ");
    struct ts_store_stats stats;
    ts_store_stats(store, &stats);
    assert_int_equal(stats.corrupt, 1);
    ts_store_close(store);
    ts_buf_release(&seen);
    ts_buf_release(&file);
}

static void appends_from_many_threads_share_commits(void **state)
{
    enum { THREADS = 8, EACH = 50 };
    struct ts_store *store = open_store(*state, 16 << 20);
    struct waiting *all = ts_alloc(THREADS * EACH * sizeof *all);
    for (size_t i = 0; i < THREADS * EACH; i++)
        start(store, &all[i], TS_TABLE_SPOOL, TS_NOTHING, TS_LIT("x"));
    for (size_t i = 0; i < THREADS * EACH; i++)
        assert_int_equal(finish(&all[i]), i + 1); /* ids in the order of the calls */
    struct ts_store_stats stats;
    ts_store_stats(store, &stats);
    assert_true(stats.commits < THREADS * EACH / 2);
    assert_int_equal(stats.records[TS_TABLE_SPOOL], THREADS * EACH);
    ts_store_close(store);
    free(all);
}

static void check_refused(const char *directory, bool create, const char *wanted)
{
    struct ts_err err = {0};
    struct ts_store_options options = {directory, create, 1 << 20, true};
    struct ts_store *store = ts_store_open(&options, &err);
    assert_null(store);
    if (!strstr(err.what, wanted))
        fail_msg("'%s' does not say '%s'", err.what, wanted);
}

static void a_second_process_is_kept_out(void **state)
{
    const struct home *home = *state;
    struct ts_store *store = open_store(home, 1 << 20);
    check_refused(home->path, true, "another trustspan uses");
    ts_store_close(store);
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    check_refused("/proc/no/such", true, "cannot create the state directory '/proc/no/such'");
    check_refused("/tmp/ts-store-does-not-exist", false, "cannot write in the state directory");
}

static void a_file_that_is_no_store_is_left_alone(void **state)
{
    const struct home *home = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", home->path);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputs("not a database ", f);
    fclose(f);
    check_refused(home->path, true, "move it aside");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 150000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_back_in_order_after_a_restart),
        TEST(removed_records_stay_away),
        TEST(a_full_store_refuses_with_a_delay_and_takes_again_after_removals),
        TEST(a_record_with_a_flipped_byte_is_passed_over),
        TEST(appends_from_many_threads_share_commits),
        TEST(a_second_process_is_kept_out),
        TEST(a_directory_that_cannot_be_made_is_named),
        TEST(a_file_that_is_no_store_is_left_alone),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
