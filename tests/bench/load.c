/* load.c - sends requests of one shape as fast as they are answered.
 *   bench_load PORT SHAPE SPANS IN_FLIGHT     shape: plain (no LLM spans), mix (one in ten), small
 * Prints seconds and spans. Shapes are those of the feasibility study: mix and plain have 512 spans a
 * request, 0.5 MB; small has 8. LLM spans carry 2 to 8 kB of messages. Every request has ids of its own: a
 * span that was seen before would not be scored again. */
#include "net/grpc.h"
#include "wire/encode.h"
#include "wire/scan.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define METHOD "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
enum { VARIANTS = 8, MOST_SPANS = 512 };

/* A request, and where its spans begin. */
struct shape {
    struct ts_payload *payload;
    size_t spans[MOST_SPANS], count;
};

struct load {
    struct ts_loop *loop;
    struct ts_grpc_channel *channel;
    struct shape shapes[VARIANTS];
    uint64_t ids;
    long long left, open;
    int failed;
};

struct flight {
    struct ts_grpc_unary unary; /* first */
    struct load *load;
    struct ts_payload *request;
    ts_view slice;
    struct ts_timer again;
};

static uint64_t seed = 7;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static void put_text(struct ts_buf *span, const char *key, size_t len)
{
    static const char words[] =
        "the quick brown fox jumps over a lazy dog and then some more of it ";
    struct ts_buf text = TS_BUF_INIT;
    size_t from = below(sizeof words - 1);
    while (text.len < len)
        ts_buf_add_byte(&text, (uint8_t)words[(from + text.len) % (sizeof words - 1)] ^
                                   (uint8_t)(below(50) == 0));
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, ts_view_str(key), ts_buf_view(&text));
    ts_buf_release(&text);
}

static void put_llm(struct ts_buf *span)
{
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("openinference.span.kind"), TS_LIT("LLM"));
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.model_name"), TS_LIT("gpt-4o-mini"));
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.input_messages.0.message.role"),
                     TS_LIT("user"));
    put_text(span, "llm.input_messages.0.message.content", 1500 + below(4500));
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.output_messages.0.message.role"),
                     TS_LIT("assistant"));
    put_text(span, "llm.output_messages.0.message.content", 500 + below(1500));
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.finish_reason"), TS_LIT("length"));
}

static void put_plain(struct ts_buf *span)
{
    static const char *const keys[] = {
        "http.request.method", "url.path",    "server.address", "http.route",   "user.agent",
        "db.statement",        "thread.name", "net.peer",       "peer.service", "code.function"};
    for (size_t i = 0; i < TS_COUNT(keys); i++)
        put_text(span, keys[i], 12 + below(24));
}

static void put_span(struct ts_buf *out, bool llm)
{
    struct ts_buf span = TS_BUF_INIT;
    uint8_t id[16];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(1 + below(255));
    ts_put_bytes(&span, TS_SPAN_TRACE_ID, ts_view_of(id, 16));
    ts_put_bytes(&span, TS_SPAN_SPAN_ID, ts_view_of(id, 8));
    ts_put_bytes(&span, TS_SPAN_NAME, TS_LIT("GET /somewhere"));
    ts_put_fixed64(&span, TS_SPAN_START, 1764061844032000000u);
    ts_put_fixed64(&span, TS_SPAN_END, 1764061844132000000u);
    if (llm)
        put_llm(&span);
    else
        put_plain(&span);
    ts_put_bytes(out, TS_SS_SPANS, ts_buf_view(&span));
    ts_buf_release(&span);
}

static struct ts_payload *make_request(size_t spans, bool mix)
{
    struct ts_buf scope = TS_BUF_INIT;
    struct ts_buf resource = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    for (size_t i = 0; i < spans; i++)
        put_span(&scope, mix && i % 10 == 3);
    ts_put_bytes(&resource, TS_RS_SCOPE_SPANS, ts_buf_view(&scope));
    ts_put_bytes(&request, TS_REQUEST_RESOURCE_SPANS, ts_buf_view(&resource));
    struct ts_payload *payload = ts_payload_copy(ts_buf_view(&request));
    ts_buf_release(&scope);
    ts_buf_release(&resource);
    ts_buf_release(&request);
    return payload;
}

static void note_span(void *arg, const struct ts_span_at *at)
{
    struct shape *s = arg;
    s->spans[s->count++] = (size_t)(at->span.ptr - ts_payload_view(s->payload).ptr);
}

static void make_shape(struct shape *s, size_t spans, bool mix)
{
    struct ts_scan found;
    s->payload = make_request(spans, mix);
    ts_scan(ts_payload_view(s->payload), false, note_span, s, &found, NULL);
}

/* A copy with new ids. The trace id is the first field of a span, the span id the second. */
static struct ts_payload *make_copy(struct load *l, const struct shape *s)
{
    enum { TRACE_ID = 2, SPAN_ID = 20 };
    ts_view from = ts_payload_view(s->payload);
    uint8_t *bytes = ts_alloc(from.len);
    memcpy(bytes, from.ptr, from.len);
    for (size_t i = 0; i < s->count; i++) {
        uint64_t id = ++l->ids;
        memcpy(bytes + s->spans[i] + TRACE_ID, &id, sizeof id);
        memcpy(bytes + s->spans[i] + SPAN_ID, &id, sizeof id);
    }
    return ts_payload_new(ts_view_of(bytes, from.len), free, bytes);
}

static void start(struct flight *f);

static void on_again(struct ts_timer *timer)
{
    start(TS_CONTAINER_OF(timer, struct flight, again));
}

/* Told to wait, it waits, as clients do; any other refusal is a failure. */
static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct flight *f = (struct flight *)(void *)job;
    struct load *l = f->load;
    ts_grpc_unary_release(&f->unary);
    ts_payload_unref(f->request);
    l->open--;
    if (end != TS_JOB_DONE && job->err.code == TS_UNAVAILABLE) {
        l->left++;
        ts_timer_start(l->loop, &f->again, ts_now() + 5 * TS_MS, on_again);
        return;
    }
    l->failed += end != TS_JOB_DONE;
    if (l->left > 0)
        start(f);
    else if (l->open == 0)
        ts_loop_break(l->loop);
}

static void start(struct flight *f)
{
    struct load *l = f->load;
    if (l->left == 0) { /* another flight took the last while this one waited */
        if (l->open == 0)
            ts_loop_break(l->loop);
        return;
    }
    f->request = make_copy(l, &l->shapes[l->left % VARIANTS]);
    f->slice = ts_payload_view(f->request);
    l->left--;
    l->open++;
    f->unary.has_retry_info = false;
    f->unary.job = (struct ts_job){.home = l->loop, .deadline = TS_NEVER, .done = on_done};
    f->unary.method = METHOD;
    f->unary.slices = &f->slice;
    f->unary.slice_count = 1;
    f->unary.owner = f->request;
    ts_grpc_unary_start(l->channel, &f->unary);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: bench_load PORT plain|mix|small SPANS IN_FLIGHT\n", stderr);
        return 2;
    }
    bool small = strcmp(argv[2], "small") == 0;
    bool mix = strcmp(argv[2], "plain") != 0;
    size_t each = small ? 8 : MOST_SPANS;
    long long total = atoll(argv[3]) / (long long)each;
    int in_flight = atoi(argv[4]);
    char endpoint[64];
    struct ts_err err = {0};
    struct load l = {.loop = ts_loop_new("load"), .left = total};
    struct ts_grpc *grpc = ts_grpc_new(1, &err);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%s", argv[1]);
    struct ts_grpc_channel_options options = {.endpoint = endpoint};
    l.channel = ts_grpc_channel_new(grpc, &options, &err);
    size_t bytes = 0;
    for (size_t i = 0; i < VARIANTS; i++) {
        make_shape(&l.shapes[i], each, mix);
        bytes += ts_payload_view(l.shapes[i].payload).len;
    }
    struct flight *flights = ts_alloc((size_t)in_flight * sizeof *flights);
    ts_time began = ts_now();
    for (int i = 0; i < in_flight && l.left > 0; i++) {
        flights[i].load = &l;
        start(&flights[i]);
    }
    ts_loop_run(l.loop);
    double seconds = (double)(ts_now() - began) / (double)TS_S;
    printf("{\"seconds\": %.3f, \"spans\": %lld, \"failed\": %d, \"request_bytes\": %zu}\n",
           seconds, total * (long long)each, l.failed, bytes / VARIANTS);
    for (size_t i = 0; i < VARIANTS; i++)
        ts_payload_unref(l.shapes[i].payload);
    ts_grpc_channel_free(l.channel);
    ts_grpc_free(grpc);
    ts_loop_free(l.loop);
    free(flights);
    return l.failed ? 1 : 0;
}
