/* local_repetition.c - a model caught in a loop repeats its tail. Looked for from the end: is the
 * text periodic there, with a period that is a piece of language and not a ruler of dashes? */
#include "pipeline/scorer/local_signal.h"

static const double looping = 0.2; /* our own choice */
enum {
    TAIL = 4096,       /* bytes looked at: a loop shows at the end, and the cost stays bounded */
    LONGEST = 512,     /* period */
    LEAST_BYTES = 120, /* that the repeats must cover … */
    LEAST_TIMES = 4,   /* … in so many rounds */
};

/* How many bytes at the end repeat with this period. */
static size_t run_length(ts_view t, size_t period)
{
    size_t n = 0;
    while (n + period < t.len && t.ptr[t.len - 1 - n] == t.ptr[t.len - 1 - n - period])
        n++;
    return n;
}

static bool has_words(ts_view piece)
{
    size_t letters = 0;
    for (size_t i = 0; i < piece.len; i++)
        letters += (piece.ptr[i] | 32) >= 'a' && (piece.ptr[i] | 32) <= 'z';
    for (size_t i = 0; i < piece.len && letters < 3; i++)
        letters += piece.ptr[i] >= 0x80;
    return letters >= 3;
}

void ts_local_repetition(struct ts_agreement *memory, const struct ts_llm *llm,
                         struct ts_arena *arena, struct ts_local_signal *out)
{
    (void)memory;
    ts_view t = ts_view_trim(llm->response);
    if (t.len < LEAST_BYTES)
        return;
    if (t.len > TAIL)
        t = ts_view_from(t, t.len - TAIL);
    for (size_t period = 3; period <= LONGEST && period * LEAST_TIMES <= t.len; period++) {
        /* most periods fail on the first byte: cheap */
        size_t run = run_length(t, period);
        size_t times = run / period + 1;
        ts_view piece = ts_view_from(t, t.len - period);
        if (run + period < LEAST_BYTES || times < LEAST_TIMES || !has_words(piece))
            continue;
        ts_local_violation(out, looping,
                           ts_arena_printf(arena,
                                           "The answer repeats itself %zu times: '" TS_FMT "'.",
                                           times, TS_ARG(ts_local_quote(arena, piece))));
        return;
    }
}
