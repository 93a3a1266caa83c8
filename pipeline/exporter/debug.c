/* debug.c - says on standard output what passes: counts, or every span as OTLP/JSON.
 * Who reads it may be slow or asleep, and a loop may not block: what the output does not take now waits for
 * its turn here, and a stop leaves it. */
#include "pipeline/exporter.h"

#include "json/json.h"
#include "wire/otlp_json.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const ts_time look_again = 10 * TS_MS; /* at an output that is full */

enum verbosity { BASIC, DETAILED };

struct debug_config {
    int verbosity;
};

/* What is printed of one send or post. */
struct print {
    struct print *next;
    struct ts_send *send;
    struct ts_post *post;
    struct ts_buf text;
    size_t written;
};

struct ts_instance {
    const struct debug_config *config;
    const struct ts_host *host;
    struct print *first, **last; /* in the order in which they came */
    bool posted;                 /* the task is */
    struct ts_task task;
    bool waiting; /* the timer runs */
    struct ts_timer timer;
    bool stopped; /* nothing is printed any more */
    struct ts_task stop_task;
    sem_t left;
};

/* ---- printing ---- */

/* As much as the output takes. False: there is more. */
static bool write_some(struct print *p)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (p->written < p->text.len && poll(&out, 1, 0) > 0) {
        size_t left = p->text.len - p->written;
        size_t sure = left < PIPE_BUF ? left : PIPE_BUF; /* does not block after the poll */
        ssize_t n = write(STDOUT_FILENO, p->text.ptr + p->written, sure);
        if (n >= 0)
            p->written += (size_t)n;
        else if (errno == EAGAIN)
            return false;
        else if (errno != EINTR)
            p->written = p->text.len; /* an output that is gone has nobody to tell */
    }
    return p->written == p->text.len;
}

/* One at a time among the threads of the process: between poll and write nobody may fill the output. */
static bool print_some(struct print *p)
{
    flockfile(stdout);
    bool all = write_some(p);
    funlockfile(stdout);
    return all;
}

static void end(struct print *p, bool printed)
{
    enum ts_outcome outcome = printed ? TS_SENT : TS_RETRY;
    struct ts_err *err = p->send ? &p->send->err : &p->post->err;
    if (!printed)
        ts_fail(err, TS_CANCELLED, "standard output was not read before the end");
    if (p->send)
        ts_send_done(p->send, outcome);
    else
        ts_post_done(p->post, outcome);
    ts_buf_release(&p->text);
    free(p);
}

static void print_on_time(struct ts_timer *timer);

static void print_all(struct ts_instance *self)
{
    while (self->first) {
        struct print *p = self->first;
        if (!self->stopped && !print_some(p)) {
            self->waiting = true;
            ts_timer_start(self->host->loop, &self->timer, ts_now() + look_again, print_on_time);
            return;
        }
        self->first = p->next;
        if (!self->first)
            self->last = &self->first;
        end(p, p->written == p->text.len);
    }
}

static void print_on_time(struct ts_timer *timer)
{
    struct ts_instance *self = TS_CONTAINER_OF(timer, struct ts_instance, timer);
    self->waiting = false;
    print_all(self);
}

static void print_on_task(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, task);
    self->posted = false;
    if (!self->waiting)
        print_all(self);
}

/* Later, as the contract asks; takes over `text`. */
static void print_later(struct ts_instance *self, struct ts_send *send, struct ts_post *post,
                        struct ts_buf *text)
{
    struct print *p = ts_alloc(sizeof *p);
    *p = (struct print){.send = send, .post = post, .text = *text};
    *self->last = p;
    self->last = &p->next;
    if (self->posted || self->waiting)
        return;
    self->posted = true;
    self->task.run = print_on_task;
    ts_loop_post(self->host->loop, &self->task);
}

/* ---- what is printed ---- */

static void send_part(struct ts_instance *self, struct ts_send *s)
{
    struct ts_buf line = TS_BUF_INIT;
    if (self->config->verbosity == DETAILED) {
        struct ts_payload *joined = ts_part_join(s->part);
        struct ts_err err = {0};
        if (!ts_otlp_to_json(ts_payload_view(joined), &line, &err))
            ts_buf_printf(&line, "{\"error\":\"%s\"}", err.what);
        ts_payload_unref(joined);
    } else {
        ts_buf_printf(&line, "{\"%s\":%zu,\"bytes\":%zu}", s->signal->items, s->part->items,
                      s->part->bytes);
    }
    ts_buf_add_byte(&line, '\n');
    print_later(self, s, NULL, &line);
}

static void add_evaluation(struct ts_buf *text, const struct ts_evaluation *e)
{
    ts_buf_printf(text, "{\"evaluation\":\"%s\",\"span_id\":\"" TS_FMT "\",\"score\":",
                  e->name.len ? (const char *)e->name.ptr : "trustworthiness", TS_ARG(e->span_id));
    ts_json_append_double(text, e->score);
    ts_buf_add_str(text, ",\"label\":");
    ts_json_append_text(text, e->label);
    ts_buf_add_str(text, ",\"explanation\":");
    ts_json_append_text(text, e->explanation);
    ts_buf_add_str(text, "}\n");
}

static void post(struct ts_instance *self, struct ts_post *p)
{
    struct ts_buf text = TS_BUF_INIT;
    for (size_t i = 0; i < p->count && self->config->verbosity == DETAILED; i++)
        add_evaluation(&text, p->items[i]);
    if (self->config->verbosity == BASIC)
        ts_buf_printf(&text, "{\"evaluations\":%zu}\n", p->count);
    print_later(self, NULL, p, &text);
}

static void queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    (void)self;
    *out = (struct ts_queue_settings){
        .retry = {.enabled = true, .initial_interval = TS_S, .max_interval = TS_S, .multiplier = 1},
        .num_consumers = 1,
        .post_size = 100};
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->last = &self->first;
    sem_init(&self->left, 0, 0);
    return self;
}

static void leave(struct ts_task *task)
{
    struct ts_instance *self = TS_CONTAINER_OF(task, struct ts_instance, stop_task);
    self->stopped = true;
    if (self->waiting) {
        ts_timer_stop(self->host->loop, &self->timer);
        self->waiting = false;
        print_all(self);
    }
    sem_post(&self->left);
}

/* What is not printed yet is not, which to the queue is: later. */
static void stop(struct ts_instance *self, ts_time deadline)
{
    (void)deadline;
    self->stop_task.run = leave;
    ts_loop_post(self->host->loop, &self->stop_task);
    sem_wait(&self->left);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    sem_destroy(&self->left);
    free(self);
}

static const struct ts_setting settings[] = {
    {.key = "verbosity",
     .kind = TS_ENUM,
     .offset = offsetof(struct debug_config, verbosity),
     .default_text = "basic",
     .choices = "basic|detailed",
     .help = "detailed prints the content of every span"},
    {0},
};

const struct ts_exporter ts_exporter_debug = {
    .base = {.kind = TS_EXPORTER,
             .type = "debug",
             .about = "prints what passes to standard output",
             .settings = settings,
             .config_size = sizeof(struct debug_config),
             .create = create,
             .stop = stop,
             .free = free_instance},
    .send = send_part,
    .post = post,
    .queue = queue,
};
