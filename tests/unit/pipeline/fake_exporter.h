/* fake_exporter.h - an exporter that holds every attempt until the test says how it ends, and requests,
 * parts and tenants to send through it. Who includes it includes moved_clock.h himself: the linker is told
 * by that line. */
#ifndef FAKE_EXPORTER_H
#define FAKE_EXPORTER_H

#include "testing.h"

#include "moved_clock.h"
#include "pipeline/exporter.h"
#include "wire/cursor.h"
#include "wire/encode.h"

#include <stdio.h>

enum { FAKE_MOST = 64 };

/* The instance. */
struct fake_exporter {
    struct ts_queue_settings settings;
    struct ts_loop *loop;
    struct ts_send *sends[FAKE_MOST]; /* under way, in the order in which they began */
    struct ts_post *posts[FAKE_MOST];
    size_t send_count, post_count;
    size_t attempts; /* that began so far */
};

static inline struct ts_instance *fake_instance(struct fake_exporter *f)
{
    return (struct ts_instance *)(void *)f;
}

static inline void fake_send(struct ts_instance *instance, struct ts_send *send)
{
    struct fake_exporter *f = (void *)instance;
    assert_true(f->send_count < FAKE_MOST);
    f->sends[f->send_count++] = send;
    f->attempts++;
}

static inline void fake_post(struct ts_instance *instance, struct ts_post *post)
{
    struct fake_exporter *f = (void *)instance;
    assert_true(f->post_count < FAKE_MOST);
    f->posts[f->post_count++] = post;
    f->attempts++;
}

static inline void fake_queue(const struct ts_instance *instance, struct ts_queue_settings *out)
{
    *out = ((const struct fake_exporter *)(const void *)instance)->settings;
}

static const struct ts_exporter fake_exporter
    __attribute__((unused)) = {.send = fake_send, .post = fake_post, .queue = fake_queue};

/* One attempt at a time, delays of 1, 2, 4, 5, 5 … seconds for ever, two evaluations in a post a second
 * after they came. */
static inline void fake_init(struct fake_exporter *f, struct ts_loop *loop)
{
    *f = (struct fake_exporter){.loop = loop};
    f->settings = (struct ts_queue_settings){.retry = {.enabled = true,
                                                       .initial_interval = 1 * TS_S,
                                                       .multiplier = 2,
                                                       .max_interval = 5 * TS_S},
                                             .num_consumers = 1,
                                             .post_size = 2,
                                             .post_settle = 1 * TS_S};
}

/* ---- how attempts end ---- */

static inline void fake_err(struct ts_err *err, enum ts_outcome outcome)
{
    if (outcome != TS_SENT)
        ts_fail(err, TS_UNAVAILABLE, "the test says so");
}

/* The attempt at this place ends; then all that follows from it is done. */
static inline void fake_end_send(struct fake_exporter *f, size_t place, enum ts_outcome outcome)
{
    assert_true(place < f->send_count);
    struct ts_send *send = f->sends[place];
    memmove(&f->sends[place], &f->sends[place + 1],
            (--f->send_count - place) * sizeof(struct ts_send *));
    fake_err(&send->err, outcome);
    ts_send_done(send, outcome);
    clock_settle(f->loop);
}

static inline void fake_end_post(struct fake_exporter *f, size_t place, enum ts_outcome outcome)
{
    assert_true(place < f->post_count);
    struct ts_post *post = f->posts[place];
    memmove(&f->posts[place], &f->posts[place + 1],
            (--f->post_count - place) * sizeof(struct ts_post *));
    fake_err(&post->err, outcome);
    ts_post_done(post, outcome);
    clock_settle(f->loop);
}

/* All sends that are under way, and those that follow, are taken. */
static inline void fake_take_all(struct fake_exporter *f)
{
    while (f->send_count > 0)
        fake_end_send(f, 0, TS_SENT);
}

/* ---- what is sent ---- */

static inline void fake_put(struct ts_buf *out, uint32_t number, struct ts_buf *content)
{
    ts_put_bytes(out, number, ts_buf_view(content));
    ts_buf_release(content);
}

/* A traces request; the name of its spans is "0", "1" …. */
static inline struct ts_payload *fake_request(size_t spans)
{
    struct ts_buf scope_spans = TS_BUF_INIT;
    struct ts_buf resource_spans = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    for (size_t i = 0; i < spans; i++) {
        struct ts_buf span = TS_BUF_INIT;
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        ts_put_bytes(&span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
        ts_put_bytes(&span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
        ts_put_bytes(&span, TS_SPAN_NAME, ts_view_str(name));
        fake_put(&scope_spans, TS_SS_SPANS, &span);
    }
    fake_put(&resource_spans, TS_RS_SCOPE_SPANS, &scope_spans);
    fake_put(&request, TS_REQUEST_RESOURCE_SPANS, &resource_spans);
    struct ts_payload *payload = ts_payload_copy(ts_buf_view(&request));
    ts_buf_release(&request);
    return payload;
}

static inline struct ts_part fake_part(size_t spans)
{
    struct ts_payload *payload = fake_request(spans);
    struct ts_part part;
    ts_part_whole(payload, spans, &part);
    ts_payload_unref(payload);
    return part;
}

static inline void fake_add_name(void *arg, const struct ts_span_at *at)
{
    struct ts_cursor c = ts_cursor_of(at->span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_SPAN_NAME)
            ts_buf_printf(arg, TS_FMT " ", TS_ARG(f.bytes));
}

/* Appends the names of a part's spans, each with a space behind it. */
static inline void fake_add_names(struct ts_buf *names, const struct ts_part *part)
{
    struct ts_payload *joined = ts_part_join(part);
    struct ts_scan found;
    struct ts_err err = {0};
    assert_true(ts_scan(ts_payload_view(joined), true, fake_add_name, names, &found, &err));
    assert_int_equal(found.spans, part->items);
    ts_payload_unref(joined);
}

/* The headers of a tenant; NULL: those of none. */
static inline struct ts_headers *fake_tenant(const char *name)
{
    const struct ts_grpc_header header = {TS_LIT("authorization"), ts_view_str(name)};
    return ts_headers_new(&header, name ? 1 : 0);
}

#endif
