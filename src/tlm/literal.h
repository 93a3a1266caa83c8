/* literal.h - values in Python's notation.
 * The reference reads structured answers as Python literals and prints them as such (§8.1, §8.3,
 * D20); `compat: reference` has to do the same. JSON is read, too: the two differ in the words true,
 * false and null, and in quotes. */
#ifndef TS_TLM_LITERAL_H
#define TS_TLM_LITERAL_H

#include "base/arena.h"
#include "base/buf.h"

enum ts_literal_kind {
    TS_LITERAL_WORD,
    TS_LITERAL_NUMBER,
    TS_LITERAL_TEXT,
    TS_LITERAL_LIST,
    TS_LITERAL_TUPLE,
    TS_LITERAL_DICT
};

struct ts_literal {
    enum ts_literal_kind kind;
    ts_view text; /* TEXT: its value; NUMBER: as written; WORD: "True", "False", "None" */
    ts_view key;  /* in a DICT */
    size_t place; /* in the text, of its end */
    struct ts_literal *first, *next;
};

/* `json_words` (may be NULL) is set when true, false or null occurred, which Python would refuse.
 * NULL: neither notation, or nested deeper than 100. */
const struct ts_literal *ts_literal_read(struct ts_arena *arena, ts_view in, bool *json_words);
/* str() of the value: a text as it is, all else as repr() prints it. */
ts_view ts_literal_print(struct ts_arena *arena, const struct ts_literal *value);
/* Compact JSON with sorted keys, nothing escaped that need not be (D20). */
ts_view ts_literal_canonical(struct ts_arena *arena, const struct ts_literal *value);
/* Member of a dict; NULL: no dict, or no such key. */
const struct ts_literal *ts_literal_get(const struct ts_literal *dict, const char *key);

#endif
