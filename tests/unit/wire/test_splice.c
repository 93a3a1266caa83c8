/* Splicing against protobuf-c: whatever the request, patching nothing gives the same bytes, and
 * patching then unpacking is the same as unpacking then editing. Requests are random, with unknown
 * fields in every message. */
#include "testing.h"

#include "wire/encode.h"
#include "wire/repair.h"
#include "wire/splice.h"

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest Request;
typedef Opentelemetry__Proto__Trace__V1__ResourceSpans ResourceSpans;
typedef Opentelemetry__Proto__Trace__V1__ScopeSpans ScopeSpans;
typedef Opentelemetry__Proto__Trace__V1__Span Span;

enum { ROUNDS = 400 };

static uint64_t seed = 42;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- random requests ---- */

static void maybe_unknown(struct ts_buf *out)
{
    if (below(4) == 0)
        ts_put_bytes(out, 100 + below(10), TS_LIT("unknown"));
    if (below(8) == 0)
        ts_put_fixed64(out, 200, below(1000));
}

static void put_message(struct ts_buf *out, uint32_t number, struct ts_buf *content)
{
    ts_put_bytes(out, number, ts_buf_view(content));
    ts_buf_release(content);
}

static void put_span(struct ts_buf *out)
{
    struct ts_buf span = TS_BUF_INIT;
    uint8_t id[16];
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(1 + below(255));
    ts_put_bytes(&span, TS_SPAN_TRACE_ID, ts_view_of(id, 16));
    ts_put_bytes(&span, TS_SPAN_SPAN_ID, ts_view_of(id, 8));
    maybe_unknown(&span);
    for (uint32_t n = below(5); n > 0; n--)
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, below(3) ? TS_LIT("key") : TS_LIT("mine.x"),
                         ts_view_of("vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv", below(48)));
    ts_put_bytes(&span, TS_SPAN_NAME, TS_LIT("name"));
    maybe_unknown(&span);
    put_message(out, TS_SS_SPANS, &span);
}

static void put_scope_spans(struct ts_buf *out)
{
    struct ts_buf spans = TS_BUF_INIT;
    struct ts_buf scope = TS_BUF_INIT;
    ts_put_bytes(&scope, TS_SCOPE_NAME, TS_LIT("scope"));
    bool late_scope = below(4) == 0; /* legal, if unusual: the scope behind its spans */
    if (!late_scope)
        ts_put_bytes(&spans, TS_SS_SCOPE, ts_buf_view(&scope));
    for (uint32_t n = below(6); n > 0; n--) {
        put_span(&spans);
        maybe_unknown(&spans);
    }
    if (late_scope)
        ts_put_bytes(&spans, TS_SS_SCOPE, ts_buf_view(&scope));
    ts_put_bytes(&spans, TS_SS_SCHEMA_URL, TS_LIT("https://schema"));
    ts_buf_release(&scope);
    put_message(out, TS_RS_SCOPE_SPANS, &spans);
}

static struct ts_payload *random_request(void)
{
    struct ts_buf request = TS_BUF_INIT;
    for (uint32_t n = below(5); n > 0; n--) {
        struct ts_buf rs = TS_BUF_INIT;
        struct ts_buf resource = TS_BUF_INIT;
        ts_put_attr_text(&resource, TS_RESOURCE_ATTRIBUTES, TS_LIT("service.name"), TS_LIT("s"));
        put_message(&rs, TS_RS_RESOURCE, &resource);
        for (uint32_t k = below(4); k > 0; k--)
            put_scope_spans(&rs);
        maybe_unknown(&rs);
        put_message(&request, TS_REQUEST_RESOURCE_SPANS, &rs);
        maybe_unknown(&request);
    }
    struct ts_payload *payload = ts_payload_copy(ts_buf_view(&request));
    ts_buf_release(&request);
    return payload;
}

/* ---- scanning and editing ---- */

struct found {
    struct ts_span_at at[256];
    size_t count;
};

static void note(void *arg, const struct ts_span_at *at)
{
    struct found *f = arg;
    assert_true(f->count < TS_COUNT(f->at));
    f->at[f->count++] = *at;
}

static void scan(struct ts_payload *payload, struct found *f)
{
    struct ts_scan out;
    struct ts_err err = {0};
    f->count = 0;
    assert_true(ts_scan(ts_payload_view(payload), true, note, f, &out, &err));
    assert_int_equal(out.spans, f->count);
}

static Request *unpack(ts_view bytes)
{
    Request *r = opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
        NULL, bytes.len, bytes.ptr);
    assert_non_null(r);
    return r;
}

static void free_request(Request *r)
{
    opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked(r,
                                                                                            NULL);
}

static void assert_packs_to(const Request *r, ts_view bytes)
{
    /* through protobuf-c once more, so that both sides have its order of fields */
    Request *other = unpack(bytes);
    size_t size = protobuf_c_message_get_packed_size(&r->base);
    assert_int_equal(size, protobuf_c_message_get_packed_size(&other->base));
    uint8_t *a = ts_alloc(size);
    uint8_t *b = ts_alloc(size);
    protobuf_c_message_pack(&r->base, a);
    protobuf_c_message_pack(&other->base, b);
    assert_memory_equal(a, b, size);
    free(a);
    free(b);
    free_request(other);
}

/* The edits of one round: what becomes of the span at each place. */
enum fate { KEEP, DROP, APPEND, REPLACE, OTHER };

/* What stands in for a span whose fate is OTHER; its own attributes "mine." are replaced, too. */
static ts_view other_span(void)
{
    static struct ts_buf span;
    if (span.len == 0) {
        ts_put_bytes(&span, TS_SPAN_NAME, TS_LIT("other"));
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("mine.x"), TS_LIT("old"));
        ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("key"), TS_LIT("[email]"));
        ts_put_fixed64(&span, TS_SPAN_START, 1);
    }
    return ts_buf_view(&span);
}

static void append_to(Span *span)
{
    struct ts_buf kv = TS_BUF_INIT;
    ts_put_attr_double(&kv, 1, TS_LIT("mine.score"),
                       0.5); /* as field 1 of a list, to be unpacked */
    ts_view inner = ts_view_from(ts_buf_view(&kv), 2);
    span->attributes = realloc(span->attributes, (span->n_attributes + 1) * sizeof(void *));
    span->attributes[span->n_attributes++] =
        opentelemetry__proto__common__v1__key_value__unpack(NULL, inner.len, inner.ptr);
    ts_buf_release(&kv);
}

static void strip_from(Span *span)
{
    size_t kept = 0;
    for (size_t i = 0; i < span->n_attributes; i++)
        if (strncmp(span->attributes[i]->key, "mine.", 5) == 0)
            opentelemetry__proto__common__v1__key_value__free_unpacked(span->attributes[i], NULL);
        else
            span->attributes[kept++] = span->attributes[i];
    span->n_attributes = kept;
}

static bool edit_scope(ScopeSpans *s, const enum fate *fates, size_t *at, bool keep_others)
{
    size_t kept = 0;
    bool had = s->n_spans > 0;
    for (size_t i = 0; i < s->n_spans; i++) {
        enum fate fate = fates[(*at)++];
        if (fate == DROP || (fate == KEEP && !keep_others)) {
            opentelemetry__proto__trace__v1__span__free_unpacked(s->spans[i], NULL);
            continue;
        }
        if (fate == OTHER) {
            opentelemetry__proto__trace__v1__span__free_unpacked(s->spans[i], NULL);
            s->spans[i] = opentelemetry__proto__trace__v1__span__unpack(NULL, other_span().len,
                                                                        other_span().ptr);
        }
        if (fate == REPLACE || fate == OTHER)
            strip_from(s->spans[i]);
        if (fate != KEEP)
            append_to(s->spans[i]);
        s->spans[kept++] = s->spans[i];
    }
    s->n_spans = kept;
    return kept > 0 || (keep_others && !had);
}

static bool edit_resource(ResourceSpans *r, const enum fate *fates, size_t *at, bool keep_others)
{
    size_t kept = 0;
    bool had = r->n_scope_spans > 0;
    for (size_t i = 0; i < r->n_scope_spans; i++) {
        if (edit_scope(r->scope_spans[i], fates, at, keep_others))
            r->scope_spans[kept++] = r->scope_spans[i];
        else
            opentelemetry__proto__trace__v1__scope_spans__free_unpacked(r->scope_spans[i], NULL);
    }
    r->n_scope_spans = kept;
    return kept > 0 || (keep_others && !had);
}

static void edit_request(Request *r, const enum fate *fates, bool keep_others)
{
    size_t at = 0;
    size_t kept = 0;
    for (size_t i = 0; i < r->n_resource_spans; i++) {
        if (edit_resource(r->resource_spans[i], fates, &at, keep_others))
            r->resource_spans[kept++] = r->resource_spans[i];
        else
            opentelemetry__proto__trace__v1__resource_spans__free_unpacked(r->resource_spans[i],
                                                                           NULL);
    }
    r->n_resource_spans = kept;
    if (keep_others)
        return;
    for (size_t i = 0; i < r->base.n_unknown_fields; i++) /* of the request itself */
        free(r->base.unknown_fields[i].data);
    free(r->base.unknown_fields);
    r->base.unknown_fields = NULL;
    r->base.n_unknown_fields = 0;
}

static size_t make_edits(const struct found *f, enum fate *fates, struct ts_edit *edits,
                         ts_view append)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++) {
        fates[i] = (enum fate)below(4);
        if (fates[i] == KEEP)
            continue;
        edits[n++] =
            (struct ts_edit){.field = f->at[i].field,
                             .drop = fates[i] == DROP,
                             .content = fates[i] == OTHER ? other_span() : TS_NOTHING,
                             .append = fates[i] == DROP ? TS_NOTHING : append,
                             .replace = fates[i] >= REPLACE ? TS_LIT("mine.") : TS_NOTHING};
    }
    return n;
}

static void check_edits(bool keep_others)
{
    struct ts_buf append = TS_BUF_INIT;
    ts_put_attr_double(&append, TS_SPAN_ATTRIBUTES, TS_LIT("mine.score"), 0.5);
    for (int round = 0; round < ROUNDS; round++) {
        struct ts_payload *payload = random_request();
        struct found f;
        enum fate fates[256];
        struct ts_edit edits[256];
        struct ts_part part;
        scan(payload, &f);
        size_t n = make_edits(&f, fates, edits, ts_buf_view(&append));
        ts_splice(payload, f.count, edits, n, keep_others, &part);

        Request *wanted = unpack(ts_payload_view(payload));
        edit_request(wanted, fates, keep_others);
        struct ts_payload *joined = ts_part_join(&part);
        struct found after;
        scan(joined, &after);
        assert_int_equal(after.count, part.items);
        if (part.items > 0 || keep_others)
            assert_packs_to(wanted, ts_payload_view(joined));
        free_request(wanted);
        ts_payload_unref(joined);
        ts_part_release(&part);
        ts_payload_unref(payload);
    }
    ts_buf_release(&append);
}

static void patching_then_unpacking_is_unpacking_then_editing(void **state)
{
    (void)state;
    check_edits(true);
}

static void taking_out_then_unpacking_is_unpacking_then_taking_out(void **state)
{
    (void)state;
    check_edits(false);
}

static void patching_nothing_gives_the_same_bytes(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct ts_payload *payload = random_request();
        struct ts_part part;
        ts_part_whole(payload, 0, &part);
        struct ts_payload *joined = ts_part_join(&part);
        assert_true(ts_view_eq(ts_payload_view(joined), ts_payload_view(payload)));
        assert_true(part.count <= 1);
        ts_payload_unref(joined);
        ts_part_release(&part);
        ts_payload_unref(payload);
    }
}

/* Every prefix of a good request either parses or is refused; none crashes, none is read past. */
static void prefixes_and_flipped_bytes_are_survived(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct ts_payload *payload = random_request();
        ts_view all = ts_payload_view(payload);
        for (size_t i = 0; i < all.len; i++) {
            uint8_t *copy = ts_alloc(all.len);
            memcpy(copy, all.ptr, all.len);
            struct ts_scan out;
            struct ts_err err = {0};
            ts_scan(ts_view_of(copy, i), false, NULL, NULL, &out, &err);
            copy[i] ^= (uint8_t)(1 + below(255));
            if (!ts_scan(ts_view_of(copy, all.len), false, NULL, NULL, &out, &err))
                assert_non_null(strstr(err.what, "do not parse"));
            free(copy);
        }
        ts_payload_unref(payload);
    }
}

static void text_that_is_no_utf8_is_repaired_and_nothing_else(void **state)
{
    (void)state;
    struct ts_buf span = TS_BUF_INIT;
    struct ts_buf scope_spans = TS_BUF_INIT;
    struct ts_buf resource_spans = TS_BUF_INIT;
    struct ts_buf request = TS_BUF_INIT;
    ts_put_bytes(&span, TS_SPAN_SPAN_ID, TS_LIT("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"));
    ts_put_attr_text(&span, TS_SPAN_ATTRIBUTES, TS_LIT("k"), TS_LIT("cut \xC3"));
    put_message(&scope_spans, TS_SS_SPANS, &span);
    put_message(&resource_spans, TS_RS_SCOPE_SPANS, &scope_spans);
    put_message(&request, TS_REQUEST_RESOURCE_SPANS, &resource_spans);
    struct ts_payload *payload = ts_payload_copy(ts_buf_view(&request));
    struct ts_part part;
    ts_part_whole(payload, 1, &part);
    struct ts_payload *repaired = ts_part_repair_text(&part);
    assert_non_null(repaired);
    Request *r = unpack(ts_payload_view(repaired));
    Span *s = r->resource_spans[0]->scope_spans[0]->spans[0];
    assert_string_equal(s->attributes[0]->value->string_value, "cut \xEF\xBF\xBD");
    assert_memory_equal(s->span_id.data, "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8);
    struct ts_part again;
    ts_part_whole(repaired, 1, &again);
    assert_null(ts_part_repair_text(&again));
    free_request(r);
    ts_part_release(&again);
    ts_part_release(&part);
    ts_payload_unref(repaired);
    ts_payload_unref(payload);
    ts_buf_release(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patching_nothing_gives_the_same_bytes),
        cmocka_unit_test(patching_then_unpacking_is_unpacking_then_editing),
        cmocka_unit_test(taking_out_then_unpacking_is_unpacking_then_taking_out),
        cmocka_unit_test(prefixes_and_flipped_bytes_are_survived),
        cmocka_unit_test(text_that_is_no_utf8_is_repaired_and_nothing_else),
    };
    return cmocka_run_group_tests_name("splice", tests, NULL, NULL);
}
