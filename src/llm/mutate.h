/* mutate.h - a span with one of its inputs changed, or some taken out; for explain.c. */
#ifndef TS_LLM_MUTATE_H
#define TS_LLM_MUTATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/view.h"

/* Something that reading a span may depend on: an attribute, an event's name or attribute, the span's name
 * or status, the number of attributes that were dropped. */
struct ts_input {
    ts_view label;        /* "llm.input_messages.*.message.role", "event gen_ai.choice: message" */
    const uint8_t *field; /* where it begins in the span */
    const uint8_t *inner; /* in an event: where the part begins; NULL: not in an event */
};

/* All inputs of an encoded span, in its order. */
void ts_inputs_read(struct ts_arena *arena, ts_view span, struct ts_input **out, size_t *count);
/* The span with this input changed: a text says something more, in JSON every value does, numbers are one
 * more, truth is false; or, with `whole`, all that it said is gone. False: it is as it was. */
bool ts_input_mutate(struct ts_arena *arena, ts_view span, const struct ts_input *input, bool whole,
                     struct ts_buf *out);
/* The span without the inputs from `from` up to, but not with, `to`. */
void ts_inputs_remove(ts_view span, const struct ts_input *inputs, size_t from, size_t to,
                      struct ts_buf *out);

#endif
