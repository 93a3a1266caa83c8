/* line_writer.c - a bounded queue of lines and the thread that empties it. */
#include "loop/line_writer.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct line {
    struct line *next;
    struct ts_job *job; /* NULL: nobody waits */
    uint8_t *bytes;
    size_t len;
};

struct ts_line_writer {
    int file;
    char name[16];
    size_t max_bytes;
    pthread_t thread;
    bool torn; /* the thread's alone: the last line is cut, what follows begins a new one */

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t wake;    /* for the thread: a line, or the stop */
    pthread_cond_t written; /* for the stop: a line left the queue */
    struct line *first, **last;
    struct line *writing; /* the thread has it; its job is still reached from here */
    size_t bytes;         /* of all lines that wait or are being written */
    uint64_t lost;
    bool stopping;
    bool in_write;  /* the thread is, and may be stuck */
    bool abandoned; /* the owner has gone: the thread frees, when it gets out */
};

static void destroy(struct ts_line_writer *w)
{
    close(w->file);
    pthread_cond_destroy(&w->written);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void free_line(struct line *line)
{
    free(line->bytes);
    free(line);
}

/* ---- ends; under the lock, but for the log ---- */

/* Says so to whoever waits. The line may still be in the thread's hands. */
static void end(struct ts_line_writer *w, struct line *line, enum ts_job_end how, enum ts_code code,
                const char *why)
{
    struct ts_job *job = line->job;
    line->job = NULL;
    if (job) {
        job->err = (struct ts_err){0};
        if (how != TS_JOB_DONE)
            ts_fail(&job->err, code, "a line to %s is not written: %s", w->name, why);
        ts_job_finish(job, how);
    } else if (how != TS_JOB_DONE) {
        w->lost++;
    }
}

/* Logs what was lost since, once the lock is free: the log may be as stuck as the file. */
static void unlock(struct ts_line_writer *w, uint64_t lost_before, const char *why)
{
    uint64_t lost = w->lost;
    pthread_mutex_unlock(&w->lock);
    if (lost > lost_before)
        TS_LOG_LIMITED(TS_ERROR, w->name, "lines are not written, they are lost",
                       "lost=%" PRIu64 " reason=\"%s\"", lost, why);
}

static struct line *pop(struct ts_line_writer *w)
{
    struct line *line = w->first;
    if (!line)
        return NULL;
    w->first = line->next;
    if (!w->first)
        w->last = &w->first;
    return line;
}

/* ---- the thread ---- */

/* 0, or why not all of it is out. */
static int write_all(int file, const uint8_t *bytes, size_t len, size_t *out)
{
    for (*out = 0; *out < len;) {
        ssize_t n = write(file, bytes + *out, len - *out);
        if (n >= 0) {
            *out += (size_t)n;
        } else if (errno == EAGAIN) { /* whoever shares the pipe has made it so */
            struct pollfd room = {.fd = file, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int write_line(struct ts_line_writer *w, const struct line *line)
{
    size_t out = 0;
    int bad = w->torn ? write_all(w->file, TS_LIT("\n").ptr, 1, &out) : 0;
    if (bad)
        return bad;
    w->torn = false;
    bad = write_all(w->file, line->bytes, line->len, &out);
    w->torn = bad && out > 0;
    return bad;
}

static struct line *take(struct ts_line_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stopping)
        pthread_cond_wait(&w->wake, &w->lock);
    struct line *line = w->writing = pop(w);
    w->in_write = line != NULL;
    pthread_mutex_unlock(&w->lock);
    return line;
}

static void give_back(struct ts_line_writer *w, struct line *line, int bad)
{
    const char *why = bad ? strerror(bad) : "";
    pthread_mutex_lock(&w->lock);
    uint64_t lost = w->lost;
    if (w->writing) /* else the stop did not wait for it */
        end(w, line, bad ? TS_JOB_FAILED : TS_JOB_DONE, TS_UNAVAILABLE, why);
    w->writing = NULL;
    w->in_write = false;
    w->bytes -= line->len;
    pthread_cond_signal(&w->written);
    unlock(w, lost, why);
    free_line(line);
}

/* A reader that has gone and a file that is at its limit are errors of write(2), no reason to end. */
static void take_no_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void *write_lines(void *arg)
{
    struct ts_line_writer *w = arg;
    struct line *line;
    pthread_setname_np(pthread_self(), w->name);
    take_no_signals();
    while ((line = take(w)) != NULL)
        give_back(w, line, write_line(w, line));
    pthread_mutex_lock(&w->lock);
    bool ours = w->abandoned;
    pthread_mutex_unlock(&w->lock);
    if (ours)
        destroy(w);
    return NULL;
}

/* ---- the owner ---- */

struct ts_line_writer *ts_line_writer_new(int file, const char *name, size_t max_bytes,
                                          struct ts_err *err)
{
    struct ts_line_writer *w = ts_alloc(sizeof *w);
    pthread_condattr_t attr;
    w->file = file;
    w->max_bytes = max_bytes;
    w->last = &w->first;
    snprintf(w->name, sizeof w->name, "%s", name);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->written, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&w->thread, NULL, write_lines, w) == 0)
        return w;
    destroy(w);
    ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start thread '%s'", name);
    return NULL;
}

void ts_line_writer_add(struct ts_line_writer *w, struct ts_buf *text, struct ts_job *job)
{
    struct line *line = ts_alloc(sizeof *line);
    line->job = job;
    line->bytes = ts_buf_take(text, &line->len);
    pthread_mutex_lock(&w->lock);
    uint64_t lost = w->lost;
    const char *why = NULL;
    if (w->stopping) {
        end(w, line, TS_JOB_CANCELLED, TS_CANCELLED, why = "the writer is stopped");
    } else if (w->bytes > 0 && w->bytes + line->len > w->max_bytes) {
        end(w, line, TS_JOB_FAILED, TS_RESOURCE_EXHAUSTED, why = "too many wait already");
    } else {
        *w->last = line;
        w->last = &line->next;
        w->bytes += line->len;
        pthread_cond_signal(&w->wake);
    }
    unlock(w, lost, why);
    if (why)
        free_line(line);
}

uint64_t ts_line_writer_lost(struct ts_line_writer *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t lost = w->lost;
    pthread_mutex_unlock(&w->lock);
    return lost;
}

void ts_line_writer_stop(struct ts_line_writer *w, ts_time deadline)
{
    static const char why[] = "the time to stop is over";
    struct timespec until = {deadline / TS_S, deadline % TS_S};
    pthread_mutex_lock(&w->lock);
    uint64_t lost = w->lost;
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    while (w->first || w->writing)
        if (pthread_cond_timedwait(&w->written, &w->lock, &until) != 0)
            break;
    if (w->writing)
        end(w, w->writing, TS_JOB_CANCELLED, TS_CANCELLED, why);
    w->writing = NULL;
    for (struct line *line; (line = pop(w)) != NULL; free_line(line)) {
        w->bytes -= line->len;
        end(w, line, TS_JOB_CANCELLED, TS_CANCELLED, why);
    }
    unlock(w, lost, why);
}

void ts_line_writer_free(struct ts_line_writer *w)
{
    if (!w)
        return;
    ts_line_writer_stop(w, 0);
    pthread_t thread = w->thread;
    pthread_mutex_lock(&w->lock);
    bool stuck = w->abandoned = w->in_write;
    pthread_mutex_unlock(&w->lock); /* an abandoned writer may be gone from here on */
    if (stuck) {
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    destroy(w);
}
