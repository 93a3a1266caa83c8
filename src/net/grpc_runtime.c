/* grpc_runtime.c - the completion queue, its threads, and the small pieces both sides use. */
#include "net/grpc_internal.h"

#include "base/buf.h"
#include "net/grpc_quota.h"
#include "wire/encode.h"
#include "wire/gzip.h"

#include <pthread.h>
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>

/* A queue and the threads that take from it. */
struct queue {
    grpc_completion_queue *core;
    pthread_t *ids;
    int threads;
};

struct ts_grpc {
    struct queue main, spare;
};

static void *work(void *arg)
{
    const struct queue *queue = arg;
    for (;;) {
        grpc_event e =
            grpc_completion_queue_next(queue->core, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (e.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        struct ts_grpc_event *event = e.tag;
        atomic_load_explicit(&event->armed, memory_order_acquire);
        event->run(event, e.success != 0);
    }
}

static bool start(struct queue *queue, grpc_cq_polling_type polling, int threads, const char *name,
                  struct ts_err *err)
{
    const grpc_completion_queue_attributes attributes = {GRPC_CQ_CURRENT_VERSION, GRPC_CQ_NEXT,
                                                         polling, NULL};
    queue->core = grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes),
                                               &attributes, NULL);
    queue->ids = ts_alloc((size_t)threads * sizeof *queue->ids);
    for (; queue->threads < threads; queue->threads++) {
        pthread_t *id = &queue->ids[queue->threads];
        if (pthread_create(id, NULL, work, queue) != 0)
            return ts_fail(err, TS_RESOURCE_EXHAUSTED, "cannot start thread %d of '%s'",
                           queue->threads + 1, name);
        pthread_setname_np(*id, name);
    }
    return true;
}

static void stop(struct queue *queue)
{
    if (!queue->core)
        return;
    grpc_completion_queue_shutdown(queue->core);
    for (int i = 0; i < queue->threads; i++)
        pthread_join(queue->ids[i], NULL);
    grpc_completion_queue_destroy(queue->core);
    free(queue->ids);
}

struct ts_grpc *ts_grpc_new(int threads, struct ts_err *err)
{
    grpc_init();
    struct ts_grpc *grpc = ts_alloc(sizeof *grpc);
    if (start(&grpc->main, GRPC_CQ_DEFAULT_POLLING, threads, "grpc", err) &&
        start(&grpc->spare, GRPC_CQ_NON_POLLING, 1, "grpc spare", err))
        return grpc;
    ts_grpc_free(grpc);
    return NULL;
}

void ts_grpc_free(struct ts_grpc *grpc)
{
    if (!grpc)
        return;
    stop(&grpc->main);
    stop(&grpc->spare);
    grpc_shutdown();
    free(grpc);
}

grpc_completion_queue *ts_grpc_queue(struct ts_grpc *grpc)
{
    return grpc->main.core;
}

grpc_completion_queue *ts_grpc_spare_queue(struct ts_grpc *grpc)
{
    return grpc->spare.core;
}

/* ---- bytes ---- */

ts_view ts_grpc_slice_view(const grpc_slice *slice)
{
    return ts_view_of(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

struct held_slice {
    grpc_slice slice;
};

static void drop_slice(void *arg)
{
    struct held_slice *held = arg;
    grpc_slice_unref(held->slice);
    free(held);
}

static struct ts_payload *own(struct ts_grpc_quota *quota, uint8_t *bytes, size_t len)
{
    if (!quota)
        return ts_payload_new(ts_view_of(bytes, len), free, bytes);
    return ts_payload_new(ts_view_of(bytes, len), ts_grpc_block_free,
                          ts_grpc_block_new(quota, bytes, len));
}

/* A single slice is kept as it is; several are copied together once, which scanning wants. */
static struct ts_payload *gather(struct ts_grpc_quota *quota, const grpc_slice_buffer *slices)
{
    if (slices->count == 1) {
        struct held_slice *held = ts_alloc(sizeof *held);
        held->slice = grpc_slice_ref(slices->slices[0]);
        return ts_payload_new(ts_grpc_slice_view(&held->slice), drop_slice, held);
    }
    uint8_t *bytes = ts_realloc(NULL, slices->length);
    size_t at = 0;
    for (size_t i = 0; i < slices->count; i++) {
        ts_view v = ts_grpc_slice_view(&slices->slices[i]);
        memcpy(bytes + at, v.ptr, v.len);
        at += v.len;
    }
    return own(quota, bytes, at);
}

static struct ts_payload *inflate_payload(struct ts_grpc_quota *quota, struct ts_payload *zipped,
                                          size_t max, struct ts_err *err)
{
    struct ts_buf out = TS_BUF_INIT;
    struct ts_payload *payload = NULL;
    if (ts_gzip_inflate(ts_payload_view(zipped), max, &out, err)) {
        size_t len;
        uint8_t *bytes = ts_buf_take(&out, &len);
        payload = own(quota, bytes, len);
    }
    ts_buf_release(&out);
    ts_payload_unref(zipped);
    return payload;
}

struct ts_payload *ts_grpc_payload(grpc_byte_buffer *buffer, size_t max,
                                   struct ts_grpc_quota *quota, struct ts_err *err)
{
    if (!buffer)
        return ts_payload_new(TS_NOTHING, NULL, NULL);
    bool zipped = buffer->data.raw.compression != GRPC_COMPRESS_NONE;
    struct ts_payload *payload = gather(quota, &buffer->data.raw.slice_buffer);
    grpc_byte_buffer_destroy(buffer);
    return zipped ? inflate_payload(quota, payload, max, err) : payload;
}

/* ---- google.rpc.Status (otlp-and-collector.md 1.2, 1.7) ---- */

#define RETRY_INFO  "type.googleapis.com/google.rpc.RetryInfo"
#define BAD_REQUEST "type.googleapis.com/google.rpc.BadRequest"

static void put_detail(struct ts_buf *out, ts_view type_url, ts_view value)
{
    struct ts_buf any = TS_BUF_INIT;
    ts_put_bytes(&any, 1, type_url);
    ts_put_bytes(&any, 2, value);
    ts_put_bytes(out, 3, ts_buf_view(&any));
    ts_buf_release(&any);
}

static void put_retry_info(struct ts_buf *out, ts_time delay)
{
    struct ts_buf duration = TS_BUF_INIT;
    struct ts_buf info = TS_BUF_INIT;
    ts_put_tag(&duration, 1, TS_WIRE_VARINT);
    ts_put_varint(&duration, (uint64_t)(delay / TS_S));
    ts_put_tag(&duration, 2, TS_WIRE_VARINT);
    ts_put_varint(&duration, (uint64_t)(delay % TS_S));
    ts_put_bytes(&info, 1, ts_buf_view(&duration));
    put_detail(out, TS_LIT(RETRY_INFO), ts_buf_view(&info));
    ts_buf_release(&info);
    ts_buf_release(&duration);
}

static void put_bad_request(struct ts_buf *out, const char *description)
{
    struct ts_buf violation = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    ts_put_bytes(&violation, 1, TS_LIT("resource_spans"));
    ts_put_bytes(&violation, 2, ts_view_str(description));
    ts_put_bytes(&request, 1, ts_buf_view(&violation));
    put_detail(out, TS_LIT(BAD_REQUEST), ts_buf_view(&request));
    ts_buf_release(&request);
    ts_buf_release(&violation);
}

void ts_grpc_status_encode(const struct ts_err *err, struct ts_buf *out)
{
    ts_put_tag(out, 1, TS_WIRE_VARINT);
    ts_put_varint(out, (uint64_t)err->code);
    ts_put_bytes(out, 2, ts_view_str(err->what));
    if (err->retry_after > 0)
        put_retry_info(out, err->retry_after);
    if (err->code == TS_INVALID_ARGUMENT)
        put_bad_request(out, err->what);
}

static bool find(ts_view message, uint32_t number, struct ts_field *out)
{
    struct ts_cursor c = ts_cursor_of(message);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, out))
        if (out->number == number)
            return true;
    return false;
}

bool ts_grpc_status_retry(ts_view status, ts_time *delay)
{
    struct ts_cursor c = ts_cursor_of(status);
    struct ts_field detail;
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &detail)) {
        if (detail.number != 3 || !find(detail.bytes, 1, &f) || !ts_view_is(f.bytes, RETRY_INFO))
            continue;
        *delay = 0;
        struct ts_field duration;
        if (!find(detail.bytes, 2, &f) || !find(f.bytes, 1, &duration))
            return true;
        const uint64_t year = 31622400; /* no peer means more than a year */
        if (find(duration.bytes, 1, &f) && f.value <= year)
            *delay += (ts_time)f.value * TS_S;
        if (find(duration.bytes, 2, &f) && f.value < (uint64_t)TS_S)
            *delay += (ts_time)f.value;
        return true;
    }
    return false;
}

/* ---- arguments ---- */

void ts_grpc_arg_int(struct ts_grpc_args *args, const char *key, int64_t value)
{
    int clipped = value > INT32_MAX ? INT32_MAX : (int)value;
    args->items[args->count++] =
        (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = clipped};
}

void ts_grpc_arg_text(struct ts_grpc_args *args, const char *key, const char *value)
{
    args->items[args->count++] =
        (grpc_arg){.type = GRPC_ARG_STRING, .key = (char *)key, .value.string = (char *)value};
}

void ts_grpc_arg_pointer(struct ts_grpc_args *args, const char *key, void *value,
                         const grpc_arg_pointer_vtable *vtable)
{
    args->items[args->count++] =
        (grpc_arg){.type = GRPC_ARG_POINTER, .key = (char *)key, .value.pointer = {value, vtable}};
}

void ts_grpc_arg_keepalive(struct ts_grpc_args *args, const struct ts_grpc_keepalive *k)
{
    const struct {
        const char *key;
        ts_time length;
    } rows[] = {
        {GRPC_ARG_MAX_CONNECTION_IDLE_MS, k->max_connection_idle},
        {GRPC_ARG_MAX_CONNECTION_AGE_MS, k->max_connection_age},
        {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, k->max_connection_age_grace},
        {GRPC_ARG_KEEPALIVE_TIME_MS, k->time},
        {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, k->timeout},
        {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, k->min_time},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        if (rows[i].length > 0)
            ts_grpc_arg_int(args, rows[i].key, rows[i].length / TS_MS);
    ts_grpc_arg_int(args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, k->permit_without_stream);
}

bool ts_grpc_key_ok(ts_view key)
{
    grpc_slice slice = grpc_slice_from_static_buffer(key.ptr, key.len);
    return key.len > 0 && key.ptr[0] != ':' && grpc_header_key_is_legal(slice) != 0 &&
           !ts_view_starts(key, TS_LIT("grpc-"));
}
