#include "tlm/consistency.h"

#include "tlm/calls.h"
#include "tlm/labels.h"
#include "tlm/parse.h"
#include "tlm/structured.h"
#include "tlm/text.h"
#include "tlm/tokens.h"

#include <math.h>

#define JACCARD_WEIGHT 0.05 /* §3.5, beside a judge's verdict */

static bool is_reference(const struct ts_tlm *tlm)
{
    return tlm->options->compat == TS_TLM_REFERENCE;
}

static const struct ts_tlm_call *comparison(const struct ts_tlm *tlm, enum ts_tlm_call_kind kind,
                                            int i)
{
    for (size_t k = 0; k < tlm->call_count; k++)
        if (tlm->calls[k].kind == kind && tlm->calls[k].index == i)
            return &tlm->calls[k];
    return NULL;
}

/* ---- samples (§8.1) ---- */

/* Mean token probability of the answer inside the reply (§8.6). The reference takes an answer at
 * the very start for none (D15), and counts from the first character that is not white space (D29). */
static double label_confidence(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                               const struct ts_tlm_reply *reply, ts_view whole, ts_view answer)
{
    if (!reply->has_tokens || !ts_tlm_wants_logprobs(tlm, call))
        return NAN;
    ts_view from_where = is_reference(tlm) ? ts_text_strip(whole) : whole;
    size_t from = (size_t)(answer.ptr - from_where.ptr);
    if (is_reference(tlm) && from == 0)
        return NAN;
    return ts_tokens_probability(reply, from, from + answer.len);
}

static void read_label(struct ts_tlm *tlm, struct ts_tlm_call *call,
                       const struct ts_tlm_reply *reply, ts_view whole, ts_view text,
                       ts_view answer)
{
    struct ts_label label =
        ts_label_of(tlm->arena, text, tlm->options->labels, tlm->options->label_count);
    call->confidence = label_confidence(tlm, call, reply, whole, answer);
    if (!is_reference(tlm) && label.similarity < 1) /* D28 */
        call->confidence *= label.similarity >= 0.7 ? label.similarity : 0.001;
    call->text = label.text;
}

void ts_consistency_sample(struct ts_tlm *tlm, struct ts_tlm_call *call,
                           const struct ts_tlm_reply *reply, ts_view whole, ts_view text)
{
    call->has_text = true;
    if (tlm->resolved.workflow == TS_TLM_STRUCTURED) {
        call->text = ts_structured_sample(tlm->arena, tlm->options->compat, text);
    } else {
        ts_view answer = ts_tlm_parse_answer(text);
        call->text = answer.len > 0 ? answer : text;
    }
    if (tlm->resolved.by_label)
        read_label(tlm, call, reply, whole, text, call->text);
    call->text = ts_arena_copy(tlm->arena, ts_text_strip(call->text));
}

/* ---- comparisons that a model makes ---- */

static struct ts_words answer_words(struct ts_tlm *tlm)
{
    if (!tlm->words.hash)
        tlm->words = ts_words_of(tlm->arena, tlm->answer);
    return tlm->words;
}

static double jaccard(struct ts_tlm *tlm, const struct ts_tlm_call *sample, size_t less)
{
    return ts_words_jaccard(answer_words(tlm), ts_words_of(tlm->arena, sample->text), less);
}

static bool is_identical(const struct ts_tlm *tlm, const struct ts_tlm_call *sample)
{
    return ts_view_eq(sample->text, tlm->answer);
}

static bool all_samples_answered(const struct ts_tlm *tlm)
{
    for (int i = 0; i < tlm->resolved.samples; i++)
        if (!ts_tlm_sample(tlm, i)->answered)
            return false;
    return true;
}

/* §8.5: the sample of the upper median by Jaccard; NULL: there is none. */
static const struct ts_tlm_call *median(struct ts_tlm *tlm)
{
    const struct ts_tlm_call *order[64];
    double value[64];
    int n = 0;
    for (int i = 0; i < tlm->resolved.samples && n < (int)TS_COUNT(order); i++) {
        const struct ts_tlm_call *sample = ts_tlm_sample(tlm, i);
        if (!sample->has_text)
            continue;
        double j = jaccard(tlm, sample, 0);
        int at = n++;
        for (; at > 0 && value[at - 1] > j; at--) {
            value[at] = value[at - 1];
            order[at] = order[at - 1];
        }
        value[at] = j;
        order[at] = sample;
    }
    return n > 0 ? order[n / 2] : NULL;
}

static void compare(struct ts_tlm *tlm, enum ts_tlm_call_kind kind, int i)
{
    ts_tlm_add_call(tlm, kind, i)->measure = tlm->resolved.measure;
}

void ts_consistency_advance(struct ts_tlm *tlm, int i)
{
    if (tlm->resolved.by_label || tlm->resolved.samples == 0)
        return;
    const struct ts_tlm_call *sample = i >= 0 ? ts_tlm_sample(tlm, i) : NULL;
    bool usable = sample && sample->has_text;
    switch (tlm->resolved.measure) {
    case TS_TLM_STATEMENT: /* D5: the reference asks about the first sample only */
        if (usable && (is_reference(tlm) ? i == 0 : !is_identical(tlm, sample)))
            compare(tlm, TS_TLM_SIMILARITY, i);
        break;
    case TS_TLM_CODE:
        if (sample && all_samples_answered(tlm)) {
            const struct ts_tlm_call *m = median(tlm);
            if (m && jaccard(tlm, m, 0) < 1)
                compare(tlm, TS_TLM_SIMILARITY, m->index);
        }
        break;
    case TS_TLM_EMBEDDING_SMALL:
    case TS_TLM_EMBEDDING_LARGE:
        if (i < 0 || usable)
            compare(tlm, TS_TLM_EMBEDDING, i);
        break;
    case TS_TLM_JACCARD:
        break;
    }
}

/* ---- scores ---- */

static double cosine(const struct ts_tlm_call *a, const struct ts_tlm_call *b)
{
    double dot = 0;
    double x = 0;
    double y = 0;
    if (!a || !b || !a->vector || !b->vector || a->dimensions != b->dimensions)
        return NAN;
    for (size_t i = 0; i < a->dimensions; i++) {
        dot += a->vector[i] * b->vector[i];
        x += a->vector[i] * a->vector[i];
        y += b->vector[i] * b->vector[i];
    }
    double p = dot / (sqrt(x) * sqrt(y));
    return p < 0 ? 0 : p > 1 ? 1 : p; /* NaN stays */
}

/* The judge's verdict on a sample; NaN: none (§8.4, §8.5). */
static double verdict(struct ts_tlm *tlm, const struct ts_tlm_call *sample)
{
    const struct ts_tlm_call *call;
    if (tlm->resolved.measure == TS_TLM_CODE) { /* one for all */
        const struct ts_tlm_call *m = median(tlm);
        call = comparison(tlm, TS_TLM_SIMILARITY, m->index);
        return call ? call->mapped : 1;
    }
    if (!is_reference(tlm) && is_identical(tlm, sample))
        return 1;
    call = comparison(tlm, TS_TLM_SIMILARITY, is_reference(tlm) ? 0 : sample->index);
    return call ? call->mapped : NAN;
}

static double score_by_judge(struct ts_tlm *tlm, const struct ts_tlm_call *sample)
{
    double j = jaccard(tlm, sample, 0);
    double d = verdict(tlm, sample);
    return isnan(d) ? j : JACCARD_WEIGHT * j + (1 - JACCARD_WEIGHT) * d;
}

static bool is_label(const struct ts_tlm *tlm, ts_view text)
{
    for (size_t i = 0; i < tlm->options->label_count; i++)
        if (ts_view_eq(text, tlm->options->labels[i]))
            return true;
    return false;
}

/* §8.6 */
static double by_label(const struct ts_tlm *tlm, const struct ts_tlm_call *sample, bool confident)
{
    if (!sample->has_text)
        return is_reference(tlm) ? 0 : NAN;
    bool same = is_identical(tlm, sample);
    bool known = !isnan(sample->confidence);
    if (!confident)
        return same ? 1 : 0;
    if (!is_label(tlm, tlm->answer))
        return 0;
    if (same && known)
        return sample->confidence;
    if (tlm->options->label_count != 2)
        return 0;
    return known && is_label(tlm, sample->text) ? 1 - sample->confidence : 0.5;
}

static bool any_confidence(const struct ts_tlm *tlm)
{
    for (int i = 0; i < tlm->resolved.samples; i++) {
        const struct ts_tlm_call *sample = ts_tlm_sample(tlm, i);
        if (sample->has_text && !isnan(sample->confidence))
            return true;
    }
    return false;
}

static double score_of(struct ts_tlm *tlm, const struct ts_tlm_call *sample, bool confident)
{
    if (tlm->resolved.by_label)
        return by_label(tlm, sample, confident);
    if (!sample->has_text)
        return NAN;
    switch (tlm->resolved.measure) {
    case TS_TLM_JACCARD:
        return jaccard(tlm, sample,
                       tlm->resolved.workflow == TS_TLM_STRUCTURED ? tlm->distinct_keys : 0);
    case TS_TLM_EMBEDDING_SMALL:
    case TS_TLM_EMBEDDING_LARGE:
        return cosine(comparison(tlm, TS_TLM_EMBEDDING, -1),
                      comparison(tlm, TS_TLM_EMBEDDING, sample->index));
    default:
        return score_by_judge(tlm, sample);
    }
}

const double *ts_consistency_scores(struct ts_tlm *tlm)
{
    if (tlm->resolved.samples == 0)
        return NULL;
    double *scores = ts_arena_alloc(tlm->arena, (size_t)tlm->resolved.samples * sizeof *scores);
    bool confident = tlm->resolved.by_label && any_confidence(tlm);
    for (int i = 0; i < tlm->resolved.samples; i++)
        scores[i] = score_of(tlm, ts_tlm_sample(tlm, i), confident);
    return scores;
}

double ts_consistency_indicator(const struct ts_tlm *tlm)
{
    int same = 0;
    int all = 0;
    for (int i = 0; i < tlm->resolved.samples && !tlm->resolved.by_label; i++) {
        const struct ts_tlm_call *sample = ts_tlm_sample(tlm, i);
        all += sample->has_text;
        same += sample->has_text && is_identical(tlm, sample);
    }
    return all > 0 ? (double)same / all : NAN;
}

const struct ts_tlm_call *ts_consistency_worst(const struct ts_tlm *tlm, const double *scores)
{
    const struct ts_tlm_call *worst = NULL;
    for (int i = 0; i < tlm->resolved.samples; i++) {
        const struct ts_tlm_call *sample = ts_tlm_sample(tlm, i);
        if (!sample->has_text || is_identical(tlm, sample) || isnan(scores[i]))
            continue;
        if (!worst || scores[i] < scores[worst->index])
            worst = sample;
    }
    return worst;
}
