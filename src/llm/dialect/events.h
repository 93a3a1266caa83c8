/* events.h - the events of a span, for dialects whose content is in them. */
#ifndef TS_LLM_EVENTS_H
#define TS_LLM_EVENTS_H

#include "llm/dialect/dialect.h"

struct ts_span_event {
    ts_view name;
    struct ts_attrs attrs;
};

/* The next event whose name starts with one of `prefixes` (NULL at the end); *at starts at 0. */
bool ts_event_next(struct ts_reader *r, const char *const *prefixes, size_t *at,
                   struct ts_span_event *out);

#endif
