/* lines.c - an exporter that appends a line for each part and each evaluation to a file. */
#include "pipeline/exporter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct lines_config {
    const char *path;
};

struct ts_instance {
    const struct ts_host *host;
    FILE *out;
};

struct later {
    struct ts_task task;
    struct ts_send *send;
    struct ts_post *post;
};

static void end(struct ts_task *task)
{
    struct later *l = TS_CONTAINER_OF(task, struct later, task);
    if (l->send)
        ts_send_done(l->send, TS_SENT);
    else
        ts_post_done(l->post, TS_SENT);
    free(l);
}

/* An attempt ends later, not inside the call. */
static void end_later(struct ts_instance *self, struct ts_send *send, struct ts_post *post)
{
    struct later *l = ts_alloc(sizeof *l);
    *l = (struct later){{.run = end}, send, post};
    fflush(self->out);
    ts_loop_post(self->host->loop, &l->task);
}

static void send_part(struct ts_instance *self, struct ts_send *s)
{
    fprintf(self->out, "%s %zu\n", s->signal->items, s->part->items);
    end_later(self, s, NULL);
}

static void post(struct ts_instance *self, struct ts_post *p)
{
    for (size_t i = 0; i < p->count; i++)
        fprintf(self->out, "evaluation %.3f\n", p->items[i]->score);
    end_later(self, NULL, p);
}

static void queue(const struct ts_instance *self, struct ts_queue_settings *out)
{
    (void)self;
    *out = (struct ts_queue_settings){.num_consumers = 1, .post_size = 10};
}

static bool check(const void *config, struct ts_err *err)
{
    const struct lines_config *c = config;
    return c->path || ts_fail(err, TS_INVALID_ARGUMENT, "path is missing; name a file");
}

static void free_instance(struct ts_instance *self)
{
    if (self && self->out)
        fclose(self->out);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    const struct lines_config *c = config;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->host = host;
    self->out = fopen(c->path, "a");
    if (self->out)
        return self;
    ts_fail(err, TS_NOT_FOUND, "path: cannot open '%s': %s", c->path, strerror(errno));
    free_instance(self);
    return NULL;
}

static const struct ts_setting settings[] = {
    {.key = "path",
     .kind = TS_TEXT,
     .offset = offsetof(struct lines_config, path),
     .help = "file to append to"},
    {0},
};

const struct ts_exporter ts_exporter_lines = {
    .base = {.kind = TS_EXPORTER,
             .type = "lines",
             .about = "lines in a file",
             .settings = settings,
             .config_size = sizeof(struct lines_config),
             .check = check,
             .create = create,
             .free = free_instance},
    .send = send_part,
    .post = post,
    .queue = queue,
};
