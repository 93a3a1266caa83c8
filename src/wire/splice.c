/* splice.c - two passes over the messages that hold an edited span: measure, then write.
 * Messages without one are a single slice, or nothing, and are not looked into. */
#include "wire/splice.h"

#include "base/buf.h"
#include "wire/encode.h"

#include <assert.h>
#include <stdlib.h>

/* The levels of an OTLP request. The repeated child has field number 1 in the request and 2 in the
 * other two, which is all that the walk needs to know of them. */
enum level { REQUEST, RESOURCE_SPANS, SCOPE_SPANS, SPAN };
static const uint32_t child_number[] = {TS_REQUEST_RESOURCE_SPANS, TS_RS_SCOPE_SPANS, TS_SS_SPANS};

struct writer {
    const struct ts_edit *edit, *end; /* what is left to do, in the order of the request */
    bool keep_others;
    struct ts_part *part;
    size_t cap;
    struct ts_buf own; /* until the end, a slice of it has ptr NULL */
};

struct size {
    size_t bytes; /* of the content that stays */
    bool gone;    /* nothing stays: the message itself goes */
    bool same;    /* nothing in it changes */
};

static bool is_child(const struct ts_field *f, enum level level)
{
    return f->number == child_number[level] && f->wire == TS_WIRE_LEN;
}

static bool has_edit(const struct writer *w, ts_view message)
{
    return w->edit < w->end && w->edit->field < message.ptr + message.len;
}

static bool is_replaced(const struct ts_edit *e, const struct ts_field *f)
{
    struct ts_attr attr;
    return e->replace.len > 0 && f->number == TS_SPAN_ATTRIBUTES && f->wire == TS_WIRE_LEN &&
           ts_attr_read(f->bytes, &attr) && ts_view_starts(attr.key, e->replace);
}

static ts_view content_of(const struct ts_edit *e, const struct ts_field *f)
{
    return e->content.ptr ? e->content : f->bytes;
}

/* ---- measure ---- */

static struct size measure_span(struct writer *w, const struct ts_field *f)
{
    if (w->edit == w->end || w->edit->field != f->start)
        return (struct size){f->bytes.len, !w->keep_others, w->keep_others};
    const struct ts_edit *e = w->edit++;
    if (e->drop)
        return (struct size){0, true, false};
    ts_view content = content_of(e, f);
    size_t bytes = content.len + e->append.len;
    struct ts_cursor c = ts_cursor_of(content);
    struct ts_field part;
    while (e->replace.len > 0 && !ts_cursor_done(&c) && ts_cursor_next(&c, &part))
        if (is_replaced(e, &part))
            bytes -= ts_field_raw(&part, &c).len;
    return (struct size){bytes, false, false};
}

static size_t field_size(uint32_t number, size_t content)
{
    return ts_varint_size((uint64_t)number << 3) + ts_varint_size(content) + content;
}

static struct size measure(struct writer *w, ts_view message, enum level level);

static struct size measure_child(struct writer *w, const struct ts_field *f, enum level level)
{
    if (level == SCOPE_SPANS)
        return measure_span(w, f);
    if (!has_edit(w, f->bytes))
        return (struct size){f->bytes.len, !w->keep_others, w->keep_others};
    return measure(w, f->bytes, level + 1);
}

static struct size measure(struct writer *w, ts_view message, enum level level)
{
    struct size size = {0, true, false};
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        size_t raw = ts_field_raw(&f, &c).len;
        if (!is_child(&f, level)) {
            size.bytes += raw;
            continue;
        }
        struct size child = measure_child(w, &f, level);
        if (child.gone)
            continue;
        size.gone = false;
        size.bytes += child.bytes == f.bytes.len ? raw : field_size(f.number, child.bytes);
    }
    return size;
}

/* ---- write ---- */

static void emit(struct writer *w, ts_view bytes, bool own)
{
    struct ts_part *part = w->part;
    if (bytes.len == 0)
        return;
    part->bytes += bytes.len;
    ts_view *last = part->count ? &part->slices[part->count - 1] : NULL;
    if (last && (own ? !last->ptr : last->ptr && last->ptr + last->len == bytes.ptr)) {
        last->len += bytes.len;
        return;
    }
    if (part->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 16;
        part->slices = ts_realloc(part->slices, w->cap * sizeof *part->slices);
    }
    part->slices[part->count++] = own ? ts_view_of(NULL, bytes.len) : bytes;
}

static void emit_own(struct writer *w, size_t from)
{
    emit(w, ts_view_of(w->own.ptr, w->own.len - from), true);
}

/* Bytes that stay: a slice of the request, or a copy of what stands in for it. */
static void keep(struct writer *w, ts_view bytes, bool copy)
{
    size_t from = w->own.len;
    if (!copy) {
        emit(w, bytes, false);
        return;
    }
    ts_buf_add_view(&w->own, bytes);
    emit_own(w, from);
}

/* Tag and length: the sender's own bytes while the length is the same, however they are spelled. */
static void emit_head(struct writer *w, const struct ts_field *f, size_t content)
{
    if (content == f->bytes.len) {
        emit(w, ts_view_of(f->start, (size_t)(f->bytes.ptr - f->start)), false);
        return;
    }
    size_t from = w->own.len;
    ts_put_tag(&w->own, f->number, TS_WIRE_LEN);
    ts_put_varint(&w->own, content);
    emit_own(w, from);
}

static void write_span(struct writer *w, const struct ts_field *f)
{
    const struct ts_edit *e = w->edit++;
    ts_view content = content_of(e, f);
    bool other = e->content.ptr != NULL;
    struct ts_cursor c = ts_cursor_of(content);
    struct ts_field part;
    if (e->replace.len == 0)
        keep(w, content, other);
    while (e->replace.len > 0 && !ts_cursor_done(&c) && ts_cursor_next(&c, &part))
        if (!is_replaced(e, &part))
            keep(w, ts_field_raw(&part, &c), other);
    size_t from = w->own.len;
    ts_buf_add_view(&w->own, e->append);
    emit_own(w, from);
}

static void write_message(struct writer *w, ts_view message, enum level level)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (!is_child(&f, level)) {
            if (level > REQUEST || w->keep_others)
                emit(w, ts_field_raw(&f, &c), false);
            continue;
        }
        const struct ts_edit *here = w->edit;
        struct size child = measure_child(w, &f, level);
        if (child.gone)
            continue;
        if (child.same) {
            emit(w, ts_field_raw(&f, &c), false);
            continue;
        }
        emit_head(w, &f, child.bytes);
        w->edit = here;
        if (level + 1 == SPAN)
            write_span(w, &f);
        else
            write_message(w, f.bytes, level + 1);
    }
}

static size_t spans_left(size_t spans, const struct ts_edit *edits, size_t count, bool keep_others)
{
    size_t dropped = 0;
    for (size_t i = 0; i < count; i++)
        dropped += edits[i].drop;
    return keep_others ? spans - dropped : count - dropped;
}

void ts_splice(struct ts_payload *payload, size_t spans, const struct ts_edit *edits, size_t count,
               bool keep_others, struct ts_part *out)
{
    *out = (struct ts_part){.payload = ts_payload_ref(payload)};
    struct writer w = {edits, count ? edits + count : edits, keep_others, out, 0, TS_BUF_INIT};
    out->items = spans_left(spans, edits, count, keep_others);
    if (out->items > 0 || keep_others)
        write_message(&w, ts_payload_view(payload), REQUEST);
    size_t own_len;
    out->own = ts_buf_take(&w.own, &own_len);
    const uint8_t *own = out->own;
    for (size_t i = 0; i < out->count; i++)
        if (!out->slices[i].ptr) {
            out->slices[i].ptr = own;
            own += out->slices[i].len;
        }
    assert(!own || own == out->own + own_len);
}

void ts_part_whole(struct ts_payload *payload, size_t spans, struct ts_part *out)
{
    ts_splice(payload, spans, NULL, 0, true, out);
}

void ts_part_release(struct ts_part *part)
{
    ts_payload_unref(part->payload);
    free(part->slices);
    free(part->own);
    *part = (struct ts_part){0};
}

struct ts_payload *ts_part_join(const struct ts_part *part)
{
    uint8_t *bytes = ts_realloc(NULL, part->bytes);
    size_t at = 0;
    for (size_t i = 0; i < part->count; i++) {
        memcpy(bytes + at, part->slices[i].ptr, part->slices[i].len);
        at += part->slices[i].len;
    }
    return ts_payload_new(ts_view_of(bytes, at), free, bytes);
}
