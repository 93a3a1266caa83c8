/* decision_write.c - attributes, OpenInference annotations, the GenAI event, evaluations
 * (architecture.md, What is written; dialects §6.7, §13). */
#include "pipeline/assess/decision_write.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "wire/encode.h"

#include <stdio.h>

#define ATTRIBUTE TS_SPAN_ATTRIBUTES
#define NAME      "Trustworthiness"

static void put_text(struct ts_buf *out, uint32_t number, const char *key, ts_view text)
{
    if (text.len == 0)
        return;
    struct ts_buf good = TS_BUF_INIT;
    if (!ts_utf8_valid(text)) {
        ts_utf8_append_repaired(&good, text);
        text = ts_buf_view(&good);
    }
    ts_put_attr_text(out, number, ts_view_str(key), text);
    ts_buf_release(&good);
}

static void put_attributes(const struct ts_decision *d, struct ts_buf *out)
{
    const struct ts_score *s = d->score;
    put_text(out, ATTRIBUTE, "trustworthiness.decision", ts_view_str(ts_decision_name(d->kind)));
    put_text(out, ATTRIBUTE, "trustworthiness.reason", d->reason);
    put_text(out, ATTRIBUTE, "trustworthiness.scorer", ts_view_str(d->scorer));
    if (!ts_decision_has_score(d))
        return;
    ts_put_attr_double(out, ATTRIBUTE, TS_LIT("trustworthiness.score"), s->score);
    put_text(out, ATTRIBUTE, "trustworthiness.label", ts_view_str(d->label));
    put_text(out, ATTRIBUTE, "trustworthiness.explanation", s->explanation);
    put_text(out, ATTRIBUTE, "trustworthiness.model", s->model);
    put_text(out, ATTRIBUTE, "trustworthiness.preset", s->preset);
    put_text(out, ATTRIBUTE, "trustworthiness.version", s->version);
    put_text(out, ATTRIBUTE, "trustworthiness.signals", s->signals);
    put_text(out, ATTRIBUTE, "trustworthiness.fields", s->fields);
    for (size_t i = 0; i < s->eval_count; i++) {
        char key[160];
        snprintf(key, sizeof key, "trustworthiness.evals.%s", s->evals[i].name);
        ts_put_attr_double(out, ATTRIBUTE, ts_view_str(key), s->evals[i].score);
    }
    ts_put_attr_int(out, ATTRIBUTE, TS_LIT("trustworthiness.latency_ms"), d->latency / TS_MS);
    if (s->cost_usd > 0)
        ts_put_attr_double(out, ATTRIBUTE, TS_LIT("trustworthiness.cost_usd"), s->cost_usd);
}

/* The first index behind all that the span carries already. */
static int64_t free_index(ts_view span)
{
    const ts_view prefix = TS_LIT("annotations.");
    int64_t next = 0;
    struct ts_cursor c = ts_cursor_of(span);
    struct ts_field f;
    struct ts_attr attr;
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number != ATTRIBUTE || f.wire != TS_WIRE_LEN || !ts_attr_read(f.bytes, &attr) ||
            !ts_view_starts(attr.key, prefix))
            continue;
        ts_view rest = ts_view_from(attr.key, prefix.len);
        int64_t index;
        size_t dot = ts_view_find(rest, TS_LIT("."));
        if (ts_view_to_int64(ts_view_cut(rest, 0, dot), &index) && index >= next && index < 1000000)
            next = index + 1;
    }
    return next;
}

static void put_openinference(const struct ts_decision *d, ts_view span, struct ts_buf *out)
{
    char prefix[64];
    char key[128];
    snprintf(prefix, sizeof prefix, "annotations.%lld.annotation", (long long)free_index(span));
    const struct {
        const char *field;
        ts_view text;
    } texts[] = {
        {"name", TS_LIT(NAME)},
        {"label", ts_view_str(d->label)},
        {"explanation", d->score->explanation},
        {"annotator_kind", ts_view_str(d->annotator_kind)},
        {"identifier", TS_LIT("trustspan")},
    };
    for (size_t i = 0; i < TS_COUNT(texts); i++) {
        snprintf(key, sizeof key, "%s.%s", prefix, texts[i].field);
        put_text(out, ATTRIBUTE, key, texts[i].text);
    }
    snprintf(key, sizeof key, "%s.score", prefix);
    ts_put_attr_double(out, ATTRIBUTE, ts_view_str(key), d->score->score);
}

static void put_event(const struct ts_decision *d, struct ts_buf *out)
{
    struct ts_buf event = TS_BUF_INIT;
    ts_put_fixed64(&event, TS_EVENT_TIME, (uint64_t)d->made);
    ts_put_bytes(&event, TS_EVENT_NAME, TS_LIT("gen_ai.evaluation.result"));
    put_text(&event, TS_EVENT_ATTRIBUTES, "gen_ai.evaluation.name", TS_LIT(NAME));
    ts_put_attr_double(&event, TS_EVENT_ATTRIBUTES, TS_LIT("gen_ai.evaluation.score.value"),
                       d->score->score);
    put_text(&event, TS_EVENT_ATTRIBUTES, "gen_ai.evaluation.score.label", ts_view_str(d->label));
    put_text(&event, TS_EVENT_ATTRIBUTES, "gen_ai.evaluation.explanation", d->score->explanation);
    ts_put_bytes(out, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_buf_release(&event);
}

void ts_decision_encode(const struct ts_decision *d, unsigned write, ts_view span,
                        struct ts_buf *out)
{
    if (write & TS_WRITE_ATTRIBUTES)
        put_attributes(d, out);
    if (ts_decision_has_score(d) && write & TS_WRITE_OPENINFERENCE)
        put_openinference(d, span, out);
    if (ts_decision_has_score(d) && write & TS_WRITE_GEN_AI_EVENT)
        put_event(d, out);
}

/* ---- evaluations ---- */

static ts_view keep(struct ts_arena *arena, ts_view text)
{
    return ts_arena_copy(arena, ts_utf8_repair(arena, text));
}

static struct ts_evaluation *evaluation(const struct ts_decision *d, const struct ts_llm *llm,
                                        struct ts_headers *headers, bool late, double score)
{
    struct ts_evaluation *e = ts_evaluation_new(headers);
    e->trace_id = ts_hex_copy(e->arena, llm->trace_id);
    e->span_id = ts_hex_copy(e->arena, llm->span_id);
    e->score = score;
    e->annotator_kind = d->annotator_kind;
    e->scorer = keep(e->arena, ts_view_str(d->scorer));
    e->model = keep(e->arena, d->score->model);
    e->preset = keep(e->arena, d->score->preset);
    e->late = late;
    return e;
}

void ts_decision_evaluations(const struct ts_decision *d, const struct ts_llm *llm,
                             struct ts_headers *headers, bool late,
                             void (*take)(void *, struct ts_evaluation *), void *arg)
{
    if (!d->score || !d->score->has_score)
        return;
    struct ts_evaluation *e = evaluation(d, llm, headers, late, d->score->score);
    e->label = ts_view_str(d->label);
    e->explanation = keep(e->arena, d->score->explanation);
    e->signals = keep(e->arena, d->score->signals);
    take(arg, e);
    for (size_t i = 0; i < d->score->eval_count; i++) {
        e = evaluation(d, llm, headers, late, d->score->evals[i].score);
        e->name = keep(e->arena, ts_view_str(d->score->evals[i].name));
        take(arg, e);
    }
}
