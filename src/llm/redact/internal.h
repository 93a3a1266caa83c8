/* internal.h - what the files of redaction share. */
#ifndef TS_LLM_REDACT_INTERNAL_H
#define TS_LLM_REDACT_INTERNAL_H

#include "llm/redact/redact.h"

struct ts_redact_range {
    size_t from, to; /* bytes */
    size_t pattern;
};
struct ts_redact_ranges {
    struct ts_redact_range *items; /* from left to right, none overlaps another */
    size_t count, room;
};

/* False: a pattern gave up. The ranges belong to the arena. */
bool ts_redact_find(const struct ts_redactor *redactor, struct ts_arena *arena, ts_view text,
                    struct ts_redact_ranges *out);
/* Appends what stands for the match, and counts it. */
void ts_redact_put(struct ts_redactor *redactor, const struct ts_redact_range *range,
                   struct ts_buf *out);

#endif
