/* batch.c - making, scanning, counting and storing batches. */
#include "pipeline/engine/batch.h"

#include "llm/extract.h"
#include "pipeline/engine/engine_internal.h"
#include "wire/encode.h"

#include <assert.h>
#include <stdlib.h>

struct ts_batch *ts_batch_new(struct ts_engine *engine, struct ts_payload *payload,
                              struct ts_headers *headers)
{
    struct ts_batch *b = ts_alloc(sizeof *b);
    b->engine = engine;
    b->payload = payload;
    b->headers = headers;
    b->received = ts_wall_now();
    b->table = TS_TABLE_SPOOL;
    return b;
}

static void add_place(struct ts_span_at **list, size_t *count, size_t *cap,
                      const struct ts_span_at *at)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 8;
        *list = ts_realloc(*list, *cap * sizeof **list);
    }
    (*list)[(*count)++] = *at;
}

static void note_span(void *arg, const struct ts_span_at *at)
{
    struct ts_batch *b = arg;
    enum ts_kind kind = ts_span_kind(at->span);
    if (b->engine->scored_kinds & 1U << kind)
        add_place(&b->llm, &b->llm_count, &b->llm_cap, at);
    else if (kind == TS_KIND_RETRIEVER || kind == TS_KIND_RERANKER || kind == TS_KIND_EVALUATOR)
        add_place(&b->around, &b->around_count, &b->around_cap, at);
}

bool ts_batch_scan(struct ts_batch *b, bool strict_ids, struct ts_scan *scan, struct ts_err *err)
{
    b->llm_count = b->around_count = 0;
    bool ok = ts_scan(ts_payload_view(b->payload), strict_ids, note_span, b, scan, err);
    b->spans = scan->spans;
    return ok;
}

void ts_batch_discard(struct ts_batch *b)
{
    ts_payload_unref(b->payload);
    ts_headers_unref(b->headers);
    free(b->llm);
    free(b->around);
    free(b);
}

void ts_batch_ref(struct ts_batch *b)
{
    assert(ts_loop_here(b->home));
    b->refs++;
}

void ts_batch_unref(struct ts_batch *b)
{
    assert(ts_loop_here(b->home) && b->refs > 0);
    if (--b->refs > 0)
        return;
    struct ts_engine *engine = b->engine;
    size_t bytes = ts_payload_view(b->payload).len;
    ts_batch_discard(b);
    ts_engine_freed(engine, bytes);
}

void ts_batch_owe(struct ts_batch *b)
{
    b->undelivered++;
    ts_batch_ref(b);
}

void ts_batch_delivered(struct ts_batch *b)
{
    assert(b->undelivered > 0);
    if (--b->undelivered == 0 && b->id)
        ts_store_remove(b->engine->store, b->table, b->id);
    ts_batch_unref(b);
}

/* ---- the stored form ---- */

enum {
    RECORD_VERSION = 1,
    RECORD_RECEIVED = 2,
    RECORD_HEADERS = 3,
    RECORD_REQUEST = 4,
    RECORD_GIVE_UP = 5
};
enum { FORMAT = 1 };

void ts_record_head(const struct ts_headers *headers, ts_time received, ts_time give_up,
                    size_t request_len, struct ts_buf *out)
{
    ts_put_fixed32(out, RECORD_VERSION, FORMAT);
    ts_put_fixed64(out, RECORD_RECEIVED, (uint64_t)received);
    if (give_up)
        ts_put_fixed64(out, RECORD_GIVE_UP, (uint64_t)give_up);
    ts_headers_encode(headers, out);
    ts_put_tag(out, RECORD_REQUEST, TS_WIRE_LEN);
    ts_put_varint(out, request_len);
}

static struct ts_grpc_header read_header(ts_view message)
{
    struct ts_grpc_header h = {TS_NOTHING, TS_NOTHING};
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == 1)
            h.key = f.bytes;
        else if (f.number == 2)
            h.value = f.bytes;
    }
    return h;
}

static void unref_payload(void *payload)
{
    ts_payload_unref(payload);
}

struct ts_batch *ts_batch_from_record(struct ts_engine *engine, struct ts_payload *record,
                                      struct ts_err *err)
{
    enum { MOST_HEADERS = 32 };
    struct ts_grpc_header headers[MOST_HEADERS];
    size_t header_count = 0;
    uint64_t version = 0;
    uint64_t received = 0;
    uint64_t give_up = 0;
    ts_view request = TS_NOTHING;
    struct ts_cursor c = ts_cursor_of(ts_payload_view(record));
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == RECORD_VERSION)
            version = f.value;
        else if (f.number == RECORD_RECEIVED)
            received = f.value;
        else if (f.number == RECORD_GIVE_UP)
            give_up = f.value;
        else if (f.number == RECORD_REQUEST)
            request = f.bytes;
        else if (f.number == RECORD_HEADERS && header_count < MOST_HEADERS)
            headers[header_count++] = read_header(f.bytes);
    }
    if (!ts_cursor_done(&c) || version != FORMAT) {
        ts_payload_unref(record);
        ts_fail(err, TS_DATA_LOSS,
                "a stored record has format version %llu; this trustspan "
                "reads version %d",
                (unsigned long long)version, FORMAT);
        return NULL;
    }
    struct ts_headers *kept = ts_headers_new(headers, header_count);
    struct ts_payload *payload = ts_payload_new(request, unref_payload, record);
    struct ts_batch *b = ts_batch_new(engine, payload, kept);
    b->received = (ts_time)received;
    b->give_up = (ts_time)give_up;
    return b;
}
