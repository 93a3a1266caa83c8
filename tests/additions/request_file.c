/* request_file.c - a receiver that pulls: requests from files, in order, each removed when every backend has it. */
#include "pipeline/receiver.h"

#include "pipeline/engine/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct request_file_config {
    struct ts_texts paths;
};

struct ts_instance {
    const struct ts_host *host;
    const struct request_file_config *config;
    const struct ts_signal *signal;
    struct ts_intake_counters counters;
    struct ts_room room;
    size_t next;
};

static void pull(struct ts_instance *self);

static void acknowledge(void *arg, const struct ts_err *err)
{
    struct ts_instance *self = arg;
    if (err)
        return; /* the file stays */
    unlink(self->config->paths.items[self->next++]);
    pull(self);
}

static struct ts_payload *read_file(const char *path)
{
    struct ts_buf bytes = TS_BUF_INIT;
    FILE *in = fopen(path, "rb");
    for (int c; in && (c = getc(in)) != EOF;)
        ts_buf_add_byte(&bytes, (uint8_t)c);
    if (in)
        fclose(in);
    size_t len;
    uint8_t *taken = ts_buf_take(&bytes, &len);
    return ts_payload_new(ts_view_of(taken, len), free, taken);
}

/* The next file, when there is room for it. Thread: the loop's. */
static void pull(struct ts_instance *self)
{
    struct ts_err full = {0};
    if (self->next == self->config->paths.count)
        return;
    if (!ts_intake_has_room(self->host->intake, &full)) {
        ts_intake_await_room(self->host->intake, &self->room);
        return;
    }
    const struct ts_request request = {
        .signal = self->signal,
        .payload = read_file(self->config->paths.items[self->next]),
        .when = TS_WHEN_DELIVERED,
        .counters = self->counters,
        .acknowledge = acknowledge,
        .arg = self,
    };
    ts_intake_submit(self->host->intake, &request);
}

static void on_room(struct ts_task *task)
{
    pull(TS_CONTAINER_OF(task, struct ts_instance, room.task));
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    (void)err;
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->host = host;
    self->config = config;
    self->signal = ts_signal_find(TS_LIT("traces"));
    self->counters = ts_intake_count(host->intake, self->signal, "file");
    self->room = (struct ts_room){.loop = host->loop, .task = {.run = on_room}};
    return self;
}

static bool start(struct ts_instance *self, struct ts_err *err)
{
    (void)err;
    ts_loop_post(self->host->loop, &self->room.task);
    return true;
}

static void free_instance(struct ts_instance *self)
{
    free(self);
}

static const struct ts_setting settings[] = {
    {.key = "paths",
     .kind = TS_TEXTS,
     .offset = offsetof(struct request_file_config, paths),
     .help = "files that hold an ExportTraceServiceRequest each"},
    {0},
};

const struct ts_receiver ts_receiver_request_file = {
    .base = {.kind = TS_RECEIVER,
             .type = "request_file",
             .about = "requests from files",
             .settings = settings,
             .config_size = sizeof(struct request_file_config),
             .create = create,
             .start = start,
             .free = free_instance},
};
