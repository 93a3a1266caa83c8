/* repair.c - one walk by a table of which fields hold text and which hold messages. */
#include "wire/repair.h"

#include "base/utf8.h"
#include "wire/encode.h"

#include <stdlib.h>

enum message {
    NO_MESSAGE, /* bytes, ids: nothing to look into */
    TEXT,       /* a string field */
    REQUEST,
    RESOURCE_SPANS,
    RESOURCE,
    SCOPE_SPANS,
    SCOPE,
    SPAN,
    EVENT,
    LINK,
    STATUS,
    KEY_VALUE,
    ANY_VALUE,
    ARRAY,
    KV_LIST,
};

/* [message][field number] (otlp-and-collector.md 1.2) */
static const uint8_t fields[][16] = {
    [REQUEST] = {[1] = RESOURCE_SPANS},
    [RESOURCE_SPANS] = {[1] = RESOURCE, [2] = SCOPE_SPANS, [3] = TEXT},
    [RESOURCE] = {[1] = KEY_VALUE},
    [SCOPE_SPANS] = {[1] = SCOPE, [2] = SPAN, [3] = TEXT},
    [SCOPE] = {[1] = TEXT, [2] = TEXT, [3] = KEY_VALUE},
    [SPAN] = {[3] = TEXT, [5] = TEXT, [9] = KEY_VALUE, [11] = EVENT, [13] = LINK, [15] = STATUS},
    [EVENT] = {[2] = TEXT, [3] = KEY_VALUE},
    [LINK] = {[3] = TEXT, [4] = KEY_VALUE},
    [STATUS] = {[2] = TEXT},
    [KEY_VALUE] = {[1] = TEXT, [2] = ANY_VALUE},
    [ANY_VALUE] = {[1] = TEXT, [5] = ARRAY, [6] = KV_LIST},
    [ARRAY] = {[1] = ANY_VALUE},
    [KV_LIST] = {[1] = KEY_VALUE},
};

static bool is_clean(ts_view message, enum message type)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        enum message inner = f.number < 16 && f.wire == TS_WIRE_LEN ? fields[type][f.number] : 0;
        if (inner == TEXT ? !ts_utf8_valid(f.bytes) : inner && !is_clean(f.bytes, inner))
            return false;
    }
    return true;
}

static void rewrite(ts_view message, enum message type, struct ts_buf *out)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        enum message inner = f.number < 16 && f.wire == TS_WIRE_LEN ? fields[type][f.number] : 0;
        struct ts_buf content = TS_BUF_INIT;
        if (inner == TEXT)
            ts_utf8_append_repaired(&content, f.bytes);
        else if (inner)
            rewrite(f.bytes, inner, &content);
        if (inner)
            ts_put_bytes(out, f.number, ts_buf_view(&content));
        else
            ts_buf_add_view(out, ts_field_raw(&f, &c));
        ts_buf_release(&content);
    }
}

struct ts_payload *ts_part_repair_text(const struct ts_part *part)
{
    struct ts_payload *joined = ts_part_join(part);
    struct ts_payload *repaired = NULL;
    if (!is_clean(ts_payload_view(joined), REQUEST)) {
        struct ts_buf out = TS_BUF_INIT;
        rewrite(ts_payload_view(joined), REQUEST, &out);
        size_t len;
        uint8_t *bytes = ts_buf_take(&out, &len);
        repaired = ts_payload_new(ts_view_of(bytes, len), free, bytes);
    }
    ts_payload_unref(joined);
    return repaired;
}
