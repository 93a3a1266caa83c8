/* OTLP/JSON both ways (otlp-and-collector.md 1.5, conformance list 2). */
#include "testing.h"

#include "wire/gzip.h"
#include "wire/otlp_json.h"

#define SPAN(fields) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" fields "}]}]}]}"
#define ATTR(value)  SPAN("\"attributes\":[{\"key\":\"k\",\"value\":{" value "}}]")

static const struct row {
    const char *name, *in, *out; /* out NULL: the same as in */
    const char *error;
} rows[] = {
    {"hex ids in any case", SPAN("\"traceId\":\"00AAff\",\"spanId\":\"01\""),
     SPAN("\"traceId\":\"00aaff\",\"spanId\":\"01\""), NULL},
    {"64 bits as text", SPAN("\"startTimeUnixNano\":\"18446744073709551615\""), NULL, NULL},
    {"64 bits as a number", SPAN("\"startTimeUnixNano\":1764061844032000001"),
     SPAN("\"startTimeUnixNano\":\"1764061844032000001\""), NULL},
    {"the largest int", ATTR("\"intValue\":9223372036854775807"),
     ATTR("\"intValue\":\"9223372036854775807\""), NULL},
    {"the smallest int", ATTR("\"intValue\":\"-9223372036854775808\""), NULL, NULL},
    {"enum by name", SPAN("\"kind\":\"SPAN_KIND_CLIENT\""), SPAN("\"kind\":3"), NULL},
    {"enum unknown to us", SPAN("\"kind\":77"), NULL, NULL},
    {"snake case", SPAN("\"trace_id\":\"aa\",\"start_time_unix_nano\":\"5\""),
     SPAN("\"traceId\":\"aa\",\"startTimeUnixNano\":\"5\""), NULL},
    {"NaN and infinities", ATTR("\"doubleValue\":\"-Infinity\""), NULL, NULL},
    {"double", ATTR("\"doubleValue\":0.1"), NULL, NULL},
    {"base64 without padding, URL alphabet", ATTR("\"bytesValue\":\"-_8\""),
     ATTR("\"bytesValue\":\"+/8=\""), NULL},
    {"bool", ATTR("\"boolValue\":false"), NULL, NULL},
    {"lists and maps",
     ATTR("\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"},{\"kvlistValue\":{\"values\":[{"
          "\"key\":\"x\",\"value\":{}}]}}]}"),
     NULL, NULL},
    {"empty value", ATTR(""), NULL, NULL},
    {"null is absent", SPAN("\"name\":null,\"attributes\":null"), SPAN(""), NULL},
    {"unknown keys", SPAN("\"nope\":{\"a\":[1]},\"name\":\"n\""), SPAN("\"name\":\"n\""), NULL},
    {"old spelling of scopes",
     "{\"resourceSpans\":[{\"instrumentationLibrarySpans\":[{\"spans\":[{\"name\":\"n\"}]}]}]}",
     SPAN("\"name\":\"n\""), NULL},
    {"not hex", SPAN("\"traceId\":\"zz\""), NULL,
     "resourceSpans[0].scopeSpans[0].spans[0].traceId: '\"zz\"' is not hex"},
    {"odd hex", SPAN("\"spanId\":\"abc\""), NULL, "is not hex"},
    {"not base64", ATTR("\"bytesValue\":\"a\""), NULL, "is not base64"},
    {"a number for a text", SPAN("\"name\":3"), NULL, "spans[0].name: '3' is no string"},
    {"an object for a list", SPAN("\"events\":{}"), NULL, "is no list"},
    {"negative time", SPAN("\"endTimeUnixNano\":-1"), NULL, "is negative"},
    {"fraction for an int", ATTR("\"intValue\":1.5"), NULL, "is no whole number"},
    {"33 bits", SPAN("\"flags\":4294967296"), NULL, "does not fit in 32 bits"},
    {"unknown enum name", SPAN("\"kind\":\"SPAN_KIND_X\""), NULL, "is no value of this enum"},
    {"a list at the top", "[]", NULL, "is no object"},
    {"no JSON", "{\"resourceSpans\":", NULL, "not JSON"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_buf request = TS_BUF_INIT;
    struct ts_buf json = TS_BUF_INIT;
    struct ts_err err = {0};
    bool ok = ts_otlp_from_json(ts_view_str(row->in), &request, &err);
    assert_int_equal(ok, row->error == NULL);
    if (ok) {
        assert_true(ts_otlp_to_json(ts_buf_view(&request), &json, &err));
        assert_string_equal(ts_buf_cstr(&json), row->out ? row->out : row->in);
    } else if (!strstr(err.what, row->error)) {
        fail_msg("'%s' does not say '%s'", err.what, row->error);
    }
    ts_buf_release(&json);
    ts_buf_release(&request);
}

static void compression_is_undone_up_to_a_limit(void **state)
{
    (void)state;
    struct ts_buf zipped = TS_BUF_INIT;
    struct ts_buf out = TS_BUF_INIT;
    struct ts_err err = {0};
    size_t len = 8 << 20;
    uint8_t *zeros = ts_alloc(len);
    ts_view slices[2] = {ts_view_of(zeros, len), TS_LIT("tail")};
    ts_gzip_deflate(slices, 2, 1, &zipped);
    assert_true(ts_gzip_inflate(ts_buf_view(&zipped), len + 4, &out, &err));
    assert_int_equal(out.len, len + 4);
    assert_memory_equal(out.ptr + len, "tail", 4);
    ts_buf_release(&out);
    assert_false(ts_gzip_inflate(ts_buf_view(&zipped), len + 3, &out, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
    assert_true(out.cap < 2 * len + 131072);
    ts_buf_release(&out);
    assert_false(
        ts_gzip_inflate(ts_view_cut(ts_buf_view(&zipped), 0, zipped.len / 2), len * 2, &out, &err));
    assert_non_null(strstr(err.what, "cut off"));
    ts_buf_release(&out);
    assert_false(ts_gzip_inflate(TS_LIT("\x1f\x8bnonsense that is no stream"), 100, &out, &err));
    assert_non_null(strstr(err.what, "damaged"));
    ts_buf_release(&out);
    size_t once = zipped.len;
    ts_gzip_deflate(&slices[1], 1, 9, &zipped); /* a second member */
    assert_true(zipped.len > once);
    assert_true(ts_gzip_inflate(ts_buf_view(&zipped), len + 8, &out, &err));
    assert_int_equal(out.len, len + 8);
    ts_buf_release(&out);
    ts_buf_release(&zipped);
    free(zeros);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 1];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    tests[TS_COUNT(rows)] =
        (struct CMUnitTest)cmocka_unit_test(compression_is_undone_up_to_a_limit);
    return cmocka_run_group_tests_name("otlp_json", tests, NULL, NULL);
}
