/* otel_genai_details.c - the same attributes on events (dialects §6.5). Several events on one span are
 * put together; of a key written twice the later one counts. */
#include "llm/dialect/events.h"
#include "llm/dialect/genai.h"

enum { MOST = 64 };

static void read_source(struct ts_reader *r, struct ts_source *out)
{
    static const char *const names[] = {"gen_ai.client.inference.operation.details", NULL};
    struct ts_span_event events[MOST];
    size_t at = 0;
    size_t n = 0;
    size_t all = 0;
    while (n < MOST && ts_event_next(r, names, &at, &events[n]))
        all += events[n++].attrs.count;
    if (n == 0)
        return;
    struct ts_attrs merged = {ts_arena_alloc(r->arena, (all + 1) * sizeof *merged.items), 0};
    for (size_t i = n; i-- > 0;) { /* the first value of a key wins, so the last event goes first */
        if (events[i].attrs.count)
            memcpy(merged.items + merged.count, events[i].attrs.items,
                   events[i].attrs.count * sizeof *merged.items);
        merged.count += events[i].attrs.count;
    }
    ts_genai_read(r, &merged, out);
}

static const struct ts_kind_key kind_events[] = {
    {"gen_ai.client.inference.operation.details", TS_RULE_GENERATED, .kind = TS_KIND_LLM},
    {0},
};

const struct ts_dialect ts_dialect_otel_genai_details = {
    .name = "otel_genai_details",
    .read = read_source,
    .kind_events = kind_events,
};
