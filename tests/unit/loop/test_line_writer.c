/* The line writer: order, one write a line, and that nobody but its thread ever waits for the file. */
#include "testing.h"

#include "loop/line_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 1 << 20 };

static struct ts_line_writer *open_writer(int file, size_t max_bytes)
{
    struct ts_err err = {0};
    struct ts_line_writer *w = ts_line_writer_new(file, "test", max_bytes, &err);
    if (!w)
        fail_msg("%s", err.what);
    return w;
}

static int temporary_file(char *path, size_t size)
{
    snprintf(path, size, "/tmp/ts-lines-XXXXXX");
    int file = mkostemp(path, O_APPEND);
    assert_true(file >= 0);
    return file;
}

static void add(struct ts_line_writer *w, const char *text, struct ts_job *job)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_add_str(&line, text);
    ts_line_writer_add(w, &line, job);
    assert_int_equal(line.len, 0); /* taken over */
    assert_null(line.ptr);
}

static void add_long(struct ts_line_writer *w, char letter, size_t len, struct ts_job *job)
{
    struct ts_buf line = TS_BUF_INIT;
    memset(ts_buf_reserve(&line, len), letter, len);
    line.len = len;
    line.ptr[len - 1] = '\n';
    ts_line_writer_add(w, &line, job);
}

/* A job that breaks its loop when it ends. */
struct waiting {
    struct ts_job job;
    int ended; /* times */
    enum ts_job_end end;
};

static void on_end(struct ts_job *job, enum ts_job_end end)
{
    struct waiting *w = TS_CONTAINER_OF(job, struct waiting, job);
    assert_true(ts_loop_here(job->home));
    w->ended++;
    w->end = end;
    ts_loop_break(job->home);
}

static struct waiting waiting_on(struct ts_loop *loop)
{
    return (struct waiting){.job = {.home = loop, .done = on_end}};
}

struct stop_task {
    struct ts_task task;
    struct ts_loop *loop;
};

static void break_it(struct ts_task *task)
{
    ts_loop_break(TS_CONTAINER_OF(task, struct stop_task, task)->loop);
}

/* Runs what has been posted to the loop so far. */
static void run_posted(struct ts_loop *loop)
{
    struct stop_task last = {{.run = break_it}, loop};
    ts_loop_post(loop, &last.task);
    ts_loop_run(loop);
}

static size_t read_some(int from, uint8_t *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = read(from, out + got, len - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

/* ---- tests ---- */

static void lines_are_in_the_file_in_order_when_it_has_stopped(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    char path[64];
    struct ts_line_writer *w = open_writer(temporary_file(path, sizeof path), MANY);
    struct ts_buf wanted = TS_BUF_INIT;
    struct ts_buf got = TS_BUF_INIT;
    struct ts_err err = {0};
    for (int i = 0; i < COUNT; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %d\n", i);
        ts_buf_add_str(&wanted, text);
        add(w, text, NULL);
    }
    ts_line_writer_stop(w, TS_NEVER);
    assert_int_equal(ts_line_writer_lost(w), 0);
    assert_true(ts_buf_read_file(&got, path, &err));
    assert_string_equal(ts_buf_cstr(&got), ts_buf_cstr(&wanted));
    ts_line_writer_stop(w, TS_NEVER); /* twice is fine */
    ts_line_writer_free(w);
    ts_line_writer_free(NULL);
    unlink(path);
    ts_buf_release(&wanted);
    ts_buf_release(&got);
}

static void a_job_ends_when_its_line_is_written(void **state)
{
    (void)state;
    char path[64];
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(temporary_file(path, sizeof path), MANY);
    struct waiting one = waiting_on(loop);
    struct ts_buf got = TS_BUF_INIT;
    struct ts_err err = {0};
    add(w, "one\n", &one.job);
    assert_int_equal(one.ended, 0); /* never inside the call */
    ts_loop_run(loop);
    assert_int_equal(one.ended, 1);
    assert_int_equal(one.end, TS_JOB_DONE);
    assert_true(ts_buf_read_file(&got, path, &err));
    assert_string_equal(ts_buf_cstr(&got), "one\n");
    ts_line_writer_free(w);
    ts_loop_free(loop);
    unlink(path);
    ts_buf_release(&got);
}

static void a_pipe_that_nobody_reads_does_not_hold_up_a_loop(void **state)
{
    (void)state;
    enum { LEN = 300000 };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(ends[1], MANY);
    struct waiting one = waiting_on(loop);
    struct waiting two = waiting_on(loop);
    add_long(w, '1', LEN, &one.job);
    add_long(w, '2', LEN, &two.job);
    run_posted(loop); /* the loop goes on … */
    assert_int_equal(one.ended + two.ended, 0);
    uint8_t *got = ts_alloc(2 * LEN);
    assert_int_equal(read_some(ends[0], got, 2 * LEN), 2 * LEN);
    while (one.ended + two.ended < 2) /* … and hears of its lines when they are read */
        ts_loop_run(loop);
    assert_int_equal(one.end, TS_JOB_DONE);
    assert_int_equal(two.end, TS_JOB_DONE);
    assert_true(got[0] == '1' && got[LEN - 2] == '1' && got[LEN - 1] == '\n' && got[LEN] == '2');
    ts_line_writer_free(w);
    close(ends[0]);
    ts_loop_free(loop);
    free(got);
}

static void a_file_that_takes_less_than_a_line_gets_the_rest_too(void **state)
{
    (void)state;
    enum { LEN = 500000 };
    int ends[2];
    assert_int_equal(pipe2(ends, 0), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK); /* as a parent may have left it: short writes and EAGAIN */
    struct ts_line_writer *w = open_writer(ends[1], MANY);
    add_long(w, 'x', LEN, NULL);
    add(w, "end\n", NULL);
    uint8_t *got = ts_alloc(LEN + 4);
    assert_int_equal(read_some(ends[0], got, LEN + 4), LEN + 4);
    for (size_t i = 0; i + 1 < LEN; i++)
        assert_int_equal(got[i], 'x');
    assert_memory_equal(got + LEN - 1, "\nend\n", 5);
    ts_line_writer_stop(w, TS_NEVER);
    assert_int_equal(ts_line_writer_lost(w), 0);
    ts_line_writer_free(w);
    close(ends[0]);
    free(got);
}

static void beyond_the_bound_a_line_is_refused_or_counted(void **state)
{
    (void)state;
    enum { LEN = 300000 };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(ends[1], LEN / 2);
    struct waiting job = waiting_on(loop);
    add_long(w, 'x', LEN, NULL); /* longer than the bound: taken, as nothing waits */
    add(w, "lost\n", NULL);
    assert_int_equal(ts_line_writer_lost(w), 1);
    add(w, "refused\n", &job.job);
    ts_loop_run(loop);
    assert_int_equal(job.end, TS_JOB_FAILED);
    assert_int_equal(job.job.err.code, TS_RESOURCE_EXHAUSTED);
    assert_int_equal(ts_line_writer_lost(w), 1);
    uint8_t *got = ts_alloc(LEN);
    assert_int_equal(read_some(ends[0], got, LEN), LEN);
    job = waiting_on(loop);
    do { /* the room comes back when the write has returned */
        add(w, "again\n", &job.job);
        ts_loop_run(loop);
    } while (job.end == TS_JOB_FAILED);
    assert_int_equal(read_some(ends[0], got, 6), 6);
    assert_memory_equal(got, "again\n", 6);
    ts_line_writer_free(w);
    close(ends[0]);
    ts_loop_free(loop);
    free(got);
}

static void check_fails(int file, const char *wanted)
{
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(file, MANY);
    struct waiting job = waiting_on(loop);
    add(w, "nobody waits\n", NULL);
    add(w, "somebody waits\n", &job.job);
    ts_loop_run(loop);
    assert_int_equal(job.end, TS_JOB_FAILED);
    assert_int_equal(job.job.err.code, TS_UNAVAILABLE);
    if (!strstr(job.job.err.what, wanted))
        fail_msg("'%s' does not say '%s'", job.job.err.what, wanted);
    assert_int_equal(ts_line_writer_lost(w), 1);
    ts_line_writer_free(w);
    ts_loop_free(loop);
}

static void a_full_disk_and_a_reader_that_has_gone_are_errors(void **state)
{
    (void)state;
    int ends[2];
    check_fails(open("/dev/full", O_WRONLY), strerror(ENOSPC));
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    check_fails(ends[1], strerror(EPIPE)); /* and SIGPIPE does not end the process */
}

static void after_a_torn_line_the_next_one_stands_alone(void **state)
{
    (void)state;
    char path[64];
    struct rlimit before;
    struct rlimit limit;
    struct ts_err err = {0};
    struct ts_buf got = TS_BUF_INIT;
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(temporary_file(path, sizeof path), MANY);
    struct waiting torn = waiting_on(loop);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    add(w, "0123456789abcdef\n", &torn.job);
    ts_loop_run(loop);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(torn.end, TS_JOB_FAILED);
    add(w, "whole\n", NULL);
    ts_line_writer_stop(w, TS_NEVER);
    assert_true(ts_buf_read_file(&got, path, &err));
    assert_string_equal(ts_buf_cstr(&got), "0123456789\nwhole\n");
    ts_line_writer_free(w);
    ts_loop_free(loop);
    unlink(path);
    ts_buf_release(&got);
}

static void a_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_line_writer *w = open_writer(ends[1], MANY);
    struct waiting jobs[3] = {waiting_on(loop), waiting_on(loop), waiting_on(loop)};
    add_long(w, 'x', 300000, &jobs[0].job); /* stuck in its write */
    add(w, "waits\n", &jobs[1].job);
    add(w, "nobody waits\n", NULL);
    ts_line_writer_stop(w, ts_now());
    add(w, "too late\n", &jobs[2].job);
    assert_int_equal(ts_line_writer_lost(w), 1);
    ts_line_writer_free(w);
    run_posted(loop);
    for (size_t i = 0; i < TS_COUNT(jobs); i++) {
        assert_int_equal(jobs[i].ended, 1);
        assert_int_equal(jobs[i].end, TS_JOB_CANCELLED);
    }
    close(ends[0]); /* the thread that was left behind gets out */
    ts_loop_free(loop);
}

/* In a process of its own: lines of one letter and of changing lengths. */
static pid_t start_appending(const char *path, char letter, int lines)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    int file = open(path, O_WRONLY | O_APPEND);
    struct ts_line_writer *w = ts_line_writer_new(file, "test", 64u << 20, NULL);
    for (int i = 0; i < lines; i++)
        add_long(w, letter, 2 + (size_t)(i * 7919 % 20000), NULL);
    ts_line_writer_stop(w, TS_NEVER);
    bool lost = ts_line_writer_lost(w) > 0;
    ts_line_writer_free(w);
    _exit(lost);
}

static void lines_of_several_processes_do_not_mix(void **state)
{
    (void)state;
    enum { PROCESSES = 3, LINES = 300 };
    char path[64];
    pid_t children[PROCESSES];
    struct ts_buf got = TS_BUF_INIT;
    struct ts_err err = {0};
    close(temporary_file(path, sizeof path));
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start_appending(path, (char)('a' + i), LINES);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_true(ts_buf_read_file(&got, path, &err));
    int lines = 0;
    for (size_t i = 0, start = 0; i < got.len; i++) {
        if (got.ptr[i] == '\n') {
            lines++;
            start = i + 1;
        } else {
            assert_int_equal(got.ptr[i], got.ptr[start]);
        }
    }
    assert_int_equal(lines, PROCESSES * LINES);
    unlink(path);
    ts_buf_release(&got);
}

int main(void)
{
    alarm(120); /* whoever waits for the pipe that nobody reads, waits for ever */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_in_the_file_in_order_when_it_has_stopped),
        cmocka_unit_test(a_job_ends_when_its_line_is_written),
        cmocka_unit_test(a_pipe_that_nobody_reads_does_not_hold_up_a_loop),
        cmocka_unit_test(a_file_that_takes_less_than_a_line_gets_the_rest_too),
        cmocka_unit_test(beyond_the_bound_a_line_is_refused_or_counted),
        cmocka_unit_test(a_full_disk_and_a_reader_that_has_gone_are_errors),
        cmocka_unit_test(after_a_torn_line_the_next_one_stands_alone),
        cmocka_unit_test(a_stop_does_not_wait_for_ever),
        cmocka_unit_test(lines_of_several_processes_do_not_mix),
    };
    return cmocka_run_group_tests_name("line writer", tests, NULL, NULL);
}
