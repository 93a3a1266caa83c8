/* redact.h - what must not leave the machine stands as the name of its kind: "[email]".
 * Patterns are those that we know by name and regular expressions of the user's own (PCRE2). What a
 * check digit can tell is checked, so that not every long number is a card. */
#ifndef TS_LLM_REDACT_REDACT_H
#define TS_LLM_REDACT_REDACT_H

#include "llm/llm.h"

struct ts_redactor;

/* A regular expression of the user's; its matches become "[name]". */
struct ts_redact_own {
    const char *name; /* letters, digits, '_' and '-' */
    const char *regex;
};

/* `names`: of patterns that we know; `own` come after them. Both may be empty: NULL is returned then,
 * without an error. NULL with err INVALID_ARGUMENT: an unknown name, an expression that does not
 * compile, or one that matches nothing at all. Thread: any; a redactor may be shared by threads. */
struct ts_redactor *ts_redactor_new(const char *const *names, size_t name_count,
                                    const struct ts_redact_own *own, size_t own_count,
                                    struct ts_err *err);
void ts_redactor_free(struct ts_redactor *redactor); /* NULL is fine */

/* Its patterns: what they are called, how many matches each has replaced since the start. */
size_t ts_redactor_count(const struct ts_redactor *redactor);
const char *ts_redactor_name(const struct ts_redactor *redactor, size_t i);
uint64_t ts_redactor_matches(const struct ts_redactor *redactor, size_t i);

/* The text with every match replaced; the text itself when there is none. JSON text stays JSON: its
 * strings, keys and whole numbers are looked at one by one, JSON inside a string too. False, with
 * "[redaction failed]" in *out: a pattern gave up on this text (its backtracking has a limit). What is
 * new belongs to the arena. Thread: any. */
bool ts_redact_text(struct ts_redactor *redactor, struct ts_arena *arena, ts_view text,
                    ts_view *out);

/* All text of a record that a scorer may see: messages, answers, tool calls and definitions,
 * documents, schema, the recorded tokens. False: a text could not be redacted and stands as
 * "[redaction failed]". */
bool ts_redact_record(struct ts_redactor *redactor, struct ts_arena *arena, struct ts_llm *llm);

/* A span's bytes with the text in the values of its attributes, its events and links, and in its status
 * message redacted. False: nothing in it changes, and `out` is empty. */
bool ts_redact_span(struct ts_redactor *redactor, struct ts_arena *arena, ts_view span,
                    struct ts_buf *out);

#endif
