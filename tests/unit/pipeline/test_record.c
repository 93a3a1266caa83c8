/* Stored records: both ways, against the numbers of spool.proto, and what other versions wrote. */
#include "testing.h"

#include "pipeline/engine/record.h"
#include "wire/encode.h"

#include "trustspan/spool.pb-c.h"

static const struct ts_grpc_header headers[] = {
    {{(const uint8_t *)"authorization", 13}, {(const uint8_t *)"Bearer x", 8}},
    {{(const uint8_t *)"x-tenant", 8}, {(const uint8_t *)"", 0}},
};

/* The record of everything, as it is stored; the caller releases. */
static void encode_full(struct ts_buf *out)
{
    struct ts_record record = {.signal = ts_signals[0],
                               .headers = ts_headers_new(headers, TS_COUNT(headers)),
                               .received = 1234567890123456789,
                               .give_up = 1234567890123456790,
                               .source = TS_LIT("otlp/internal"),
                               .owner = TS_LIT("traces trust"),
                               .parent = 77,
                               .decisions =
                                   TS_LIT("\x0a\x00"), /* one span, of which nothing is said */
                               .request = TS_LIT("request")};
    ts_record_encode(&record, out);
    ts_buf_add_view(out, record.request); /* as the store does */
    ts_headers_unref(record.headers);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    struct ts_headers *wanted = ts_headers_new(headers, TS_COUNT(headers));
    struct ts_record r;
    struct ts_err err = {0};
    encode_full(&stored);
    assert_true(ts_record_decode(ts_buf_view(&stored), &r, &err));
    assert_ptr_equal(r.signal, ts_signals[0]);
    assert_true(ts_headers_eq(r.headers, wanted));
    assert_int_equal(r.received, 1234567890123456789);
    assert_int_equal(r.give_up, 1234567890123456790);
    assert_view_is(r.source, "otlp/internal");
    assert_view_is(r.owner, "traces trust");
    assert_int_equal(r.parent, 77);
    assert_int_equal(ts_record_parent(ts_buf_view(&stored)), 77);
    assert_int_equal(r.decisions.len, 2);
    assert_view_is(r.request, "request");
    ts_headers_unref(r.headers);
    ts_headers_unref(wanted);
    ts_buf_release(&stored);
}

static void what_is_written_is_as_the_proto_says(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    encode_full(&stored);
    Trustspan__SpoolRecord *r = trustspan__spool_record__unpack(NULL, stored.len, stored.ptr);
    assert_non_null(r);
    assert_int_equal(r->format_version, 1);
    assert_int_equal(r->received_unix_nano, 1234567890123456789);
    assert_int_equal(r->give_up_unix_nano, 1234567890123456790);
    assert_int_equal(r->n_headers, 2);
    assert_string_equal(r->headers[0]->key, "authorization");
    assert_string_equal(r->headers[0]->value, "Bearer x");
    assert_string_equal(r->headers[1]->key, "x-tenant");
    assert_string_equal(r->headers[1]->value, "");
    assert_string_equal(r->source, "otlp/internal");
    assert_string_equal(r->owner, "traces trust");
    assert_int_equal(r->parent, 77);
    assert_int_equal(r->decisions->n_spans, 1);
    assert_memory_equal(r->request.data, "request", r->request.len);
    assert_int_equal(r->request.len, 7);
    trustspan__spool_record__free_unpacked(r, NULL);
    ts_buf_release(&stored);
}

static void what_the_proto_writes_is_read(void **state)
{
    (void)state;
    Trustspan__SpoolRecord proto = TRUSTSPAN__SPOOL_RECORD__INIT;
    uint8_t stored[256];
    struct ts_record r;
    struct ts_err err = {0};
    proto.format_version = 1;
    proto.signal = (char[]){"traces"};
    proto.source = (char[]){"otlp"};
    proto.request = (ProtobufCBinaryData){3, (uint8_t[]){"abc"}};
    size_t len = trustspan__spool_record__pack(&proto, stored);
    assert_true(ts_record_decode(ts_view_of(stored, len), &r, &err));
    assert_ptr_equal(r.signal, ts_signals[0]);
    assert_null(r.headers);
    assert_int_equal(r.give_up, 0);
    assert_view_is(r.source, "otlp");
    assert_view_is(r.request, "abc");
}

/* Neither signal nor source nor owner; a field of a later version is passed over. */
static void a_record_of_an_earlier_version_is_read(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    struct ts_record r;
    struct ts_err err = {0};
    ts_put_fixed32(&stored, 1, 1);
    ts_put_fixed64(&stored, 2, 77);
    ts_put_bytes(&stored, 99, TS_LIT("of tomorrow"));
    ts_put_bytes(&stored, 4, TS_LIT("request"));
    assert_true(ts_record_decode(ts_buf_view(&stored), &r, &err));
    assert_ptr_equal(r.signal, ts_signals[0]);
    assert_null(r.headers);
    assert_int_equal(r.received, 77);
    assert_int_equal(r.source.len, 0);
    assert_int_equal(r.owner.len, 0);
    assert_view_is(r.request, "request");
    ts_buf_release(&stored);
}

/* ---- what cannot be read ---- */

static void assert_refused(ts_view stored, enum ts_code code, const char *what)
{
    struct ts_record r;
    struct ts_err err = {0};
    assert_false(ts_record_decode(stored, &r, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.what, what));
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    ts_put_fixed32(&stored, 1, 2);
    ts_put_bytes(&stored, 4, TS_LIT("request"));
    assert_refused(ts_buf_view(&stored), TS_DATA_LOSS, "version 2"); /* whose headers are sealed */
    ts_buf_clear(&stored);
    ts_put_fixed32(&stored, 1, 3);
    ts_put_bytes(&stored, 4, TS_LIT("request"));
    assert_refused(ts_buf_view(&stored), TS_DATA_LOSS, "version 3");
    ts_buf_release(&stored);
    assert_refused(TS_NOTHING, TS_DATA_LOSS, "version");
}

static void a_signal_that_is_not_served_is_refused(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    ts_put_fixed32(&stored, 1, 1);
    ts_put_bytes(&stored, 6, TS_LIT("profiles"));
    assert_refused(ts_buf_view(&stored), TS_UNIMPLEMENTED, "'profiles'");
    ts_buf_release(&stored);
}

/* Cut inside a field, where it parses no more; what is cut between two is for the store's checksum to find. */
static void a_record_that_is_cut_is_refused(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    encode_full(&stored);
    assert_refused(ts_view_of(stored.ptr, stored.len - 1), TS_DATA_LOSS, "");
    assert_refused(ts_view_of(stored.ptr, 3), TS_DATA_LOSS, "");
    ts_buf_release(&stored);
}

/* ---- sealed ---- */

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f"

static struct ts_seal *seal_of(const char *key)
{
    struct ts_err err = {0};
    struct ts_seal *seal = ts_seal_new(key, &err);
    if (!seal)
        fail_msg("%s", err.what);
    return seal;
}

static void encode_sealed(const struct ts_seal *seal, ts_time received, struct ts_buf *out)
{
    struct ts_record record = {.signal = ts_signals[0],
                               .headers = ts_headers_new(headers, TS_COUNT(headers)),
                               .seal = seal,
                               .received = received,
                               .request = TS_LIT("request")};
    ts_record_encode(&record, out);
    ts_buf_add_view(out, record.request);
    ts_headers_unref(record.headers);
}

static void sealed_headers_open_with_their_key(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    struct ts_headers *wanted = ts_headers_new(headers, TS_COUNT(headers));
    struct ts_seal *seal = seal_of(KEY_A);
    struct ts_record r;
    struct ts_err err = {0};
    encode_sealed(seal, 7, &stored);
    assert_null(memmem(stored.ptr, stored.len, "Bearer", 6));
    assert_null(memmem(stored.ptr, stored.len, "authorization", 13));
    assert_true(ts_record_decode(ts_buf_view(&stored), &r, &err));
    assert_null(r.headers);
    assert_int_equal(r.received, 7);
    assert_view_is(r.request, "request");
    assert_true(ts_record_unseal(&r, seal, &err));
    assert_true(ts_headers_eq(r.headers, wanted));
    ts_headers_unref(r.headers);
    ts_headers_unref(wanted);
    ts_seal_free(seal);
    ts_buf_release(&stored);
}

static void they_are_sealed_anew_each_time(void **state)
{
    (void)state;
    struct ts_seal *seal = seal_of(KEY_A);
    struct ts_buf one = TS_BUF_INIT;
    struct ts_buf two = TS_BUF_INIT;
    encode_sealed(seal, 7, &one);
    encode_sealed(seal, 7, &two);
    assert_false(ts_view_eq(ts_buf_view(&one), ts_buf_view(&two)));
    ts_seal_free(seal);
    ts_buf_release(&one);
    ts_buf_release(&two);
}

static void no_key_another_key_or_another_head_do_not_open_them(void **state)
{
    (void)state;
    struct ts_buf stored = TS_BUF_INIT;
    struct ts_seal *seal = seal_of(KEY_A);
    struct ts_seal *other = seal_of(KEY_B);
    struct ts_record r;
    struct ts_err err = {0};
    encode_sealed(seal, 7, &stored);
    assert_true(ts_record_decode(ts_buf_view(&stored), &r, &err));
    assert_false(ts_record_unseal(&r, NULL, &err));
    assert_int_equal(err.code, TS_FAILED_PRECONDITION);
    assert_non_null(strstr(err.what, "encryption_key"));
    assert_false(ts_record_unseal(&r, other, &err));
    assert_non_null(strstr(err.what, "encryption_key"));
    stored.ptr[6] ^= 1; /* a bit of when it was received */
    assert_true(ts_record_decode(ts_buf_view(&stored), &r, &err));
    assert_true(r.received != 7);
    assert_false(ts_record_unseal(&r, seal, &err));
    ts_seal_free(seal);
    ts_seal_free(other);
    ts_buf_release(&stored);
}

static void without_headers_nothing_is_sealed(void **state)
{
    (void)state;
    struct ts_buf plain = TS_BUF_INIT;
    struct ts_buf with_key = TS_BUF_INIT;
    struct ts_record r = {.signal = ts_signals[0], .received = 7, .request = TS_LIT("x")};
    struct ts_seal *seal = seal_of(KEY_A);
    ts_record_encode(&r, &plain);
    r.seal = seal;
    ts_record_encode(&r, &with_key);
    assert_true(ts_view_eq(ts_buf_view(&plain), ts_buf_view(&with_key)));
    ts_seal_free(seal);
    ts_buf_release(&plain);
    ts_buf_release(&with_key);
}

static void a_key_is_32_bytes_in_base64_or_hex(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",         "secret-canary", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        "f0f1f2f3", KEY_B "00",      KEY_A "x"};
    const char *const good[] = {KEY_A, KEY_B, " " KEY_A "\n",
                                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
    for (size_t i = 0; i < TS_COUNT(bad); i++) {
        struct ts_err err = {0};
        assert_null(ts_seal_new(bad[i], &err));
        assert_non_null(strstr(err.what, "openssl rand -base64 32"));
        assert_null(strstr(err.what, "secret-canary"));
    }
    for (size_t i = 0; i < TS_COUNT(good); i++)
        ts_seal_free(seal_of(good[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_written_is_as_the_proto_says),
        cmocka_unit_test(what_the_proto_writes_is_read),
        cmocka_unit_test(a_record_of_an_earlier_version_is_read),
        cmocka_unit_test(another_format_is_refused),
        cmocka_unit_test(a_signal_that_is_not_served_is_refused),
        cmocka_unit_test(a_record_that_is_cut_is_refused),
        cmocka_unit_test(sealed_headers_open_with_their_key),
        cmocka_unit_test(they_are_sealed_anew_each_time),
        cmocka_unit_test(no_key_another_key_or_another_head_do_not_open_them),
        cmocka_unit_test(without_headers_nothing_is_sealed),
        cmocka_unit_test(a_key_is_32_bytes_in_base64_or_hex),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
