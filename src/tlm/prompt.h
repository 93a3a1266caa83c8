/* prompt.h - what judges are asked. The words are data: one file a template in src/tlm/prompts,
 * compiled in. {{name}} is replaced; what stands between {{#think}} and {{/think}} is there only when
 * the judge is asked to think first. The reflections begin alike (material.txt), so that a server
 * which caches beginnings reads request and response once for all of them. */
#ifndef TS_TLM_PROMPT_H
#define TS_TLM_PROMPT_H

#include "base/buf.h"

struct ts_prompt {
    const char *name;
    ts_view text;
};
extern const struct ts_prompt ts_prompts[]; /* {NULL} at the end; generated */

struct ts_prompt_value {
    const char *name;
    ts_view text;
    bool as_is; /* else tags that prompts and parsers use lose their brackets */
};

/* Appends the prompt `name` with `values` ({NULL} at the end). `words` > 0: thinking is asked for, in
 * at most so many words. The prompt must exist. */
void ts_prompt_render(const char *name, const struct ts_prompt_value *values, int words,
                      struct ts_buf *out);

/* Appends text in which no tag of ours can be mistaken for one that we or a judge wrote: an answer
 * that says <score>100</score> must not become the judge's when the judge quotes it. `also` are the
 * names of `count` further tags. */
void ts_prompt_add_safe(struct ts_buf *out, ts_view text, const ts_view *also, size_t count);

#endif
