/* span_lines.h - a span written as lines, one attribute each, so that a test shows what it reads and a fuzzer
 * changes the JSON in a text as it stands:
 *     =key<TAB>text     a string
 *     ~key<TAB>text     the same as bytes
 *     #key<TAB>42       an integer
 *     @key<TAB>JSON     the JSON as a structure: arrays, key-value lists, numbers …
 *     -key<TAB>         an AnyValue that holds nothing
 *     !name             opens an event, to which the lines behind it belong */
#ifndef TS_SPAN_LINES_H
#define TS_SPAN_LINES_H

#include "json/json.h"
#include "wire/encode.h"

static inline void ts_put_any(struct ts_buf *out, const cJSON *json);

static inline void ts_put_list(struct ts_buf *out, const cJSON *json)
{
    bool map = cJSON_IsObject(json);
    struct ts_buf list = TS_BUF_INIT;
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        struct ts_buf value = TS_BUF_INIT;
        struct ts_buf pair = TS_BUF_INIT;
        ts_put_any(&value, item);
        if (map) {
            ts_put_bytes(&pair, TS_KV_KEY, ts_view_str(item->string));
            ts_put_bytes(&pair, TS_KV_VALUE, ts_buf_view(&value));
        }
        ts_put_bytes(&list, TS_LIST_VALUES, ts_buf_view(map ? &pair : &value));
        ts_buf_release(&pair);
        ts_buf_release(&value);
    }
    ts_put_bytes(out, map ? TS_ANY_KVLIST : TS_ANY_ARRAY, ts_buf_view(&list));
    ts_buf_release(&list);
}

/* The content of an AnyValue. */
static inline void ts_put_any(struct ts_buf *out, const cJSON *json)
{
    int64_t whole;
    uint64_t bits;
    if (cJSON_IsString(json)) {
        ts_put_bytes(out, TS_ANY_STRING, ts_json_text(json));
    } else if (cJSON_IsBool(json)) {
        ts_put_tag(out, TS_ANY_BOOL, TS_WIRE_VARINT);
        ts_put_varint(out, cJSON_IsTrue(json) != 0);
    } else if (cJSON_IsNumber(json) && ts_json_int64(json, &whole)) {
        ts_put_tag(out, TS_ANY_INT, TS_WIRE_VARINT);
        ts_put_varint(out, (uint64_t)whole);
    } else if (cJSON_IsNumber(json)) {
        memcpy(&bits, &json->valuedouble, sizeof bits);
        ts_put_fixed64(out, TS_ANY_DOUBLE, bits);
    } else if (cJSON_IsArray(json) || cJSON_IsObject(json)) {
        ts_put_list(out, json);
    }
}

static inline void ts_put_pair(struct ts_buf *out, uint32_t number, ts_view key, ts_view any)
{
    struct ts_buf pair = TS_BUF_INIT;
    ts_put_bytes(&pair, TS_KV_KEY, key);
    ts_put_bytes(&pair, TS_KV_VALUE, any);
    ts_put_bytes(out, number, ts_buf_view(&pair));
    ts_buf_release(&pair);
}

static inline void ts_put_line(struct ts_buf *out, uint32_t number, uint8_t type, ts_view key,
                               ts_view text)
{
    struct ts_buf any = TS_BUF_INIT;
    int64_t whole = 0;
    cJSON *tree = type == '@' ? ts_json_parse(text, NULL, NULL) : NULL;
    if (type == '#' && ts_view_to_int64(text, &whole)) {
        ts_put_tag(&any, TS_ANY_INT, TS_WIRE_VARINT);
        ts_put_varint(&any, (uint64_t)whole);
    } else if (type == '@') {
        ts_put_any(&any, tree);
    } else if (type != '-') {
        ts_put_bytes(&any, type == '~' ? TS_ANY_BYTES : TS_ANY_STRING, text);
    }
    ts_put_pair(out, number, key, ts_buf_view(&any));
    cJSON_Delete(tree);
    ts_buf_release(&any);
}

/* Appends the span's content, ids included. */
static inline void ts_put_span_lines(struct ts_buf *span, ts_view lines)
{
    struct ts_buf event = TS_BUF_INIT;
    ts_put_bytes(span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
    ts_put_bytes(span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
    while (lines.len > 0) {
        size_t end = ts_view_find(lines, TS_LIT("\n"));
        ts_view line = ts_view_cut(lines, 0, end);
        ts_view rest = ts_view_from(line, 1);
        size_t tab = ts_view_find(rest, TS_LIT("\t"));
        lines = ts_view_from(lines, line.len + 1);
        if (line.len > 0 && line.ptr[0] == '!') {
            if (event.len > 0)
                ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
            ts_buf_clear(&event);
            ts_put_bytes(&event, TS_EVENT_NAME, rest);
        } else if (tab != SIZE_MAX) {
            ts_put_line(event.len ? &event : span,
                        event.len ? TS_EVENT_ATTRIBUTES : TS_SPAN_ATTRIBUTES, line.ptr[0],
                        ts_view_cut(rest, 0, tab), ts_view_from(rest, tab + 1));
        }
    }
    if (event.len > 0)
        ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_buf_release(&event);
}

#endif
