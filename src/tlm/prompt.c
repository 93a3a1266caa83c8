#include "tlm/prompt.h"

#include "tlm/text.h"

#include <assert.h>

/* ---- tags ---- */

/* The length of the tag of this name at `at`, 0: another, or none. */
static size_t named_tag_at(ts_view t, size_t at, ts_view name)
{
    size_t from = at + 1;
    from += from < t.len && t.ptr[from] == '/';
    size_t end = from + name.len;
    bool is = name.len > 0 && end < t.len && t.ptr[end] == '>' &&
              ts_view_eq_nocase(ts_view_cut(t, from, name.len), name);
    return is ? end + 1 - at : 0;
}

static size_t tag_at(ts_view t, size_t at, const ts_view *also, size_t count)
{
    static const char *const names[] = {"request",  "response", "first",  "second",
                                        "criteria", "score",    "rating", "choice",
                                        "answer",   "think",    "issues", "alternate_response"};
    size_t len = 0;
    for (size_t i = 0; i < TS_COUNT(names) && len == 0; i++)
        len = named_tag_at(t, at, ts_view_str(names[i]));
    for (size_t i = 0; i < count && len == 0; i++)
        len = named_tag_at(t, at, also[i]);
    return len;
}

void ts_prompt_add_safe(struct ts_buf *out, ts_view t, const ts_view *also, size_t count)
{
    size_t done = 0;
    for (size_t at = 0; (at = ts_text_find(t, at, TS_LIT("<"), false)) != SIZE_MAX; at++) {
        size_t len = tag_at(t, at, also, count);
        if (len == 0)
            continue;
        ts_buf_add_view(out, ts_view_cut(t, done, at - done));
        ts_buf_add_byte(out, '[');
        ts_buf_add_view(out, ts_view_cut(t, at + 1, len - 2));
        ts_buf_add_byte(out, ']');
        done = at + len;
        at = done - 1;
    }
    ts_buf_add_view(out, ts_view_from(t, done));
}

/* ---- templates ---- */

static ts_view find(ts_view name)
{
    const struct ts_prompt *p = ts_prompts;
    while (p->name && !ts_view_is(name, p->name))
        p++;
    assert(p->name);
    return p->text;
}

static void render(ts_view text, const struct ts_prompt_value *values, int words,
                   struct ts_buf *out);

static void replace(ts_view name, const struct ts_prompt_value *values, int words,
                    struct ts_buf *out)
{
    if (ts_view_is(name, "words")) {
        ts_buf_printf(out, "%d", words);
        return;
    }
    for (; values->name; values++)
        if (ts_view_is(name, values->name)) {
            if (values->as_is)
                ts_buf_add_view(out, values->text);
            else
                ts_prompt_add_safe(out, values->text, NULL, 0);
            return;
        }
}

/* Behind the closing mark of a section that is left out; a line of its own goes with it. */
static size_t skip_section(ts_view text, size_t at)
{
    const ts_view close = TS_LIT("{{/think}}");
    at = ts_text_find(text, at, close, false) + close.len;
    return at + (at < text.len && text.ptr[at] == '\n');
}

static void render(ts_view text, const struct ts_prompt_value *values, int words,
                   struct ts_buf *out)
{
    size_t done = 0;
    size_t open;
    while ((open = ts_text_find(text, done, TS_LIT("{{"), false)) != SIZE_MAX) {
        size_t close = ts_text_find(text, open, TS_LIT("}}"), false);
        ts_view name = ts_view_cut(text, open + 2, close - open - 2);
        ts_buf_add_view(out, ts_view_cut(text, done, open - done));
        done = close + 2;
        bool mark = ts_view_is(name, "#think") || ts_view_is(name, "/think");
        if (ts_view_is(name, "#think") && words == 0)
            done = skip_section(text, done);
        else if (mark)
            done += done < text.len && text.ptr[done] == '\n';
        else if (ts_view_is(name, "material"))
            render(find(name), values, words, out);
        else
            replace(name, values, words, out);
    }
    ts_buf_add_view(out, ts_view_from(text, done));
}

void ts_prompt_render(const char *name, const struct ts_prompt_value *values, int words,
                      struct ts_buf *out)
{
    render(find(ts_view_str(name)), values, words, out);
    while (out->len > 0 && out->ptr[out->len - 1] == '\n')
        out->len--;
}
