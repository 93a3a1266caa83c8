/* extract.c - what reading one record costs: LLM spans of 8 kB in every dialect, beside cJSON over the
 * JSON texts that stand in the same span, and protobuf-c's unpack of the span (which reads no record
 * yet). The first two are chats (chat.h), the others are the spans of tests/fixtures/dialects, with one
 * sentence of the prompt and one of the answer made longer until the span has 8 kB. */
#include "chat.h"
#include "json/json.h"
#include "llm/extract.h"
#include "measure.h"
#include "wire/otlp_json.h"
#include "wire/scan.h"

#include <opentelemetry/proto/trace/v1/trace.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

typedef Opentelemetry__Proto__Trace__V1__Span Span;
#define unpack      opentelemetry__proto__trace__v1__span__unpack
#define free_unpack opentelemetry__proto__trace__v1__span__free_unpacked

enum { SIZE = 8 << 10, ROUNDS = 40, REPEATS = 25, MOST = 400 };

struct sample {
    const char *dialect;
    ts_view span, resource, scope;
    ts_view json[64]; /* attribute values that are JSON */
    size_t json_count;
};

static struct sample samples[MOST];
static size_t sample_count;

/* ---- one more span to measure ---- */

static void extract(const struct sample *s, struct ts_arena *arena, struct ts_llm *out)
{
    ts_llm_extract(arena, s->resource, s->scope, s->span, out);
}

static void find_json(struct sample *s)
{
    struct ts_cursor c = ts_cursor_of(s->span);
    struct ts_field f;
    struct ts_attr attr;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != TS_SPAN_ATTRIBUTES || !ts_attr_read(f.bytes, &attr))
            continue;
        ts_view text = attr.value.type == TS_ANY_STRING ? attr.value.bytes : TS_NOTHING;
        if (text.len > 1 && (text.ptr[0] == '{' || text.ptr[0] == '[') &&
            s->json_count < TS_COUNT(s->json))
            s->json[s->json_count++] = text;
    }
}

/* Views into `at` must stay; a span that cannot be scored is not what we measure. */
static void add_sample(const char *name, const struct ts_span_at *at)
{
    struct sample *s = &samples[sample_count];
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    *s = (struct sample){
        .span = at->span, .resource = ts_span_resource(at), .scope = ts_span_scope(at)};
    extract(s, arena, &llm);
    s->dialect = name ? name : llm.dialect;
    find_json(s);
    sample_count += llm.kind == TS_KIND_LLM && llm.skip == TS_SKIP_NONE && sample_count < MOST - 1;
    ts_arena_free(arena);
}

/* ---- fixtures, made longer ---- */

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' ||
           c == ',' || c == '.';
}

/* The longest run that is written the same however often it is escaped. */
static ts_view plain_run(ts_view text)
{
    ts_view best = TS_NOTHING;
    for (size_t i = 0; i < text.len; i++) {
        size_t n = 0;
        while (i + n < text.len && is_plain(text.ptr[i + n]))
            n++;
        if (n > best.len)
            best = ts_view_cut(text, i, n);
        i += n;
    }
    return best.len >= 8 ? best : TS_NOTHING;
}

static void put_longer(struct ts_buf *out, ts_view text, ts_view run, size_t more)
{
    static const char filler[] = " The boat leaves from the quay beside the old customs house, and "
                                 "tickets are sold in the hall until five minutes before.";
    while (run.len > 0) {
        size_t at = ts_view_find(text, run);
        if (at == SIZE_MAX)
            break;
        ts_buf_add_view(out, ts_view_cut(text, 0, at + run.len));
        for (size_t i = 0; i < more; i++)
            ts_buf_add_byte(out, (uint8_t)filler[i % (sizeof filler - 1)]);
        text = ts_view_from(text, at + run.len);
    }
    ts_buf_add_view(out, text);
}

struct wanted {
    ts_view id;
    struct ts_span_at at;
};

static void find_span(void *arg, const struct ts_span_at *at)
{
    struct wanted *w = arg;
    struct ts_cursor c = ts_cursor_of(at->span);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == TS_SPAN_SPAN_ID && ts_view_eq(f.bytes, w->id))
            w->at = *at;
}

/* The request with both runs longer by `more` bytes in all; the buffer is never given back. */
static struct ts_span_at longer(ts_view fixture, ts_view id, ts_view prompt, ts_view answer,
                                size_t more)
{
    struct ts_buf half = TS_BUF_INIT;
    struct ts_buf text = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    struct ts_scan scan;
    struct ts_err err;
    struct wanted w = {.id = id};
    put_longer(&half, fixture, prompt, answer.len ? more * 3 / 4 : more);
    put_longer(&text, ts_buf_view(&half), answer, more / 4);
    if (!ts_otlp_from_json(ts_buf_view(&text), &request, &err) ||
        !ts_scan(ts_buf_view(&request), false, find_span, &w, &scan, &err))
        abort();
    ts_buf_release(&half);
    ts_buf_release(&text);
    return w.at;
}

static void add_longer(void *arg, const struct ts_span_at *at)
{
    ts_view fixture = *(const ts_view *)arg;
    struct ts_arena *arena = ts_arena_new();
    struct ts_llm llm;
    ts_llm_extract(arena, ts_span_resource(at), ts_span_scope(at), at->span, &llm);
    if (llm.kind == TS_KIND_LLM && llm.skip == TS_SKIP_NONE && at->span.len < SIZE) {
        ts_view prompt = plain_run(llm.messages[llm.message_count - 1].content);
        ts_view answer = plain_run(llm.response);
        size_t grew = longer(fixture, llm.span_id, prompt, answer, 1000).span.len - at->span.len;
        if (grew > 0) {
            size_t more = (SIZE - at->span.len) * 1000 / grew;
            struct ts_span_at grown = longer(fixture, llm.span_id, prompt, answer, more);
            add_sample(NULL, &grown);
        }
    }
    ts_arena_free(arena);
}

static void add_fixture(const char *name)
{
    char path[512];
    struct ts_buf text = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    struct ts_scan scan;
    struct ts_err err;
    snprintf(path, sizeof path, TS_FIXTURES "/dialects/%s.json", name);
    if (!ts_buf_read_file(&text, path, &err) ||
        !ts_otlp_from_json(ts_buf_view(&text), &request, &err)) {
        fprintf(stderr, "%s\n", err.what);
        exit(1);
    }
    ts_view fixture = ts_buf_view(&text);
    ts_scan(ts_buf_view(&request), false, add_longer, &fixture, &scan, &err);
    ts_buf_release(&request);
    ts_buf_release(&text);
}

/* ---- a chat ---- */

static void add_chat(const char *name, size_t turns)
{
    struct ts_buf span = TS_BUF_INIT;
    ts_bench_chat(turns, SIZE, &span);
    struct ts_span_at at = {.span = ts_buf_view(&span)};
    add_sample(name, &at);
}

/* ---- contenders ---- */

static void run_extract(void *arg)
{
    for (int i = 0; i < REPEATS; i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_llm llm;
        extract(arg, arena, &llm);
        ts_arena_free(arena);
    }
}

static void run_cjson(void *arg)
{
    const struct sample *s = arg;
    for (int i = 0; i < REPEATS; i++)
        for (size_t k = 0; k < s->json_count; k++)
            cJSON_Delete(cJSON_ParseWithLength((const char *)s->json[k].ptr, s->json[k].len));
}

static void run_unpack(void *arg)
{
    const struct sample *s = arg;
    for (int i = 0; i < REPEATS; i++)
        free_unpack(unpack(NULL, s->span.len, s->span.ptr), NULL);
}

struct row {
    size_t spans, bytes, json_bytes;
    double extract, worst, cjson, unpack; /* µs */
};

static void measure(struct sample *s, struct row *row)
{
    struct ts_contender c[] = {{run_extract, s, 0}, {run_cjson, s, 0}, {run_unpack, s, 0}};
    ts_measure(c, TS_COUNT(c), ROUNDS);
    double took = c[0].best / REPEATS * 1e6;
    row->spans++;
    row->bytes += s->span.len;
    for (size_t i = 0; i < s->json_count; i++)
        row->json_bytes += s->json[i].len;
    row->extract += took;
    row->worst = took > row->worst ? took : row->worst;
    row->cjson += c[1].best / REPEATS * 1e6;
    row->unpack += c[2].best / REPEATS * 1e6;
}

static void measure_dialect(const char *dialect)
{
    struct row r = {0};
    for (size_t i = 0; i < sample_count; i++)
        if (strcmp(samples[i].dialect, dialect) == 0) {
            measure(&samples[i], &r);
            samples[i].dialect = "";
        }
    double n = (double)r.spans;
    printf("%-26s%6zu%7.0f%7.0f%8.1f%8.1f%8.1f", dialect, r.spans, (double)r.bytes / n,
           (double)r.json_bytes / n, r.extract / n, r.worst, r.unpack / n);
    if (r.json_bytes > r.bytes / 10)
        printf("%9.1f%9.2f", r.cjson / n, r.extract / r.cjson);
    else
        printf("%9s%9s", "", "");
    printf("%10.1f\n", r.extract / r.unpack);
}

int main(void)
{
    static const char *const fixtures[] = {"openinference",
                                           "openinference_raw",
                                           "otel_genai",
                                           "otel_genai_events",
                                           "otel_genai_legacy",
                                           "openllmetry",
                                           "vercel_ai",
                                           "langfuse",
                                           "langsmith",
                                           "mlflow",
                                           "logfire_pydantic_ai",
                                           "google_adk",
                                           "strands",
                                           "frameworks"};
    add_chat("openinference, 4 turns", 4);
    add_chat("openinference, 16 turns", 16);
    for (size_t i = 0; i < TS_COUNT(fixtures); i++)
        add_fixture(fixtures[i]);
    printf("%-26s%6s%7s%7s%8s%8s%8s%9s%9s%10s\n", "", "spans", "bytes", "JSON", "us/span", "worst",
           "unpack", "cJSON", "x cJSON", "x unpack");
    for (size_t i = 0; i < sample_count; i++)
        if (samples[i].dialect[0])
            measure_dialect(samples[i].dialect);
    return 0;
}
