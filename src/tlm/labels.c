#include "tlm/labels.h"

#include "tlm/text.h"

#include <utf8proc.h>

struct chars {
    const int32_t *at;
    size_t count;
};

static struct chars chars_of(struct ts_arena *arena, ts_view text)
{
    int32_t *at = ts_arena_alloc(arena, (text.len + 1) * sizeof *at);
    size_t n = 0;
    size_t len;
    for (size_t i = 0; i < text.len; i += len)
        at[n++] = ts_text_char(text, i, &len);
    return (struct chars){at, n};
}

static struct chars part(struct chars c, size_t from, size_t to)
{
    return (struct chars){c.at + from, to - from};
}

/* Characters in common blocks: the longest (the earliest in `a`, then in `b`), and on both sides of
 * it again. `row` has room for b.count + 1. */
static size_t matched(struct chars a, struct chars b, size_t *row)
{
    size_t best = 0;
    size_t best_a = 0;
    size_t best_b = 0;
    if (a.count == 0 || b.count == 0)
        return 0;
    memset(row, 0, (b.count + 1) * sizeof *row);
    for (size_t i = 0; i < a.count; i++)
        for (size_t k = b.count; k-- > 0;) { /* downwards: row[k] is still the line before */
            row[k + 1] = a.at[i] == b.at[k] ? row[k] + 1 : 0;
            size_t from = i + 1 - row[k + 1];
            bool better = row[k + 1] > best || (row[k + 1] == best && best > 0 && from == best_a &&
                                                k + 1 - row[k + 1] < best_b);
            if (better) {
                best = row[k + 1];
                best_a = from;
                best_b = k + 1 - best;
            }
        }
    if (best == 0)
        return 0;
    return best + matched(part(a, 0, best_a), part(b, 0, best_b), row) +
           matched(part(a, best_a + best, a.count), part(b, best_b + best, b.count), row);
}

static double ratio(struct chars a, struct chars b, size_t *row)
{
    size_t all = a.count + b.count;
    return all ? 2.0 * (double)matched(a, b, row) / (double)all : 1;
}

/* ---- labels ---- */

static bool same_nocase(struct chars text, size_t at, struct chars label)
{
    if (at + label.count > text.count || label.count == 0)
        return false;
    for (size_t i = 0; i < label.count; i++)
        if (text.at[at + i] != label.at[i] &&
            utf8proc_tolower(text.at[at + i]) != utf8proc_tolower(label.at[i]))
            return false;
    return true;
}

static size_t label_at(struct chars text, size_t at, const struct chars *labels, size_t count)
{
    size_t i = 0;
    while (i < count && !same_nocase(text, at, labels[i]))
        i++;
    return i;
}

/* No text this much longer or shorter than the label can be near enough: 2·min/(sum) < 0.7. */
static bool may_be_near(struct chars a, struct chars b)
{
    size_t less = a.count < b.count ? a.count : b.count;
    return 2.0 * (double)less >= 0.7 * (double)(a.count + b.count);
}

struct ts_label ts_label_of(struct ts_arena *arena, ts_view text, const ts_view *labels,
                            size_t count)
{
    struct chars t = chars_of(arena, text);
    struct chars *all = ts_arena_alloc(arena, count * sizeof *all);
    size_t last = count;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        all[i] = chars_of(arena, labels[i]);
        longest = all[i].count > longest ? all[i].count : longest;
    }
    for (size_t at = 0; at < t.count;) {
        size_t found = label_at(t, at, all, count);
        last = found < count ? found : last;
        at += found < count ? all[found].count : 1;
    }
    if (last < count)
        return (struct ts_label){labels[last], 1};
    size_t *row = ts_arena_alloc(arena, (longest + 1) * sizeof *row);
    struct ts_label best = {labels[count - 1], 0};
    for (size_t i = 0; i < count; i++) {
        double near = may_be_near(t, all[i]) ? ratio(t, all[i], row) : 0;
        if (near > best.similarity)
            best = (struct ts_label){labels[i], near};
    }
    if (best.similarity < 0.7)
        best.text = labels[count - 1];
    return best;
}
