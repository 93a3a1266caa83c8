/* decision_store.c - a table of texts, and what else a decision and a score have, both ways. */
#include "pipeline/assess/decision_store.h"

#include "wire/cursor.h"
#include "wire/encode.h"

#include <xxhash.h>

enum { DECIDED = 1 };                                                       /* in the sequence */
enum { KEY = 1, TRACE_ID = 2, SPAN_ID = 3, DECISION = 4, LATE = 5 };        /* DecidedSpan */
enum { KIND = 1, REASON, DETAIL, SCORER, ANNOTATOR, LATENCY, MADE, SCORE }; /* Decision */
enum {                                                                      /* Score */
       VALUE = 1,
       EXPLANATION,
       MODEL,
       PRESET,
       VERSION,
       SIGNALS,
       FIELDS,
       COST,
       EVAL,
       LABEL
};
enum { EVAL_NAME = 1, EVAL_SCORE = 2 };

struct ts_span_key ts_span_key_of(ts_view span)
{
    struct ts_span_key key;
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(span.ptr, span.len));
    memcpy(key.bytes, hash.digest, sizeof key.bytes);
    return key;
}

/* ---- out ---- */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void put_text(struct ts_buf *out, uint32_t number, ts_view text)
{
    if (text.len > 0)
        ts_put_bytes(out, number, text);
}

static const struct {
    uint32_t number;
    size_t offset;
} texts[] = {{EXPLANATION, offsetof(struct ts_score, explanation)},
             {MODEL, offsetof(struct ts_score, model)},
             {PRESET, offsetof(struct ts_score, preset)},
             {VERSION, offsetof(struct ts_score, version)},
             {SIGNALS, offsetof(struct ts_score, signals)},
             {FIELDS, offsetof(struct ts_score, fields)}};

static ts_view *text_of(const struct ts_score *s, size_t i)
{
    return (ts_view *)(void *)((char *)(uintptr_t)s + texts[i].offset);
}

static void put_score(struct ts_buf *out, const struct ts_decision *d)
{
    const struct ts_score *s = d->score;
    struct ts_buf score = TS_BUF_INIT;
    ts_put_fixed64(&score, VALUE, bits_of(s->score));
    for (size_t i = 0; i < TS_COUNT(texts); i++)
        put_text(&score, texts[i].number, *text_of(s, i));
    ts_put_fixed64(&score, COST, bits_of(s->cost_usd));
    for (size_t i = 0; i < s->eval_count; i++) {
        struct ts_buf eval = TS_BUF_INIT;
        ts_put_bytes(&eval, EVAL_NAME, ts_view_str(s->evals[i].name));
        ts_put_fixed64(&eval, EVAL_SCORE, bits_of(s->evals[i].score));
        ts_put_bytes(&score, EVAL, ts_buf_view(&eval));
        ts_buf_release(&eval);
    }
    put_text(&score, LABEL, ts_view_str(d->label));
    ts_put_bytes(out, SCORE, ts_buf_view(&score));
    ts_buf_release(&score);
}

static void put_decision(struct ts_buf *out, const struct ts_decision *d)
{
    ts_put_fixed32(out, KIND, (uint32_t)d->kind);
    put_text(out, REASON, d->reason);
    put_text(out, DETAIL, d->detail);
    put_text(out, SCORER, ts_view_str(d->scorer));
    put_text(out, ANNOTATOR, ts_view_str(d->annotator_kind));
    ts_put_fixed64(out, LATENCY, (uint64_t)d->latency);
    ts_put_fixed64(out, MADE, (uint64_t)d->made);
    if (ts_decision_has_score(d))
        put_score(out, d);
}

void ts_decision_store(const struct ts_span_key *key, const struct ts_llm *llm,
                       const struct ts_decision *d, bool late, struct ts_buf *out)
{
    struct ts_buf decision = TS_BUF_INIT;
    struct ts_buf span = TS_BUF_INIT;
    put_decision(&decision, d);
    ts_put_bytes(&span, KEY, ts_view_of(key->bytes, sizeof key->bytes));
    ts_put_bytes(&span, TRACE_ID, llm->trace_id);
    ts_put_bytes(&span, SPAN_ID, llm->span_id);
    ts_put_bytes(&span, DECISION, ts_buf_view(&decision));
    if (late)
        ts_put_fixed32(&span, LATE, 1);
    ts_put_bytes(out, DECIDED, ts_buf_view(&span));
    ts_buf_release(&span);
    ts_buf_release(&decision);
}

/* ---- in ---- */

bool ts_decided_next(ts_view *sequence, struct ts_decided *out)
{
    struct ts_cursor c = ts_cursor_of(*sequence);
    struct ts_field f;
    *out = (struct ts_decided){.late = false};
    if (ts_cursor_done(&c) || !ts_cursor_next(&c, &f) || f.number != DECIDED)
        return false;
    *sequence = ts_view_of(c.at, (size_t)(c.end - c.at));
    c = ts_cursor_of(f.bytes);
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == KEY)
            out->key = f.bytes;
        else if (f.number == TRACE_ID)
            out->trace_id = f.bytes;
        else if (f.number == SPAN_ID)
            out->span_id = f.bytes;
        else if (f.number == DECISION)
            out->decision = f.bytes;
        else if (f.number == LATE)
            out->late = f.value != 0;
    }
    return ts_cursor_done(&c);
}

static void restore_eval(ts_view message, struct ts_arena *arena, struct ts_eval *eval)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    *eval = (struct ts_eval){"", 0};
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == EVAL_NAME)
            eval->name = (const char *)ts_arena_copy(arena, f.bytes).ptr;
        else if (f.number == EVAL_SCORE)
            eval->score = ts_field_double(&f);
    }
}

static bool restore_score(ts_view message, struct ts_arena *arena, struct ts_decision *d,
                          struct ts_score *s)
{
    struct ts_cursor c = ts_cursor_of(message);
    struct ts_field f;
    size_t room = 0;
    *s = (struct ts_score){.has_score = true};
    while (!ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        for (size_t i = 0; i < TS_COUNT(texts); i++)
            if (f.number == texts[i].number)
                *text_of(s, i) = ts_arena_copy(arena, f.bytes);
        if (f.number == VALUE) {
            s->score = ts_field_double(&f);
        } else if (f.number == COST) {
            s->cost_usd = ts_field_double(&f);
        } else if (f.number == LABEL) {
            d->label = ts_decision_label_of(f.bytes);
        } else if (f.number == EVAL) {
            s->evals = ts_arena_more(arena, s->evals, s->eval_count, &room, sizeof *s->evals);
            restore_eval(f.bytes, arena, &s->evals[s->eval_count++]);
        }
    }
    d->score = s;
    return ts_cursor_done(&c);
}

bool ts_decision_restore(ts_view decision, struct ts_arena *arena, struct ts_decision *d,
                         struct ts_score *score)
{
    struct ts_cursor c = ts_cursor_of(decision);
    struct ts_field f;
    bool ok = true;
    *d = (struct ts_decision){.scorer = "", .annotator_kind = "LLM"};
    while (ok && !ts_cursor_done(&c) && ts_cursor_next(&c, &f)) {
        if (f.number == KIND)
            d->kind = (enum ts_decision_kind)f.value;
        else if (f.number == REASON)
            d->reason = ts_arena_copy(arena, f.bytes);
        else if (f.number == DETAIL)
            d->detail = ts_arena_copy(arena, f.bytes);
        else if (f.number == SCORER)
            d->scorer = (const char *)ts_arena_copy(arena, f.bytes).ptr;
        else if (f.number == ANNOTATOR)
            d->annotator_kind = ts_view_is(f.bytes, "CODE") ? "CODE" : "LLM";
        else if (f.number == LATENCY)
            d->latency = (ts_time)f.value;
        else if (f.number == MADE)
            d->made = (ts_time)f.value;
        else if (f.number == SCORE)
            ok = restore_score(f.bytes, arena, d, score);
    }
    return ok && ts_cursor_done(&c) && d->kind > TS_UNDECIDED && d->kind <= TS_FAILED;
}
