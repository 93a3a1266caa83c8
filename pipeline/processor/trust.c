/* trust.c - parts in, decisions out.
 * The spans of a part that are no LLM spans leave at once. Its LLM spans are held until the last of
 * them is decided, or for `hold`; what is undecided then leaves as late, goes on the late list, and
 * its score follows as an evaluation. One decision for every LLM span, counted once. What a processor
 * before this one has scored, or has yet to score, is passed on as it is. */
#include "pipeline/processor/trust_due.h"
#include "pipeline/processor/trust_forward.h"
#include "pipeline/processor/trust_hold.h"
#include "pipeline/processor/trust_score.h"

#include <stdlib.h>

static void inspect(const struct ts_instance *self, struct ts_notes **notes,
                    const struct ts_span_at *at)
{
    trust_notes_add((struct trust_notes **)notes, ts_assessor_kinds(self->assessor), at);
}

/* Takes out what an earlier processor has decided for good. */
static void leave_decided(struct trust_spans *spans, const struct ts_items *items)
{
    size_t kept = 0;
    size_t next = 0;
    for (size_t i = 0; i < spans->count; i++) {
        while (next < items->count && items->list[next].index < spans->list[i].index)
            next++;
        bool known = next < items->count && items->list[next].index == spans->list[i].index;
        enum ts_decision_kind kind = known ? items->list[next].decision->kind : TS_UNDECIDED;
        if (kind != TS_SCORED && kind != TS_CACHED && kind != TS_LATE)
            spans->list[kept++] = spans->list[i];
    }
    spans->count = kept;
}

/* The part's payload: the batch's own, when the part is all of it. A reference. */
static struct ts_payload *payload_of(const struct ts_batch *b, const struct ts_part *part)
{
    bool whole = part->payload == b->payload && part->count == 1 &&
                 part->bytes == ts_payload_view(b->payload).len;
    return whole ? ts_payload_ref(b->payload) : ts_part_join(part);
}

/* Some spans of the part are scored: the others leave, these are held. */
static void divide(struct ts_instance *self, struct ts_batch *b, struct ts_payload *payload,
                   size_t items, const struct trust_notes *notes, struct trust_notes *own,
                   struct ts_completion *completion)
{
    ts_completion_add(completion); /* one for each half */
    trust_forward(self, b, payload, items, &notes->scored, completion);
    trust_note_context(self, notes);
    trust_hold(trust_held_new(self, b, payload, items, notes, own, completion));
}

static void consume(struct ts_instance *self, struct ts_batch *b, struct ts_part *part,
                    const struct ts_items *items, struct ts_completion *completion,
                    struct ts_notes *const *noted)
{
    static const struct trust_notes nothing;
    bool as_it_is = !self->config->assess.redact.forward;
    if (noted && !*noted && as_it_is) { /* the usual case costs nothing */
        ts_pass_on(self->host->next, b, part, items, completion);
        return;
    }
    struct ts_payload *payload = payload_of(b, part);
    size_t count = part->items;
    struct trust_notes *own = NULL;
    if (!noted) {
        own = trust_notes_of(ts_payload_view(payload), ts_assessor_kinds(self->assessor));
        leave_decided(&own->scored, items);
    }
    const struct trust_notes *notes = own ? own : noted && *noted ? (const void *)*noted : &nothing;
    ts_part_release(part);
    if (notes->scored.count > 0) {
        divide(self, b, payload, count, notes, own, completion);
    } else {
        trust_forward(self, b, payload, count, &notes->scored, completion);
        trust_note_context(self, notes);
        if (own)
            own->base.free(&own->base);
    }
    ts_payload_unref(payload);
}

/* ---- life ---- */

static void add_counters(struct ts_instance *self)
{
    struct ts_metrics *m = self->host->metrics;
    const char *late = "What became of late spans.";
    self->llm_spans = ts_metrics_counter(m, "trustspan_llm_spans", "",
                                         "LLM spans that came to a decision or wait for one.");
    self->scored =
        ts_metrics_counter(m, "trustspan_decisions", "decision=\"scored\",reason=\"\"",
                           "Decisions on LLM spans; they add up to trustspan_llm_spans.");
    self->late_scored = ts_metrics_counter(m, "trustspan_late_scores", "result=\"scored\"", late);
    self->late_failed = ts_metrics_counter(m, "trustspan_late_scores", "result=\"failed\"", late);
    self->late_left = ts_metrics_counter(m, "trustspan_late_scores", "result=\"left\"", late);
}

static void free_instance(struct ts_instance *self)
{
    if (!self)
        return;
    ts_assessor_free(self->assessor);
    ts_memory_release(&self->waiting);
    trust_recent_free(self->recent);
    free(self->lists);
    free(self);
}

static struct ts_instance *create(const struct ts_host *host, const void *config,
                                  struct ts_err *err)
{
    struct ts_instance *self = ts_alloc(sizeof *self);
    self->config = config;
    self->host = host;
    self->recent = trust_recent_new();
    ts_memory_init(&self->waiting, self->config->max_waiting);
    self->assessor = ts_assessor_new(host, &self->config->assess, err);
    if (!self->assessor) {
        free_instance(self);
        return NULL;
    }
    self->write = ts_trust_write_bits(&self->config->write);
    self->lists = ts_alloc((host->loop_count + 1) * sizeof *self->lists);
    for (size_t i = 0; i < host->loop_count; i++) {
        struct trust_list *list = &self->lists[i];
        list->loop = list->room.loop = host->loops[i];
        list->room.task.run = trust_on_room;
        list->last_due = &list->due;
    }
    add_counters(self);
    return self;
}

static bool name_scorers(void *config, ts_scorer_visit *visit, void *arg)
{
    struct ts_trust_config *c = config;
    return ts_assess_scorers(&c->assess, visit, arg);
}

const struct ts_processor ts_processor_trust = {
    .base = {.kind = TS_PROCESSOR,
             .type = "trust",
             .about = "scores the trustworthiness of every LLM response",
             .settings = ts_trust_table,
             .config_size = sizeof(struct ts_trust_config),
             .check = ts_trust_check,
             .create = create,
             .free = free_instance},
    .inspect = inspect,
    .consume = consume,
    .resume = trust_resume,
    .scorers = name_scorers,
    .flush = trust_flush,
};
