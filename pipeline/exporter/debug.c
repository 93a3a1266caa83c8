/* debug.c - says on standard output what passes: counts, or every span as OTLP/JSON.
 * A send has ended when its line is out: whoever reads too slowly finds the rest in the store. */
#include "pipeline/exporter.h"

#include "json/json.h"
#include "loop/line_writer.h"
#include "wire/otlp_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum verbosity { BASIC, DETAILED };

struct debug_config {
    int verbosity;
};

struct ts_instance {
    const struct debug_config *config;
    const struct ts_host *host;
    struct ts_line_writer *out;
};

/* An attempt whose lines are being written. */
struct printing {
    struct ts_job job;
    struct ts_send *send; /* one of the two */
    struct ts_post *post;
};

static void give_back(const struct printing *p, enum ts_outcome outcome)
{
    if (p->send) {
        p->send->err = p->job.err;
        ts_send_done(p->send, outcome);
    } else {
        p->post->err = p->job.err;
        ts_post_done(p->post, outcome);
    }
}

static void printed(struct ts_job *job, enum ts_job_end end)
{
    struct printing *p = TS_CONTAINER_OF(job, struct printing, job);
    give_back(p, end == TS_JOB_DONE ? TS_SENT : TS_RETRY); /* cancelled: the engine leaves it */
    free(p);
}

static void print(struct ts_instance *self, struct ts_buf *lines, struct ts_send *send,
                  struct ts_post *post)
{
    struct printing *p = ts_alloc(sizeof *p);
    p->job.home = self->host->loop;
    p->job.done = printed;
    p->send = send;
    p->post = post;
    ts_line_writer_add(self->out, lines, &p->job);
}

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
    print(self, &line, s, NULL);
}

static void add_evaluation(struct ts_buf *line, const struct ts_evaluation *e)
{
    ts_view name = e->name.len ? e->name : TS_LIT("trustworthiness");
    ts_buf_printf(line, "{\"evaluation\":\"" TS_FMT "\",\"span_id\":\"" TS_FMT "\",\"score\":",
                  TS_ARG(name), TS_ARG(e->span_id));
    ts_json_append_double(line, e->score);
    ts_buf_add_str(line, ",\"label\":");
    ts_json_append_text(line, e->label);
    ts_buf_add_str(line, ",\"explanation\":");
    ts_json_append_text(line, e->explanation);
    ts_buf_add_str(line, "}\n");
}

static void post(struct ts_instance *self, struct ts_post *p)
{
    struct ts_buf lines = TS_BUF_INIT;
    if (self->config->verbosity == BASIC)
        ts_buf_printf(&lines, "{\"evaluations\":%zu}\n", p->count);
    for (size_t i = 0; i < p->count && self->config->verbosity == DETAILED; i++)
        add_evaluation(&lines, p->items[i]);
    print(self, &lines, NULL, p);
}

static void queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    (void)self;
    *out = (struct ts_queue_settings){.num_consumers = 1, .post_size = 100};
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    return self;
}

static bool start(struct ts_instance *self, struct ts_err *err)
{
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (out < 0)
        return ts_fail(err, TS_FAILED_PRECONDITION,
                       "standard output cannot be written: %s; leave out the debug exporter",
                       strerror(errno));
    /* No bound of its own: the queue sends one after the other. */
    self->out = ts_line_writer_new(out, "stdout", TS_BUF_MAX, err);
    return self->out != NULL;
}

static void stop(struct ts_instance *self, ts_time deadline)
{
    if (self->out)
        ts_line_writer_stop(self->out, deadline);
}

static void free_instance(struct ts_instance *self)
{
    if (self)
        ts_line_writer_free(self->out);
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
             .start = start,
             .stop = stop,
             .free = free_instance},
    .send = send_part,
    .post = post,
    .queue = queue,
};
