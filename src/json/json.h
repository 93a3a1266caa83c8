/* json.h - cJSON with limits and without surprises.
 * cJSON does the parsing and printing; this file adds what untrusted input needs before it gets
 * there (size, depth), what model traffic needs (NaN, lone surrogates), exact 64-bit integers, and
 * views instead of C strings. Nothing else in trustspan calls cJSON_Parse. */
#ifndef TS_JSON_JSON_H
#define TS_JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

#include <cjson/cJSON.h>

struct ts_json_limits {
    size_t max_bytes; /* longer texts are refused before they are looked at */
    int max_depth;    /* objects and lists inside each other; the outermost counts 1 */
    size_t
        max_values; /* members and items of all of them: each takes 80 bytes, or more, once parsed,
                        * and may be two bytes of the text */
};
/* 64 MiB and depth 100, and two million values: enough for any span, too little to hurt. */
extern const struct ts_json_limits ts_json_default;

/* Whole numbers up to here are the same as a double. */
#define TS_JSON_EXACT INT64_C(9007199254740992)

/* Parses the whole text. Differences from strict JSON, all on purpose (dialects §2.1): bare NaN,
 * Infinity and -Infinity are null; a lone surrogate and \u0000 are U+FFFD; invalid UTF-8 inside a
 * string is U+FFFD; integers that a double cannot hold come back as strings of their digits
 * (ts_json_int64 reads both). Trailing white space is fine, any other trailing text is an error.
 * `limits` NULL means the default. The caller frees with cJSON_Delete.
 * Errors: TS_INVALID_ARGUMENT with the byte offset; TS_RESOURCE_EXHAUSTED when over a limit. */
cJSON *ts_json_parse(ts_view text, const struct ts_json_limits *limits, struct ts_err *err);

/* What ts_json_parse takes, as JSON that everybody takes: the text itself when it is that already, else
 * printed anew into the arena. The empty view when it is no JSON at all. */
ts_view ts_json_clean(struct ts_arena *arena, ts_view text);

/* True when the text opens an object or list and ends before that closes, and is good JSON up to
 * there: a value that somebody cut (dialects §11.8). A trailing "..." is taken off first. */
bool ts_json_is_cut(ts_view text);

/* Member of an object; NULL when `object` is NULL, no object, or has no such key. Exact case. */
const cJSON *ts_json_get(const cJSON *object, const char *key);
/* Member `a.b.c` through nested objects; NULL when any step is missing. */
const cJSON *ts_json_path(const cJSON *object, const char *dotted);

/* The string's bytes, valid as long as the tree; the empty view when it is no string. */
ts_view ts_json_text(const cJSON *item);
/* Number or decimal string; false when neither, or not a whole number that fits. */
bool ts_json_int64(const cJSON *item, int64_t *out);
/* Number, or the strings NaN/Infinity/-Infinity/a number; false otherwise. */
bool ts_json_double(const cJSON *item, double *out);
/* JSON true/false; false for everything else. */
bool ts_json_true(const cJSON *item);

/* Compact text: no white space, non-ASCII as it is. The arena owns it. */
ts_view ts_json_print(struct ts_arena *arena, const cJSON *item);
/* The same, appended to a buffer. */
bool ts_json_append(struct ts_buf *out, const cJSON *item);
/* Appends a quoted, escaped JSON string; invalid UTF-8 becomes U+FFFD. */
bool ts_json_append_text(struct ts_buf *out, ts_view text);
/* Appends a number that reads back to the same double; non-finite values as null. */
bool ts_json_append_double(struct ts_buf *out, double value);

/* Strings for cJSON from views (copied; invalid UTF-8 repaired). */
cJSON *ts_json_new_text(ts_view text);
/* object[key] = text, only when text is not empty. */
void ts_json_add_text(cJSON *object, const char *key, ts_view text);

#endif
