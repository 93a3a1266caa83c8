/* scan.c - how fast requests without an LLM span pass: ts_scan with the visitor of the trust processor,
 * beside memcpy of the same bytes (nothing that reads them is faster) and protobuf-c's unpack (what a
 * processor that decodes pays). 8 MB of requests a round: more than the core's own cache holds. */
#include "llm/extract.h"
#include "measure.h"
#include "wire/encode.h"
#include "wire/scan.h"

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest Request;
#define unpack opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack
#define free_unpack                                                                                \
    opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked

enum { BYTES = 8 << 20, ROUNDS = 40 };

/* ---- requests ---- */

static uint64_t seed = 7;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

struct attr {
    const char *key;
    const char *text; /* NULL: a number */
};

/* What auto-instrumentation writes, Java agent and Python alike; the last of each row are optional. */
static const struct attr http[] = {
    {"http.request.method", "POST"},
    {"url.scheme", "https"},
    {"url.path", "/api/v2/harbours/17/departures"},
    {"url.query", "from=2025-11-25T06:30:00Z&limit=50"},
    {"http.route", "/api/v2/harbours/{harbour}/departures"},
    {"server.address", "departures.internal.example.net"},
    {"server.port", NULL},
    {"client.address", "10.42.7.118"},
    {"network.peer.address", "10.42.0.11"},
    {"network.peer.port", NULL},
    {"network.protocol.version", "1.1"},
    {"user_agent.original",
     "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
    {"http.response.status_code", NULL},
    {"thread.id", NULL},
    {"thread.name", "http-nio-8080-exec-14"},
    {"http.request.header.x_request_id", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
    {"enduser.id", "kiosk-4"},
};
static const struct attr database[] = {
    {"db.system.name", "postgresql"},
    {"db.namespace", "harbour"},
    {"db.operation.name", "SELECT"},
    {"db.collection.name", "departures"},
    {"db.query.text", "SELECT id, vessel, berth, leaves_at FROM departures WHERE harbour = ? AND "
                      "leaves_at BETWEEN ? AND ? ORDER BY leaves_at LIMIT ?"},
    {"server.address", "pg-primary.internal.example.net"},
    {"server.port", NULL},
    {"network.peer.address", "10.42.3.5"},
    {"thread.id", NULL},
    {"thread.name", "http-nio-8080-exec-14"},
    {"db.response.returned_rows", NULL},
};
static const struct attr messaging[] = {
    {"messaging.system", "kafka"},
    {"messaging.operation.name", "publish"},
    {"messaging.operation.type", "send"},
    {"messaging.destination.name", "harbour.departures.changed.v2"},
    {"messaging.destination.partition.id", "11"},
    {"messaging.kafka.offset", NULL},
    {"messaging.message.id", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
    {"messaging.client.id", "departures-7c9d6b5f4-x2x8k"},
    {"peer.service", "timetable"},
    {"code.function.name", "net.example.harbour.DeparturePublisher.publish"},
    {"code.line.number", NULL},
    {"otel.library.hint", "org.apache.kafka.clients.producer"},
};
static const struct attr chain[] = {
    {"openinference.span.kind", "CHAIN"},
    {"input.value", "{\"question\": \"Can I take a tandem bicycle on the 07:40 crossing?\", "
                    "\"chat_history\": [], \"harbour\": \"17\", \"language\": \"en\"}"},
    {"input.mime_type", "application/json"},
    {"output.value", "{\"answer\": \"Yes, tandems travel on the car deck of the 07:40 crossing for "
                     "the price of two bicycles.\"}"},
    {"output.mime_type", "application/json"},
    {"metadata", "{\"langgraph_step\": 3, \"langgraph_node\": \"answer\", \"ls_integration\": "
                 "\"langchain_chat_model\", \"thread_id\": \"desk-17\"}"},
    {"session.id", "desk-17"},
    {"user.id", "kiosk-4"},
    {"llm.prompt_template.version", "3"},
    {"tag.tags", "harbour"},
};
static const struct attr host[] = {
    {"service.name", "departures"},
    {"service.version", "2.17.1"},
    {"service.instance.id", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
    {"telemetry.sdk.language", "java"},
    {"telemetry.sdk.name", "opentelemetry"},
    {"telemetry.sdk.version", "1.44.1"},
    {"k8s.pod.name", "departures-7c9d6b5f4-x2x8k"},
    {"k8s.namespace.name", "harbour"},
    {"process.pid", NULL},
};

static void put_attrs(struct ts_buf *out, uint32_t number, const struct attr *attrs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (attrs[i].text)
            ts_put_attr_text(out, number, ts_view_str(attrs[i].key), ts_view_str(attrs[i].text));
        else
            ts_put_attr_int(out, number, ts_view_str(attrs[i].key), 1 + below(60000));
}

static void put_event(struct ts_buf *span)
{
    struct ts_buf event = TS_BUF_INIT;
    ts_put_fixed64(&event, TS_EVENT_TIME, 1764061844082000000u);
    ts_put_bytes(&event, TS_EVENT_NAME, TS_LIT("connection.acquired"));
    ts_put_attr_int(&event, TS_EVENT_ATTRIBUTES, TS_LIT("pool.wait_ms"), below(50));
    ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_buf_release(&event);
}

static void put_span(struct ts_buf *out, bool app)
{
    enum { SPAN_KIND = 6, SPAN_FLAGS = 16 };
    static const struct {
        const char *name;
        const struct attr *attrs;
        size_t count;
    } shapes[] = {{"POST /api/v2/harbours/{harbour}/departures", http, TS_COUNT(http)},
                  {"SELECT departures", database, TS_COUNT(database)},
                  {"publish harbour.departures.changed.v2", messaging, TS_COUNT(messaging)},
                  {"RunnableSequence", chain, TS_COUNT(chain)}};
    size_t shape = app ? 3 : below(3);
    struct ts_buf span = TS_BUF_INIT;
    uint8_t id[32];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(1 + below(255));
    ts_put_bytes(&span, TS_SPAN_TRACE_ID, ts_view_of(id, 16));
    ts_put_bytes(&span, TS_SPAN_SPAN_ID, ts_view_of(id + 16, 8));
    ts_put_bytes(&span, TS_SPAN_PARENT_ID, ts_view_of(id + 24, 8));
    ts_put_bytes(&span, TS_SPAN_NAME, ts_view_str(shapes[shape].name));
    ts_put_tag(&span, SPAN_KIND, TS_WIRE_VARINT);
    ts_put_varint(&span, 2);
    ts_put_fixed64(&span, TS_SPAN_START, 1764061844032000000u);
    ts_put_fixed64(&span, TS_SPAN_END, 1764061844132000000u);
    put_attrs(&span, TS_SPAN_ATTRIBUTES, shapes[shape].attrs, shapes[shape].count);
    if (below(8) == 0)
        put_event(&span);
    ts_put_bytes(&span, TS_SPAN_STATUS, TS_NOTHING);
    ts_put_fixed32(&span, SPAN_FLAGS, 0x101);
    ts_put_bytes(out, TS_SS_SPANS, ts_buf_view(&span));
    ts_buf_release(&span);
}

static void put_scope(struct ts_buf *out, size_t spans, bool app)
{
    struct ts_buf scope_spans = TS_BUF_INIT;
    struct ts_buf scope = TS_BUF_INIT;
    ts_put_bytes(&scope, TS_SCOPE_NAME, TS_LIT("io.opentelemetry.tomcat-10.0"));
    ts_put_bytes(&scope, TS_SCOPE_VERSION, TS_LIT("2.10.0-alpha"));
    ts_put_bytes(&scope_spans, TS_SS_SCOPE, ts_buf_view(&scope));
    for (size_t i = 0; i < spans; i++)
        put_span(&scope_spans, app);
    ts_put_bytes(out, TS_RS_SCOPE_SPANS, ts_buf_view(&scope_spans));
    ts_buf_release(&scope);
    ts_buf_release(&scope_spans);
}

/* One process' spans, of as many scopes as libraries were instrumented. */
static void put_request(struct ts_buf *out, size_t spans, bool app)
{
    struct ts_buf resource = TS_BUF_INIT;
    struct ts_buf resource_spans = TS_BUF_INIT;
    put_attrs(&resource, TS_RESOURCE_ATTRIBUTES, host, TS_COUNT(host));
    ts_put_bytes(&resource_spans, TS_RS_RESOURCE, ts_buf_view(&resource));
    for (size_t i = 0; i < 4; i++)
        put_scope(&resource_spans, spans / 4, app);
    ts_put_bytes(out, TS_REQUEST_RESOURCE_SPANS, ts_buf_view(&resource_spans));
    ts_buf_release(&resource);
    ts_buf_release(&resource_spans);
}

struct load {
    ts_view *requests;
    size_t count, bytes, llm;
    uint8_t *copy;
};

static struct load load_of(size_t spans, bool app)
{
    struct load l = {0};
    while (l.bytes < BYTES) {
        struct ts_buf request = TS_BUF_INIT;
        put_request(&request, spans, app);
        l.requests = ts_realloc(l.requests, (l.count + 1) * sizeof *l.requests);
        l.requests[l.count].ptr = ts_buf_take(&request, &l.requests[l.count].len);
        l.bytes += l.requests[l.count++].len;
    }
    l.copy = ts_alloc(l.requests[0].len * 2);
    return l;
}

static void release(struct load *l)
{
    for (size_t i = 0; i < l->count; i++)
        free((void *)(uintptr_t)l->requests[i].ptr);
    free(l->requests);
    free(l->copy);
}

/* ---- contenders ---- */

static void visit(void *arg, const struct ts_span_at *at)
{
    struct load *l = arg;
    l->llm += ts_span_kind(at->span) == TS_KIND_LLM;
}

static void run_scan(void *arg)
{
    struct load *l = arg;
    struct ts_scan scan;
    struct ts_err err;
    for (size_t i = 0; i < l->count; i++)
        if (!ts_scan(l->requests[i], false, visit, l, &scan, &err))
            abort();
}

static void run_walk(void *arg)
{
    struct load *l = arg;
    struct ts_scan scan;
    struct ts_err err;
    for (size_t i = 0; i < l->count; i++)
        if (!ts_scan(l->requests[i], false, NULL, NULL, &scan, &err))
            abort();
}

static void run_copy(void *arg)
{
    struct load *l = arg;
    for (size_t i = 0; i < l->count; i++) {
        memcpy(l->copy, l->requests[i].ptr, l->requests[i].len);
        __asm__ volatile("" : : "r"(l->copy) : "memory"); /* the copy is wanted */
    }
}

static void run_unpack(void *arg)
{
    struct load *l = arg;
    for (size_t i = 0; i < l->count; i++) {
        Request *request = unpack(NULL, l->requests[i].len, l->requests[i].ptr);
        if (!request)
            abort();
        free_unpack(request, NULL);
    }
}

static void measure(const char *name, size_t spans, bool app)
{
    struct load l = load_of(spans, app);
    struct ts_contender c[] = {
        {run_scan, &l, 0}, {run_walk, &l, 0}, {run_copy, &l, 0}, {run_unpack, &l, 0}};
    ts_measure(c, TS_COUNT(c), ROUNDS);
    double mb = (double)l.bytes / 1e6;
    printf("%-34s%8.1f%8.2f%8.2f%8.2f%9.2f%10.1f\n", name,
           (double)l.bytes / (double)(l.count * spans), mb / c[0].best / 1e3, mb / c[1].best / 1e3,
           mb / c[2].best / 1e3, c[0].best / c[2].best, c[3].best / c[0].best);
    if (l.llm)
        abort();
    release(&l);
}

int main(void)
{
    printf("%-34s%8s%8s%8s%8s%9s%10s\n", "", "B/span", "GB/s", "walk", "memcpy", "x memcpy",
           "1/unpack");
    measure("512 server spans a request", 512, false);
    measure("8 server spans a request", 8, false);
    measure("512 spans of an LLM app, no call", 512, true);
    return 0;
}
