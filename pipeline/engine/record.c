/* record.c - one table of field numbers, both ways. */
#include "pipeline/engine/record.h"

#include "wire/cursor.h"
#include "wire/encode.h"

enum {
    FORMAT_VERSION = 1,
    RECEIVED = 2,
    HEADERS = 3,
    REQUEST = 4,
    GIVE_UP = 5,
    SIGNAL = 6,
    SOURCE = 7,
    OWNER = 8,
    PARENT = 9,
    DECISIONS = 10,
    SEALED_HEADERS = 11
};
enum { HEADER_KEY = 1, HEADER_VALUE = 2 };
/* An earlier trustspan would send a sealed record without its credentials: it refuses version 2. */
enum { FORMAT = 1, FORMAT_SEALED = 2, MOST_HEADERS = 32 };

/* As fields of a record: what is sealed is these. */
static void encode_headers(const struct ts_headers *headers, struct ts_buf *out)
{
    size_t count;
    const struct ts_grpc_header *list = ts_headers_list(headers, &count);
    for (size_t i = 0; i < count; i++) {
        struct ts_buf one = TS_BUF_INIT;
        ts_put_bytes(&one, HEADER_KEY, list[i].key);
        ts_put_bytes(&one, HEADER_VALUE, list[i].value);
        ts_put_bytes(out, HEADERS, ts_buf_view(&one));
        explicit_bzero(one.ptr, one.len);
        ts_buf_release(&one);
    }
}

static void wipe(struct ts_buf *secret)
{
    if (secret->ptr)
        explicit_bzero(secret->ptr, secret->cap);
    ts_buf_release(secret);
}

/* Bound to all that is in front of it, from `begin` on. */
static void encode_sealed(const struct ts_record *r, size_t begin, struct ts_buf *out)
{
    struct ts_buf headers = TS_BUF_INIT;
    struct ts_buf closed = TS_BUF_INIT;
    encode_headers(r->headers, &headers);
    ts_seal_close(r->seal, ts_buf_view(&headers), ts_view_from(ts_buf_view(out), begin), &closed);
    ts_put_bytes(out, SEALED_HEADERS, ts_buf_view(&closed));
    wipe(&headers);
    ts_buf_release(&closed);
}

void ts_record_encode(const struct ts_record *r, struct ts_buf *out)
{
    size_t begin = out->len;
    bool seal = r->seal && r->headers;
    ts_put_fixed32(out, FORMAT_VERSION, seal ? FORMAT_SEALED : FORMAT);
    ts_put_fixed64(out, RECEIVED, (uint64_t)r->received);
    if (r->give_up)
        ts_put_fixed64(out, GIVE_UP, (uint64_t)r->give_up);
    if (!seal)
        encode_headers(r->headers, out);
    if (r->signal != ts_signals[0]) /* as earlier versions wrote it */
        ts_put_bytes(out, SIGNAL, ts_view_str(r->signal->name));
    if (r->source.len > 0)
        ts_put_bytes(out, SOURCE, r->source);
    if (r->owner.len > 0)
        ts_put_bytes(out, OWNER, r->owner);
    if (r->parent)
        ts_put_fixed64(out, PARENT, r->parent);
    if (r->decisions.len > 0)
        ts_put_bytes(out, DECISIONS, r->decisions);
    if (seal)
        encode_sealed(r, begin, out);
    ts_put_tag(out, REQUEST, TS_WIRE_LEN);
    ts_put_varint(out, r->request.len);
}

static struct ts_grpc_header decode_header(ts_view message)
{
    struct ts_grpc_header h = {TS_NOTHING, TS_NOTHING};
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == HEADER_KEY)
            h.key = f.bytes;
        else if (f.number == HEADER_VALUE)
            h.value = f.bytes;
    }
    return h;
}

bool ts_record_decode(ts_view stored, struct ts_record *out, struct ts_err *err)
{
    struct ts_grpc_header headers[MOST_HEADERS];
    size_t header_count = 0;
    uint64_t version = 0;
    ts_view signal = ts_view_str(ts_signals[0]->name);
    struct ts_cursor c = ts_cursor_of(stored);
    struct ts_field f;
    *out = (struct ts_record){0};
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == FORMAT_VERSION)
            version = f.value;
        else if (f.number == RECEIVED)
            out->received = (ts_time)f.value;
        else if (f.number == GIVE_UP)
            out->give_up = (ts_time)f.value;
        else if (f.number == HEADERS && header_count < MOST_HEADERS)
            headers[header_count++] = decode_header(f.bytes);
        else if (f.number == SIGNAL)
            signal = f.bytes;
        else if (f.number == SOURCE)
            out->source = f.bytes;
        else if (f.number == OWNER)
            out->owner = f.bytes;
        else if (f.number == PARENT)
            out->parent = f.value;
        else if (f.number == DECISIONS)
            out->decisions = f.bytes;
        else if (f.number == SEALED_HEADERS) {
            out->sealed = f.bytes;
            out->beside = ts_view_of(stored.ptr, (size_t)(f.start - stored.ptr));
        } else if (f.number == REQUEST)
            out->request = f.bytes;
    }
    if (!ts_cursor_done(&c))
        return ts_fail(err, TS_DATA_LOSS, "a stored record breaks off");
    if (version != FORMAT && version != FORMAT_SEALED)
        return ts_fail(
            err, TS_DATA_LOSS,
            "a stored record has format version %llu; this trustspan reads version 1 and 2",
            (unsigned long long)version);
    out->signal = ts_signal_find(signal);
    if (!out->signal)
        return ts_fail(err, TS_UNIMPLEMENTED,
                       "a stored record holds '" TS_FMT "', which this trustspan does not serve",
                       TS_ARG(ts_view_cut(signal, 0, 60)));
    if ((version == FORMAT_SEALED) != (out->sealed.len > 0))
        return ts_fail(err, TS_DATA_LOSS,
                       "a stored record of format version %llu has lost its headers",
                       (unsigned long long)version);
    if (version == FORMAT)
        out->headers = ts_headers_new(headers, header_count);
    return true;
}

uint64_t ts_record_parent(ts_view stored)
{
    struct ts_cursor c = ts_cursor_of(stored);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == PARENT)
            return f.value;
    return 0;
}

static struct ts_headers *decode_headers(ts_view fields)
{
    struct ts_grpc_header headers[MOST_HEADERS];
    size_t count = 0;
    struct ts_cursor c = ts_cursor_of(fields);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == HEADERS && count < MOST_HEADERS)
            headers[count++] = decode_header(f.bytes);
    return ts_headers_new(headers, count);
}

bool ts_record_unseal(struct ts_record *r, const struct ts_seal *seal, struct ts_err *err)
{
    struct ts_buf fields = TS_BUF_INIT;
    if (r->sealed.len == 0)
        return true;
    if (!seal)
        return ts_fail(err, TS_FAILED_PRECONDITION,
                       "its headers are encrypted; give file_storage the encryption_key that they "
                       "were stored with");
    bool open = ts_seal_open(seal, r->sealed, r->beside, &fields);
    if (open) {
        r->sealed = TS_NOTHING;
        r->headers = decode_headers(ts_buf_view(&fields));
    }
    wipe(&fields);
    return open || ts_fail(err, TS_FAILED_PRECONDITION,
                           "its headers were encrypted with another key than file_storage's "
                           "encryption_key; start with that one to deliver it");
}

size_t ts_record_length(ts_view bytes)
{
    struct ts_cursor c = ts_cursor_of(bytes);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f))
        if (f.number == REQUEST) /* the last one */
            return (size_t)(c.at - bytes.ptr);
    return 0;
}
