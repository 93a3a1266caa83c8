#include "pipeline/scorer/local_signal.h"

#include "base/utf8.h"
#include "tlm/text.h"

ts_view ts_local_quote(struct ts_arena *arena, ts_view text)
{
    enum { MOST = 80 };
    ts_view t = ts_view_trim(text);
    ts_view cut = ts_utf8_prefix(t, MOST);
    if (cut.len == t.len)
        return t;
    return ts_arena_printf(arena, TS_FMT "…", TS_ARG(cut));
}

ts_view ts_local_quote_end(struct ts_arena *arena, ts_view text)
{
    enum { MOST = 80 };
    ts_view t = ts_view_trim(text);
    size_t from = t.len;
    for (size_t chars = 0; from > 0 && chars < MOST; chars++)
        ts_text_char_before(t, from, &from);
    if (from == 0)
        return t;
    ts_view end = ts_view_from(t, from);
    size_t word = ts_view_find(end, TS_LIT(" "));
    if (word != SIZE_MAX)
        end = ts_view_from(end, word + 1);
    return ts_arena_printf(arena, "…" TS_FMT, TS_ARG(end));
}

void ts_local_violation(struct ts_local_signal *out, double cap, ts_view text)
{
    *out = (struct ts_local_signal){true, true, cap, 0, text};
}
