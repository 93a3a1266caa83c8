#include "llm/dialect/keys.h"

bool ts_fits(ts_view text, const char *pattern)
{
    ts_view p = ts_view_str(pattern);
    size_t star = ts_view_find(p, TS_LIT("*"));
    if (star == SIZE_MAX)
        return ts_view_eq(text, p);
    return text.len >= p.len - 1 && ts_view_starts(text, ts_view_cut(p, 0, star)) &&
           ts_view_ends(text, ts_view_from(p, star + 1));
}

bool ts_kind_of_word(const struct ts_kind_word *words, ts_view text, enum ts_kind *out)
{
    for (; words->text; words++)
        if (ts_view_eq_nocase(text, ts_view_str(words->text))) {
            *out = words->kind;
            return true;
        }
    return false;
}
