/* The score cache: what was put is found, also before it is on disk, by many threads and processes;
 * a full one throws the oldest out; nobody waits for another process. */
#include "temporary.h"

#include "store/cache.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 1 << 20 };

static struct ts_cache *open_cache(const struct home *home, uint64_t max_bytes, ts_time max_age)
{
    struct ts_err err = {0};
    struct ts_cache_options options = {home->path, max_bytes, max_age};
    struct ts_cache *cache = ts_cache_open(&options, &err);
    if (!cache)
        fail_msg("%s", err.what);
    return cache;
}

static struct ts_cache_key key_of(int number)
{
    return ts_cache_key_of(ts_view_of(&number, sizeof number));
}

static void put(struct ts_cache *cache, int number, const char *value)
{
    struct ts_cache_key key = key_of(number);
    ts_cache_put(cache, &key, ts_view_str(value));
}

static bool has(struct ts_cache *cache, int number, const char *value)
{
    struct ts_arena *arena = ts_arena_new();
    struct ts_cache_key key = key_of(number);
    ts_view got;
    bool found = ts_cache_get(cache, &key, arena, &got);
    if (found && value)
        assert_view_is(got, value);
    ts_arena_free(arena);
    return found;
}

static char *long_value(size_t len)
{
    char *value = ts_alloc(len + 1);
    memset(value, 'v', len);
    return value;
}

/* ---- another process that is in the middle of a write ---- */

struct other {
    pid_t pid;
    int to, from;
};

static void hold_write_lock(const struct home *home, int from, int to)
{
    MDB_env *env;
    MDB_txn *txn;
    char byte;
    if (read(from, &byte, 1) != 1 || mdb_env_create(&env) != 0 ||
        mdb_env_open(env, home->path, MDB_NOSYNC, 0640) != 0 ||
        mdb_txn_begin(env, NULL, 0, &txn) != 0)
        _exit(1);
    if (write(to, "h", 1) != 1 || read(from, &byte, 1) != 1)
        _exit(2);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    _exit(0);
}

/* To be called before the cache is opened: LMDB does not outlive a fork. */
static struct other start_other(const struct home *home)
{
    int down[2];
    int up[2];
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    struct other other = {fork(), down[1], up[0]};
    assert_true(other.pid >= 0);
    if (other.pid == 0) {
        close(down[1]); /* so that it ends with us */
        close(up[0]);
        hold_write_lock(home, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    return other;
}

static void let_hold(struct other *other)
{
    char byte;
    assert_int_equal(write(other->to, "x", 1), 1);
    assert_int_equal(read(other->from, &byte, 1), 1);
}

static void let_go(struct other *other)
{
    int status;
    assert_int_equal(write(other->to, "x", 1), 1);
    assert_int_equal(waitpid(other->pid, &status, 0), other->pid);
    assert_int_equal(status, 0);
    close(other->to);
    close(other->from);
}

/* ---- tests ---- */

static void what_was_put_is_found_at_once_and_after_a_restart(void **state)
{
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    put(cache, 1, "one");
    put(cache, 2, "");
    assert_true(has(cache, 1, "one"));
    assert_true(has(cache, 2, ""));
    assert_false(has(cache, 3, NULL));
    put(cache, 1, "uno");
    assert_true(has(cache, 1, "uno"));
    ts_cache_close(cache);

    cache = open_cache(*state, SMALL, TS_NEVER);
    assert_true(has(cache, 1, "uno"));
    assert_true(has(cache, 2, ""));
    ts_cache_close(cache);
    ts_cache_close(NULL);
}

static void what_is_too_old_is_not_found(void **state)
{
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    put(cache, 1, "one");
    ts_cache_close(cache);
    cache = open_cache(*state, SMALL, 0);
    assert_false(has(cache, 1, NULL));
    put(cache, 2, "two");
    assert_false(has(cache, 2, NULL));
    ts_cache_close(cache);
}

/* The other process lets go only after the puts have returned: one that waits, waits for ever. */
static void a_put_does_not_wait_for_another_process(void **state)
{
    enum { COUNT = 100 };
    struct other other = start_other(*state);
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    put(cache, 0, "before");
    let_hold(&other);
    for (int i = 1; i <= COUNT; i++)
        put(cache, i, "while it is held");
    for (int i = 1; i <= COUNT; i++)
        assert_true(has(cache, i, "while it is held"));
    put(cache, 1, "newer");
    assert_true(has(cache, 1, "newer"));
    assert_true(has(cache, 0, "before"));
    let_go(&other);
    ts_cache_close(cache); /* writes what waits */

    cache = open_cache(*state, SMALL, TS_NEVER);
    assert_true(has(cache, 0, "before"));
    assert_true(has(cache, 1, "newer"));
    for (int i = 2; i <= COUNT; i++)
        assert_true(has(cache, i, "while it is held"));
    ts_cache_close(cache);
}

static uint64_t file_size(const struct home *home)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/data.mdb", home->path);
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static void a_full_cache_throws_the_oldest_out(void **state)
{
    enum { ROUNDS = 40, EACH = 100, VALUE = 1000, KEPT = 200 };
    char *value = long_value(VALUE);
    for (int round = 0; round < ROUNDS; round++) { /* four times what the file takes */
        struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
        for (int i = 0; i < EACH; i++)
            put(cache, round * EACH + i, value);
        ts_cache_close(cache);
    }
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    int first = -1;
    for (int i = 0; i < ROUNDS * EACH; i++) {
        bool found = has(cache, i, value);
        if (found && first < 0)
            first = i;
        assert_true(found == (first >= 0)); /* the oldest are gone, and nothing between */
    }
    assert_true(first > 0 && first <= ROUNDS * EACH - KEPT);
    assert_true(file_size(*state) <= SMALL);
    ts_cache_close(cache);
    free(value);
}

static void nor_does_a_put_into_a_full_cache(void **state)
{
    enum { FILL = 2000, COUNT = 50, VALUE = 1000 };
    char *value = long_value(VALUE);
    struct other other = start_other(*state);
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    for (int i = 0; i < FILL; i++) /* twice what the file takes */
        put(cache, i, value);
    ts_cache_close(cache);
    cache = open_cache(*state, SMALL, TS_NEVER);
    assert_false(has(cache, 0, NULL));
    let_hold(&other);
    for (int i = FILL; i < FILL + COUNT; i++)
        put(cache, i, value);
    let_go(&other);
    ts_cache_close(cache);

    cache = open_cache(*state, SMALL, TS_NEVER);
    for (int i = FILL; i < FILL + COUNT; i++)
        assert_true(has(cache, i, value));
    ts_cache_close(cache);
    free(value);
}

/* 16 MiB wait; of what is beyond, the oldest are lost and counted. */
static void what_waits_is_bounded(void **state)
{
    enum { COUNT = 300, VALUE = 100000, LEAST = 150, LARGE = 256 << 20 };
    char *value = long_value(VALUE);
    struct other other = start_other(*state);
    struct ts_cache *cache = open_cache(*state, LARGE, TS_NEVER);
    let_hold(&other);
    for (int i = 0; i < COUNT; i++)
        put(cache, i, value);
    int lost = (int)ts_cache_lost(cache);
    assert_true(lost > 0 && lost <= COUNT - LEAST);
    let_go(&other);
    ts_cache_close(cache);

    cache = open_cache(*state, LARGE, TS_NEVER);
    int found = 0;
    for (int i = 0; i < COUNT; i++)
        found += has(cache, i, value);
    assert_int_equal(found, COUNT - lost);
    for (int i = COUNT - LEAST; i < COUNT; i++)
        assert_true(has(cache, i, NULL));
    ts_cache_close(cache);
    free(value);
}

static void a_value_that_would_push_all_others_out_is_not_kept(void **state)
{
    char *value = long_value(SMALL / 2);
    struct ts_cache *cache = open_cache(*state, SMALL, TS_NEVER);
    put(cache, 1, "one");
    put(cache, 2, value);
    assert_false(has(cache, 2, NULL));
    assert_true(has(cache, 1, "one"));
    assert_int_equal(ts_cache_lost(cache), 1);
    ts_cache_close(cache);
    free(value);
}

static int put_raw(MDB_env *env, MDB_dbi values, MDB_dbi ages, int number)
{
    struct {
        uint64_t time;
        char text[1000];
    } value = {1, "v"};
    struct ts_cache_key key = key_of(number);
    uint8_t age[sizeof value.time + sizeof key] = {0};
    MDB_txn *txn;
    MDB_val k = {sizeof key, &key};
    MDB_val v = {sizeof value, &value};
    MDB_val a = {sizeof age, age};
    MDB_val nothing = {0, NULL};
    age[sizeof value.time - 1] = 1; /* big endian */
    memcpy(age + sizeof value.time, &key, sizeof key);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    int bad = mdb_put(txn, values, &k, &v, 0);
    if (!bad)
        bad = mdb_put(txn, ages, &a, &nothing, 0);
    if (!bad)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return bad;
}

/* Earlier versions filled the file to the last page, and then could not even throw out. */
static void a_file_without_a_free_page_is_used_again(void **state)
{
    enum { NEW = 100000, COUNT = 3000, KEPT = 100 };
    const struct home *home = *state;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi values;
    MDB_dbi ages;
    assert_int_equal(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 2);
    mdb_env_set_mapsize(env, SMALL);
    assert_int_equal(mdb_env_open(env, home->path, MDB_NOSYNC, 0640), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "values", MDB_CREATE, &values), 0);
    assert_int_equal(mdb_dbi_open(txn, "ages", MDB_CREATE, &ages), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    int bad = 0;
    for (int i = 0; !bad; i++)
        bad = put_raw(env, values, ages, i);
    assert_int_equal(bad, MDB_MAP_FULL);
    mdb_env_close(env);

    char *value = long_value(1000);
    struct ts_cache *cache = open_cache(home, SMALL, TS_NEVER);
    for (int i = 0; i < COUNT; i++)
        put(cache, NEW + i, value);
    ts_cache_close(cache);
    cache = open_cache(home, SMALL, TS_NEVER);
    for (int i = COUNT - KEPT; i < COUNT; i++)
        assert_true(has(cache, NEW + i, value));
    ts_cache_close(cache);
    free(value);
}

enum { THREADS = 4, PUTS = 2000 };

struct worker {
    struct ts_cache *cache;
    int first;
    int missed;
};

static void *put_and_get(void *arg)
{
    struct worker *w = arg;
    for (int i = w->first; i < w->first + PUTS; i++) {
        put(w->cache, i, "mine");
        w->missed += !has(w->cache, i, "mine");
    }
    return NULL;
}

/* Also between the moment when it waits and that when it is in the file. */
static void many_threads_find_what_they_put(void **state)
{
    struct ts_cache *cache = open_cache(*state, 64 << 20, TS_NEVER);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){cache, i * PUTS, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_get, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].missed, 0);
    }
    assert_int_equal(ts_cache_lost(cache), 0);
    ts_cache_close(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    alarm(120); /* whoever waits for the other process, waits for ever */
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found_at_once_and_after_a_restart),
        TEST(what_is_too_old_is_not_found),
        TEST(a_full_cache_throws_the_oldest_out),
        TEST(a_value_that_would_push_all_others_out_is_not_kept),
        TEST(a_file_without_a_free_page_is_used_again),
        TEST(many_threads_find_what_they_put),
        TEST(what_waits_is_bounded),
        TEST(a_put_does_not_wait_for_another_process),
        TEST(nor_does_a_put_into_a_full_cache),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
