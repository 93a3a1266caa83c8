/* local_refusal.c - the answer declines to answer. English only, and only where a refusal stands: at
 * the very start, as the model's own words. "I can't wait" and "I'm sorry to hear" are no refusals. */
#include "pipeline/scorer/local_signal.h"

static const double refused = 0.3; /* our own choice: honest perhaps, but of no use as an answer */

/* What a refusal opens with … */
static const char *const openings[] = {
    "i'm sorry, but i ", "i am sorry, but i ",
    "sorry, but i ",     "sorry, i ",
    "i'm sorry, i ",     "i apologize, but i ",
    "unfortunately, i ", "as an ai language model, i ",
    "as an ai, i ",      "i ",
};
/* … and how it goes on. */
static const char *const refusals[] = {
    "can't assist",
    "cannot assist",
    "can't help with",
    "cannot help with",
    "am unable to assist",
    "am unable to help",
    "am not able to assist",
    "am not able to help",
    "can't provide",
    "cannot provide",
    "am unable to provide",
    "am not able to provide",
    "can't answer",
    "cannot answer",
    "am unable to answer",
    "can't comply",
    "cannot comply",
    "won't be able to",
    "can't fulfill",
    "cannot fulfill",
    "don't have access to",
    "do not have access to",
    "don't have enough information",
    "do not have enough information",
    "don't know",
    "do not know",
    "must decline",
    "can't discuss",
    "cannot discuss",
};

static ts_view without_typography(struct ts_arena *arena, ts_view text)
{
    enum { ENOUGH = 160 };
    ts_view head = ts_view_cut(ts_view_trim(text), 0, ENOUGH);
    uint8_t *copy = ts_arena_alloc(arena, head.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < head.len; i++) {
        if (ts_view_starts(ts_view_from(head, i), TS_LIT("\xE2\x80\x99"))) { /* ’ */
            copy[n++] = '\'';
            i += 2;
        } else {
            uint8_t c = head.ptr[i];
            copy[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
        }
    }
    return ts_view_of(copy, n);
}

static bool declines(ts_view text)
{
    for (size_t i = 0; i < TS_COUNT(openings); i++) {
        ts_view opening = ts_view_str(openings[i]);
        if (!ts_view_starts(text, opening))
            continue;
        ts_view rest = ts_view_from(text, opening.len);
        for (size_t k = 0; k < TS_COUNT(refusals); k++)
            if (ts_view_starts(rest, ts_view_str(refusals[k])))
                return true;
    }
    return false;
}

void ts_local_refusal(struct ts_agreement *memory, const struct ts_llm *llm, struct ts_arena *arena,
                      struct ts_local_signal *out)
{
    (void)memory;
    if (ts_view_is(llm->finish_reason, "content_filter")) {
        ts_local_violation(out, refused, TS_LIT("A content filter ended the answer."));
        return;
    }
    if (llm->response.len == 0 || !declines(without_typography(arena, llm->response)))
        return;
    ts_view quote = ts_local_quote(arena, llm->response);
    ts_local_violation(out, refused,
                       ts_arena_printf(arena, "The answer declines: '" TS_FMT "'.", TS_ARG(quote)));
}
