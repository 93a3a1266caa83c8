/* attrs.h - the attributes of one span, indexed once and asked many times.
 * The first value of a key wins (dialects §11.14). Nothing is copied. */
#ifndef TS_LLM_ATTRS_H
#define TS_LLM_ATTRS_H

#include "base/arena.h"
#include "wire/otlp.h"

struct ts_attrs {
    struct ts_attr *items;
    size_t count;
};

/* Attributes in field `number` of an encoded message (span, event, resource, scope). */
void ts_attrs_read(struct ts_arena *arena, ts_view message, uint32_t number, struct ts_attrs *out);

const struct ts_any *ts_attrs_get(const struct ts_attrs *attrs, const char *key); /* NULL: absent */
/* String, or bytes that are UTF-8; the empty view otherwise. */
ts_view ts_any_text(const struct ts_any *any); /* NULL is fine */
ts_view ts_attrs_text(const struct ts_attrs *attrs, const char *key);
/* Int, whole double, or decimal text. */
bool ts_any_int64(const struct ts_any *any, int64_t *out);
bool ts_any_double(const struct ts_any *any, double *out);
bool ts_any_true(const struct ts_any *any); /* true, or the text true/True */

/* `prefix.<i>.suffix` sorted by i, then by place. Gaps are legal; what is no index is left out. */
struct ts_indexed_attr {
    int64_t index;
    ts_view suffix;
    const struct ts_any *value;
    size_t place;
};
struct ts_indexed_attrs {
    struct ts_indexed_attr *items;
    size_t count;
};
/* `prefix` with its last dot: "llm.input_messages." */
void ts_attrs_indexed(struct ts_arena *arena, const struct ts_attrs *attrs, const char *prefix,
                      struct ts_indexed_attrs *out);
/* The same inside the suffixes of one element. */
void ts_indexed_attrs_below(struct ts_arena *arena, const struct ts_indexed_attrs *from,
                            const char *prefix, struct ts_indexed_attrs *out);
/* Takes the run of equal indexes from the front of `rest` into `one`; false at the end. */
bool ts_indexed_attrs_next(struct ts_indexed_attrs *rest, struct ts_indexed_attrs *one);
/* Value of one suffix; NULL when absent. */
const struct ts_any *ts_indexed_attrs_get(const struct ts_indexed_attrs *one, const char *suffix);
ts_view ts_indexed_attrs_text(const struct ts_indexed_attrs *one, const char *suffix);

/* Items of an array value. */
bool ts_any_next(struct ts_cursor *items, struct ts_any *out);

#endif
