/* The store when its file system is full, its files are gone, or memory is short. */
#include "appending.h"

#include "store/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MIB = 1 << 20, DISK = 16 * MIB, MOST = 1 << 16 };
static const uint64_t no_limit = (uint64_t)1 << 30;

static void path_in(const struct home *home, const char *name, char path[static 128])
{
    snprintf(path, 128, "%s/%s", home->path, name);
}

static void run(const char *command, const char *first, const char *second)
{
    char line[300];
    snprintf(line, sizeof line, "%s '%s' '%s'", command, first, second);
    assert_int_equal(system(line), 0);
}

/* ---- a small file system ---- */

static int mount_disk(void **state)
{
    char options[32];
    make_home(state);
    const struct home *home = *state;
    snprintf(options, sizeof options, "size=%d", DISK);
    if (mount("none", home->path, "tmpfs", 0, options) == 0)
        return 0;
    free(*state);
    *state = NULL;
    return 0;
}

static int unmount_disk(void **state)
{
    struct home *home = *state;
    if (!home)
        return 0;
    assert_int_equal(umount(home->path), 0);
    return remove_home(state);
}

static const struct home *disk_of(void **state)
{
    if (!*state) {
        print_message("skipped: mounting a file system needs root\n");
        skip();
    }
    return *state;
}

/* What somebody else writes, until nothing is left. */
static void fill_the_rest(const struct home *home)
{
    static const char bytes[4096];
    char path[128];
    path_in(home, "somebody-elses", path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static uint64_t put(struct ts_store *store, enum ts_table table, size_t size, struct ts_err *err)
{
    static uint8_t bytes[4 * MIB];
    struct waiting w;
    start(store, &w, table, TS_NOTHING, ts_view_of(bytes, size));
    uint64_t id = finish(&w);
    *err = w.append.err;
    return id;
}

static size_t put_until_refused(struct ts_store *store, size_t size, uint64_t *ids)
{
    struct ts_err err;
    size_t count = 0;
    while (count < MOST && (ids[count] = put(store, TS_TABLE_SPOOL, size, &err)) != 0)
        count++;
    assert_int_equal(err.code, TS_UNAVAILABLE);
    assert_true(err.retry_after > 0);
    assert_non_null(strstr(err.what, "file system is full"));
    return count;
}

static struct ts_store_stats stats_of(struct ts_store *store)
{
    struct ts_store_stats stats;
    ts_store_stats(store, &stats);
    return stats;
}

/* Gives up after a minute, which is many times what it takes. */
static void wait_until_empty(struct ts_store *store)
{
    for (int i = 0; stats_of(store).records[TS_TABLE_SPOOL] > 0; i++) {
        assert_true(i < 6000);
        usleep(10000);
    }
}

static void remove_all(struct ts_store *store, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ts_store_remove(store, TS_TABLE_SPOOL, ids[i]);
}

static void drains_and_takes_again(const struct home *home, size_t size, bool others_too)
{
    static uint64_t ids[MOST];
    struct ts_err err;
    struct ts_store *store = open_store(home, no_limit);
    size_t count;
    if (others_too) {
        for (count = 0; count < 8 * MIB / (size < 1024 ? 1024 : size); count++)
            assert_true((ids[count] = put(store, TS_TABLE_SPOOL, size, &err)) != 0);
        fill_the_rest(home);
        count += put_until_refused(store, size, ids + count);
    } else {
        count = put_until_refused(store, size, ids);
        fill_the_rest(home);
    }
    assert_true(count > 1);
    assert_true(stats_of(store).refused[TS_REFUSED_DISK_FULL] > 0);

    ts_store_close(store);
    store = open_store(home, no_limit); /* with a full disk, too */
    assert_int_equal(stats_of(store).records[TS_TABLE_SPOOL], count);
    remove_all(store, ids, count / 2);
    remove_all(store, ids + count / 2, count - count / 2);
    wait_until_empty(store);
    assert_true(put(store, TS_TABLE_SPOOL, size, &err) != 0);
    assert_true(put(store, TS_TABLE_LATE, size, &err) != 0);
    ts_store_close(store);

    store = open_store(home, no_limit);
    assert_int_equal(stats_of(store).records[TS_TABLE_SPOOL], 1);
    assert_int_equal(stats_of(store).records[TS_TABLE_LATE], 1);
    ts_store_close(store);
}

static void a_full_disk_drains_of_long_records(void **state)
{
    drains_and_takes_again(disk_of(state), 300000, false);
}

static void a_full_disk_drains_of_records_of_the_longest_kind(void **state)
{
    drains_and_takes_again(disk_of(state), 3 * MIB, false);
}

static void a_full_disk_drains_of_short_records(void **state)
{
    drains_and_takes_again(disk_of(state), 1000, false);
}

static void a_disk_that_others_fill_drains_of_long_records(void **state)
{
    drains_and_takes_again(disk_of(state), 300000, true);
}

static void a_disk_that_others_fill_drains_of_short_records(void **state)
{
    drains_and_takes_again(disk_of(state), 1000, true);
}

/* One after the other, while senders keep trying. */
static void removals_go_on_between_appends_that_are_refused(void **state)
{
    static uint64_t ids[MOST];
    struct ts_err err;
    struct ts_store *store = open_store(disk_of(state), no_limit);
    size_t count = put_until_refused(store, 100000, ids);
    size_t more = 0;
    fill_the_rest(*state);
    for (size_t i = 0; i < count; i++) {
        uint64_t before = stats_of(store).records[TS_TABLE_SPOOL];
        ts_store_remove(store, TS_TABLE_SPOOL, ids[i]);
        ids[more] = put(store, TS_TABLE_SPOOL, 3 * MIB, &err);
        more += ids[more] != 0;
        assert_int_equal(stats_of(store).records[TS_TABLE_SPOOL], before - (err.code != TS_OK));
    }
    assert_true(more > 0);
    remove_all(store, ids, more);
    wait_until_empty(store);
    ts_store_close(store);
}

static void a_full_disk_takes_no_new_store(void **state)
{
    const struct home *home = disk_of(state);
    struct ts_err err = {0};
    struct ts_store_options options = {home->path, true, no_limit, true};
    fill_the_rest(home);
    assert_null(ts_store_open(&options, &err));
    assert_non_null(strstr(err.what, "No space left"));
}

static void a_cache_on_a_full_disk_loses_values_and_counts_them(void **state)
{
    enum { VALUE = 10000 };
    static uint8_t value[VALUE];
    const struct home *home = disk_of(state);
    struct ts_err err = {0};
    struct ts_cache_options options = {home->path, 64 * MIB, 3600 * TS_S};
    struct ts_cache *cache = ts_cache_open(&options, &err);
    struct ts_cache_key key = ts_cache_key_of(TS_LIT("first"));
    assert_non_null(cache);
    ts_cache_put(cache, &key, TS_LIT("value"));
    ts_cache_close(cache);
    cache = ts_cache_open(&options, &err);
    for (uint64_t i = 0; ts_cache_lost(cache) == 0; i++) {
        struct ts_cache_key other = ts_cache_key_of(ts_view_of(&i, sizeof i));
        assert_true(i < MOST);
        ts_cache_put(cache, &other, ts_view_of(value, VALUE));
        usleep(100);
    }
    struct ts_arena *arena = ts_arena_new();
    ts_view found;
    assert_true(ts_cache_get(cache, &key, arena, &found));
    assert_memory_equal(found.ptr, "value", found.len);
    ts_arena_free(arena);
    ts_cache_close(cache);
}

static void a_full_disk_takes_no_new_cache(void **state)
{
    const struct home *home = disk_of(state);
    struct ts_err err = {0};
    struct ts_cache_options options = {home->path, 64 * MIB, 3600 * TS_S};
    fill_the_rest(home);
    assert_null(ts_cache_open(&options, &err));
    assert_non_null(strstr(err.what, "No space left"));
}

/* ---- files that are gone ---- */

static bool refuses_in_time(struct ts_store *store)
{
    struct ts_err err;
    return put(store, TS_TABLE_SPOOL, 100, &err) == 0 &&
           stats_of(store).refused[TS_REFUSED_DIRECTORY] > 0 && err.code == TS_UNAVAILABLE;
}

static uint64_t records(struct ts_store *store)
{
    return stats_of(store).records[TS_TABLE_SPOOL];
}

static void a_directory_that_was_moved_is_missed_until_it_is_back(void **state)
{
    const struct home *home = *state;
    char inside[128];
    char aside[128];
    struct ts_err err;
    uint64_t id;
    struct ts_payload *record;
    path_in(home, "state", inside);
    path_in(home, "aside", aside);
    struct ts_store *store = open_store_in(inside, no_limit);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    run("mv", inside, aside);
    assert_true(refuses_in_time(store));
    assert_true(ts_store_next(store, TS_TABLE_SPOOL, 0, &id, &record, &err)); /* still delivered */
    ts_payload_unref(record);
    run("mv", aside, inside);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    ts_store_close(store);
    store = open_store_in(inside, no_limit);
    assert_int_equal(records(store), 2); /* nothing of what was refused */
    ts_store_close(store);
}

static void a_directory_that_was_deleted_is_missed(void **state)
{
    const struct home *home = *state;
    char inside[128];
    char other[128];
    struct ts_err err;
    path_in(home, "state", inside);
    struct ts_store *store = open_store_in(inside, no_limit);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    path_in(home, "lock.mdb", other);
    run("rm -rf", inside, other);
    assert_true(refuses_in_time(store));
    struct ts_store *another = open_store_in(inside, no_limit); /* has the name for itself */
    assert_true(refuses_in_time(store));
    assert_true(put(another, TS_TABLE_SPOOL, 100, &err) != 0);
    ts_store_close(store);
    assert_true(put(another, TS_TABLE_SPOOL, 100, &err) != 0);
    ts_store_close(another);
}

static void a_data_file_that_was_replaced_is_missed(void **state)
{
    char data[128];
    char copy[128];
    struct ts_err err;
    struct ts_store *store = open_store(*state, no_limit);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    path_in(*state, "data.mdb", data);
    path_in(*state, "copy", copy);
    run("cp", data, copy);
    run("mv", copy, data);
    assert_true(refuses_in_time(store));
    ts_store_close(store);
}

static void a_lock_file_that_was_deleted_is_made_again_and_guards(void **state)
{
    const struct home *home = *state;
    char lock[128];
    struct ts_err err = {0};
    struct ts_store *store = open_store(home, no_limit);
    path_in(home, "trustspan.lock", lock);
    assert_int_equal(unlink(lock), 0);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    struct ts_store_options options = {home->path, true, no_limit, true};
    assert_null(ts_store_open(&options, &err));
    assert_non_null(strstr(err.what, "another trustspan uses"));
    ts_store_close(store);
}

/* In a process of its own, as LMDB wants it. Without waiting: the other has the lock file at once. */
static void of_two_on_one_store_one_refuses(void **state)
{
    const struct home *home = *state;
    char lock[128];
    struct ts_err err;
    int there[2];
    int back[2];
    char byte;
    path_in(home, "trustspan.lock", lock);
    assert_int_equal(pipe(there) + pipe(back), 0);
    pid_t child = fork();
    if (child == 0) {
        if (read(there[0], &byte, 1) != 1 || unlink(lock) != 0)
            _exit(1);
        struct ts_store *mine = open_store(home, no_limit);
        bool took = put(mine, TS_TABLE_SPOOL, 100, &err) != 0;
        if (write(back[1], "x", 1) != 1 || read(there[0], &byte, 1) != 1)
            _exit(1);
        ts_store_close(mine);
        _exit(took ? 0 : 2);
    }
    struct ts_store *store = open_store(home, no_limit);
    assert_true(put(store, TS_TABLE_SPOOL, 100, &err) != 0);
    assert_int_equal(kill(child, 0), 0);
    assert_int_equal(write(there[1], "x", 1), 1);
    assert_int_equal(read(back[0], &byte, 1), 1);
    assert_true(refuses_in_time(store));
    int status;
    assert_int_equal(write(there[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(refuses_in_time(store)); /* what the other has written is not known here */
    ts_store_close(store);
    close(there[0]);
    close(there[1]);
    close(back[0]);
    close(back[1]);
}

/* ---- memory ---- */

static size_t mapped_kib(void)
{
    char line[128];
    size_t kib = 0;
    size_t found;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssFile: %zu", &found) == 1 || sscanf(line, "RssShmem: %zu", &found) == 1)
            kib += found;
    fclose(f);
    return kib;
}

/* 200 MiB in, out, and away, by one record after the other. */
static void what_was_read_does_not_stay_mapped(void **state)
{
    enum { RECORD = MIB / 4, COUNT = 800, MOST_KIB = 32 << 10 };
    static struct waiting waiting[COUNT];
    static uint8_t bytes[RECORD];
    struct ts_err err = {0};
    struct ts_payload *record;
    uint64_t id = 0;
    struct ts_store *store = open_store(*state, no_limit);
    size_t before = mapped_kib();
    size_t most = 0;
    for (size_t i = 0; i < COUNT; i++)
        start(store, &waiting[i], TS_TABLE_SPOOL, TS_NOTHING, ts_view_of(bytes, RECORD));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_not_equal(finish(&waiting[i]), 0);
    while (ts_store_next(store, TS_TABLE_SPOOL, id, &id, &record, &err)) {
        most = mapped_kib() > most ? mapped_kib() : most;
        ts_payload_unref(record);
        ts_store_remove(store, TS_TABLE_SPOOL, id);
    }
    assert_int_equal(id, COUNT);
    wait_until_empty(store);
    most = mapped_kib() > most ? mapped_kib() : most;
    print_message("mapped: %zu KiB above %zu\n", most - before, before);
    assert_true(most < before + MOST_KIB);
    ts_store_close(store);
}

#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, mount_disk, unmount_disk)
#define TEST(name)    cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(a_full_disk_drains_of_long_records),
        ON_DISK(a_full_disk_drains_of_records_of_the_longest_kind),
        ON_DISK(a_full_disk_drains_of_short_records),
        ON_DISK(a_disk_that_others_fill_drains_of_long_records),
        ON_DISK(a_disk_that_others_fill_drains_of_short_records),
        ON_DISK(removals_go_on_between_appends_that_are_refused),
        ON_DISK(a_full_disk_takes_no_new_store),
        ON_DISK(a_cache_on_a_full_disk_loses_values_and_counts_them),
        ON_DISK(a_full_disk_takes_no_new_cache),
        TEST(a_directory_that_was_moved_is_missed_until_it_is_back),
        TEST(a_directory_that_was_deleted_is_missed),
        TEST(a_data_file_that_was_replaced_is_missed),
        TEST(a_lock_file_that_was_deleted_is_made_again_and_guards),
        TEST(of_two_on_one_store_one_refuses),
        TEST(what_was_read_does_not_stay_mapped),
    };
    return cmocka_run_group_tests_name("store in trouble", tests, NULL, NULL);
}
