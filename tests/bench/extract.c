/* extract.c - what reading one record costs: LLM spans of 8 kB in every dialect, beside cJSON over the
 * JSON texts that stand in the same span, and protobuf-c's unpack of the span (which reads no record
 * yet). The OpenInference chat is made here as its instrumentor of the openai package writes it; the
 * other spans are those of tests/fixtures/dialects, with one sentence of the prompt and one of the
 * answer made longer until the span has 8 kB. */
#include "json/json.h"
#include "llm/extract.h"
#include "measure.h"
#include "wire/encode.h"
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

/* ---- a chat under OpenInference ---- */

static const char *const says[] = {
    "You answer questions of ferry passengers. Rules:\n- one sentence, no \"small talk\"\n- name "
    "the "
    "crossing by its time\n- prices in \u20ac, never in other money\n",
    "Can I take a tandem bicycle on the 07:40 crossing?",
    "Yes \u2014 tandems travel on the car deck of the 07:40 crossing for the price of two "
    "bicycles.",
    "And what if it's full? I'd rather not wait until 09:10 with the children.",
};

/* About `len` bytes of what the `turn`-th to speak says. */
static char *text_of(size_t turn, size_t len)
{
    const char *text = says[turn == 0 ? 0 : 1 + turn % 3];
    struct ts_buf out = TS_BUF_INIT;
    do
        ts_buf_printf(&out, "%s ", text);
    while (out.len < len);
    char *copy = ts_strdup(ts_buf_cstr(&out));
    ts_buf_release(&out);
    return copy;
}

static void put_text(struct ts_buf *span, const char *key, const char *text)
{
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, ts_view_str(key), ts_view_str(text));
}

static void put_message(struct ts_buf *span, const char *side, size_t i, const char *role,
                        const char *text)
{
    char key[80];
    snprintf(key, sizeof key, "llm.%s_messages.%zu.message.role", side, i);
    put_text(span, key, role);
    snprintf(key, sizeof key, "llm.%s_messages.%zu.message.content", side, i);
    put_text(span, key, text);
}

static cJSON *message(const char *role, const char *text)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "role", role);
    cJSON_AddStringToObject(m, "content", text);
    return m;
}

static void put_json(struct ts_buf *span, const char *key, cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    put_text(span, key, text);
    free(text);
    cJSON_Delete(tree);
}

static cJSON *completion(const char *text)
{
    cJSON *tree = cJSON_Parse(
        "{\"id\": \"chatcmpl-Hb7Qe01\", \"object\": \"chat.completion\", \"created\": 1764057600,"
        "\"model\": \"gpt-4o-mini-2024-07-18\", \"choices\": [{\"index\": 0, \"finish_reason\":"
        "\"stop\", \"logprobs\": null}], \"usage\": {\"prompt_tokens\": 912, \"completion_tokens\":"
        "187, \"total_tokens\": 1099, \"completion_tokens_details\": "
        "{\"accepted_prediction_tokens\":"
        "0, \"audio_tokens\": 0, \"reasoning_tokens\": 0, \"rejected_prediction_tokens\": 0},"
        "\"prompt_tokens_details\": {\"audio_tokens\": 0, \"cached_tokens\": 0}}, \"service_tier\":"
        "\"default\", \"system_fingerprint\": \"fp_560af6e559\"}");
    cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "choices"), 0);
    cJSON *m = message("assistant", text);
    cJSON_AddNullToObject(m, "refusal");
    cJSON_AddItemToObject(m, "annotations", cJSON_CreateArray());
    cJSON_AddItemToObject(choice, "message", m);
    return tree;
}

static void put_chat(struct ts_buf *span, size_t turns, size_t each)
{
    static const char *const roles[] = {"assistant", "user"};
    cJSON *request = cJSON_CreateObject();
    cJSON *messages = cJSON_AddArrayToObject(request, "messages");
    cJSON_AddStringToObject(request, "model", "gpt-4o-mini");
    cJSON_AddNumberToObject(request, "temperature", 0.2);
    cJSON_AddNumberToObject(request, "max_tokens", 400);
    ts_put_bytes(span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
    ts_put_bytes(span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
    ts_put_bytes(span, TS_SPAN_PARENT_ID, TS_LIT("76543210"));
    ts_put_bytes(span, TS_SPAN_NAME, TS_LIT("ChatCompletion"));
    ts_put_fixed64(span, TS_SPAN_START, 1764061844032000000u);
    ts_put_fixed64(span, TS_SPAN_END, 1764061845132000000u);
    put_text(span, "openinference.span.kind", "LLM");
    put_text(span, "llm.system", "openai");
    put_text(span, "llm.provider", "openai");
    put_text(span, "input.mime_type", "application/json");
    put_text(span, "llm.invocation_parameters",
             "{\"model\": \"gpt-4o-mini\", \"temperature\": 0.2, \"max_tokens\": 400}");
    for (size_t i = 0; i < turns; i++) {
        char *text = text_of(i, each);
        const char *role = i == 0 ? "system" : roles[i % 2];
        put_message(span, "input", i, role, text);
        cJSON_AddItemToArray(messages, message(role, text));
        free(text);
    }
    put_json(span, "input.value", request);
    char *answer = text_of(1, each * 2);
    put_json(span, "output.value", completion(answer));
    put_text(span, "output.mime_type", "application/json");
    put_message(span, "output", 0, "assistant", answer);
    free(answer);
    put_text(span, "llm.model_name", "gpt-4o-mini-2024-07-18");
    put_text(span, "llm.finish_reason", "stop");
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.prompt"), 912);
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.completion"), 187);
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.total"), 1099);
    ts_put_bytes(span, TS_SPAN_STATUS, TS_LIT("\x18\x01"));
}

static void add_chat(const char *name, size_t turns)
{
    struct ts_buf span = TS_BUF_INIT;
    for (size_t each = 10; span.len < SIZE; each += 10) { /* texts grow until the span is full */
        ts_buf_clear(&span);
        put_chat(&span, turns, each);
    }
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
