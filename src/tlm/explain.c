#include "tlm/explain.h"

#include "tlm/consistency.h"
#include "tlm/text.h"

#include <math.h>

#define TRUSTED   0.8  /* EXPLAINABILITY_THRESHOLD (§3.5) */
#define CONVINCED 0.85 /* SELF_REFLECTION_…, CONSISTENCY_EXPLAINABILITY_THRESHOLD */

static const char *const words[] = {
    [TS_TLM_NO_DOUBT] = "Nothing was found that speaks against the response.",
    [TS_TLM_NOT_VERIFIED] = "The response could not be verified.",
    [TS_TLM_ALTERNATIVE] =
        ("The response is doubtful because the model does not answer the request the same way each "
         "time. It also considered this answer, which may itself be wrong:"),
    [TS_TLM_UNUSUAL] = "The prompt or the response is unusual or vague."};

/* R̄: over the mapped values, not those of the tokens (D23). */
static bool is_doubted(const struct ts_tlm *tlm, const struct ts_tlm_call **lowest)
{
    double sum = 0;
    int n = 0;
    *lowest = NULL;
    for (size_t i = 0; i < tlm->call_count; i++) {
        const struct ts_tlm_call *call = &tlm->calls[i];
        if (call->kind != TS_TLM_REFLECTION || !call->has_mapped)
            continue;
        sum += call->mapped;
        n++;
        if (!*lowest || call->mapped < (*lowest)->mapped)
            *lowest = call;
    }
    return n > 0 && sum / n < CONVINCED;
}

static void add_part(struct ts_tlm_result *r, enum ts_tlm_part_kind kind, ts_view text)
{
    r->parts[r->part_count++] = (struct ts_tlm_part){kind, text};
}

/* Ended by a full stop, unless something else ends it. */
static ts_view sentence(struct ts_arena *arena, ts_view text)
{
    ts_view t = ts_text_strip(text);
    bool ends = t.len > 0 && strchr(".!?;:", t.ptr[t.len - 1]);
    return ends ? t : ts_arena_printf(arena, TS_FMT ".", (int)text.len, (const char *)text.ptr);
}

static void add_doubts(const struct ts_tlm *tlm, struct ts_tlm_result *r, struct ts_buf *out)
{
    const struct ts_tlm_call *call;
    if (is_doubted(tlm, &call)) {
        bool why = call->explanation.len > 0;
        ts_view text = why ? sentence(tlm->arena, call->explanation) : TS_NOTHING;
        add_part(r, why ? TS_TLM_REASON : TS_TLM_NOT_VERIFIED, text);
        ts_buf_add_view(out, why ? text : ts_view_str(words[TS_TLM_NOT_VERIFIED]));
        ts_buf_add_str(out, why ? " \n" : "\n");
    }
    call = r->consistency < CONVINCED ? ts_consistency_worst(tlm, r->sample_scores) : NULL;
    if (call) {
        ts_view text = sentence(tlm->arena, call->text);
        add_part(r, TS_TLM_ALTERNATIVE, text);
        ts_buf_printf(out, "%s\n", words[TS_TLM_ALTERNATIVE]);
        ts_buf_add_view(out, text);
        ts_buf_add_str(out, " \n");
    }
}

/* Says nothing: less than five characters, or (recommended results, tlm-vectors) only that nothing
 * was verified, which "unusual or vague" says better. */
static bool is_empty(const struct ts_tlm *tlm, const struct ts_tlm_result *r,
                     const struct ts_buf *text)
{
    enum { TOO_SHORT = 5 };
    bool unverified_alone = r->part_count == 1 && r->parts[0].kind == TS_TLM_NOT_VERIFIED;
    return text->len < TOO_SHORT ||
           (tlm->options->compat == TS_TLM_RECOMMENDED && unverified_alone);
}

void ts_tlm_explain(const struct ts_tlm *tlm, struct ts_tlm_result *r)
{
    bool none = isnan(r->score) && isnan(r->reflection) && isnan(r->consistency) &&
                isnan(r->perplexity) && isnan(r->prompt_evaluation);
    if (none || (isnan(r->score) && tlm->options->compat == TS_TLM_RECOMMENDED))
        return;
    if (!(r->score < TRUSTED)) {
        add_part(r, TS_TLM_NO_DOUBT, TS_NOTHING);
        r->explanation = ts_view_str(words[TS_TLM_NO_DOUBT]);
        return;
    }
    struct ts_buf text = TS_BUF_INIT;
    add_doubts(tlm, r, &text);
    if (is_empty(tlm, r, &text)) {
        r->part_count = 0;
        add_part(r, TS_TLM_UNUSUAL, TS_NOTHING);
        r->explanation = ts_view_str(words[TS_TLM_UNUSUAL]);
    } else {
        r->explanation = ts_arena_copy(tlm->arena, ts_text_strip(ts_buf_view(&text)));
    }
    ts_buf_release(&text);
}
