/* debug.c - says on standard output what passes: counts, or every span as OTLP/JSON. */
#include "pipeline/exporter.h"

#include "json/json.h"
#include "wire/otlp_json.h"

#include <stdio.h>
#include <stdlib.h>

enum verbosity { BASIC, DETAILED };

struct debug_config {
    int verbosity;
};

struct ts_instance {
    const struct debug_config *config;
    const struct ts_host *host;
};

/* Ends an attempt later, as the contract asks. */
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

static void end_later(struct ts_instance *self, struct ts_send *send, struct ts_post *post)
{
    struct later *l = ts_alloc(sizeof *l);
    *l = (struct later){{.run = end}, send, post};
    ts_loop_post(self->host->loop, &l->task);
}

static void put_line(struct ts_buf *line)
{
    ts_buf_add_byte(line, '\n');
    fwrite(line->ptr, 1, line->len, stdout);
    fflush(stdout);
    ts_buf_release(line);
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
    put_line(&line);
    end_later(self, s, NULL);
}

static void post(struct ts_instance *self, struct ts_post *p)
{
    for (size_t i = 0; i < p->count && self->config->verbosity == DETAILED; i++) {
        const struct ts_evaluation *e = p->items[i];
        struct ts_buf line = TS_BUF_INIT;
        ts_buf_printf(&line, "{\"evaluation\":\"%s\",\"span_id\":\"" TS_FMT "\",\"score\":",
                      e->name.len ? (const char *)e->name.ptr : "trustworthiness",
                      TS_ARG(e->span_id));
        ts_json_append_double(&line, e->score);
        ts_buf_add_str(&line, ",\"label\":");
        ts_json_append_text(&line, e->label);
        ts_buf_add_str(&line, ",\"explanation\":");
        ts_json_append_text(&line, e->explanation);
        ts_buf_add_byte(&line, '}');
        put_line(&line);
    }
    if (self->config->verbosity == BASIC) {
        struct ts_buf line = TS_BUF_INIT;
        ts_buf_printf(&line, "{\"evaluations\":%zu}", p->count);
        put_line(&line);
    }
    end_later(self, NULL, p);
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

static void free_instance(struct ts_instance *self)
{
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
             .free = free_instance},
    .send = send_part,
    .post = post,
    .queue = queue,
};
