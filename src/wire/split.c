/* split.c - greedy: fill a piece until the next span would not fit. */
#include "wire/split.h"

#include "base/buf.h"
#include "wire/encode.h"

#include <stdlib.h>

struct spans {
    struct ts_span_at *items;
    size_t count, cap;
};

static void note(void *arg, const struct ts_span_at *at)
{
    struct spans *s = arg;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = ts_realloc(s->items, s->cap * sizeof *s->items);
    }
    s->items[s->count++] = *at;
}

/* What the messages around a span cost when it stands alone: an upper bound for what it adds. */
static size_t envelope(const struct ts_span_at *at)
{
    enum { HEADS = 3 * 6 };
    return ts_span_resource(at).len + ts_span_scope(at).len + HEADS;
}

static size_t cost(const struct spans *s, size_t i)
{
    const struct ts_span_at *at = &s->items[i];
    size_t bytes = 1 + ts_varint_size(at->span.len) + at->span.len;
    bool same_scope = i > 0 && s->items[i - 1].scope_spans.ptr == at->scope_spans.ptr;
    return same_scope ? bytes : bytes + envelope(at);
}

size_t ts_part_split(const struct ts_part *part, size_t limit, struct ts_part **pieces)
{
    struct ts_payload *joined = ts_part_join(part);
    struct spans s = {NULL, 0, 0};
    struct ts_scan scan;
    ts_scan(ts_payload_view(joined), false, note, &s, &scan, NULL);
    struct ts_edit *edits = ts_alloc(s.count * sizeof *edits);
    for (size_t i = 0; i < s.count; i++)
        edits[i].field = s.items[i].field;
    *pieces = ts_alloc(s.count * sizeof **pieces);
    size_t count = 0;
    for (size_t from = 0; from < s.count;) {
        size_t to = from + 1;
        size_t bytes = cost(&s, from) + envelope(&s.items[from]);
        while (to < s.count && bytes + cost(&s, to) <= limit)
            bytes += cost(&s, to++);
        ts_splice(joined, s.count, edits + from, to - from, false, &(*pieces)[count++]);
        from = to;
    }
    free(edits);
    free(s.items);
    ts_payload_unref(joined);
    return count;
}
