/* json.c - checks and repairs in front of cJSON, readers and printers behind it.
 * One pass over the text finds its depth and whether anything needs repair; only a text that does
 * is copied. */
#include "json/json.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct ts_json_limits ts_json_default = {64u << 20, 100, 2000000};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* ---- one look at the text ---- */

struct look {
    ts_view text;
    size_t at;
    int depth, max_depth;
    size_t values, max_values; /* no fewer than there are, and hardly more */
    bool repair;               /* something that cJSON would not take, or would spoil */
    bool wide;                 /* an integer that a double cannot hold */
    bool strict;               /* loose is asked for in strings, too */
    bool loose;                /* something that cJSON takes and others may not */
    bool closed;               /* the outermost value has ended */
};

static int hex4(ts_view t, size_t at)
{
    int value = 0;
    for (size_t i = at; i < at + 4; i++) {
        if (i >= t.len)
            return -1;
        uint8_t c = t.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Is the \uXXXX at `at` (the backslash) one half of a pair, or NUL? *size is what stands there. */
static bool bad_escape(ts_view t, size_t at, size_t *size)
{
    int unit = hex4(t, at + 2);
    *size = 6;
    if (unit == 0)
        return true;
    if (unit < 0xD800 || unit > 0xDFFF)
        return false;
    bool low_follows = unit < 0xDC00 && at + 7 < t.len && t.ptr[at + 6] == '\\' &&
                       t.ptr[at + 7] == 'u' && hex4(t, at + 8) >= 0xDC00 &&
                       hex4(t, at + 8) <= 0xDFFF;
    if (low_follows)
        *size = 12;
    return !low_follows;
}

/* Position of the next `byte` from `at` on; `end`, where there is none before it. */
static size_t find_byte(ts_view t, size_t at, size_t end, char byte)
{
    const uint8_t *found = at < end ? memchr(t.ptr + at, byte, end - at) : NULL;
    return found ? (size_t)(found - t.ptr) : end;
}

/* From behind the opening quote to behind the closing one. False: it does not close. */
static bool skip_string(struct look *l)
{
    ts_view t = l->text;
    size_t start = l->at;
    size_t quote = find_byte(t, start, t.len, '"');
    size_t escape = find_byte(t, start, quote, '\\');
    while (escape < quote) {
        size_t size = 2;
        if (escape + 1 < t.len && t.ptr[escape + 1] == 'u' && bad_escape(t, escape, &size))
            l->repair = true;
        if (escape + size > quote) /* it was an escaped one */
            quote = find_byte(t, escape + size, t.len, '"');
        escape = find_byte(t, escape + size, quote, '\\');
    }
    l->at = quote < t.len ? quote + 1 : t.len;
    l->repair = l->repair || !ts_utf8_valid(ts_view_cut(t, start, quote - start));
    for (size_t i = start; l->strict && !l->loose && i < quote; i++)
        l->loose = t.ptr[i] < 0x20;
    return quote < t.len;
}

static bool is_number_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Length of a number's spelling; *wide: whole, and more digits than a double keeps. */
static size_t number_size(ts_view t, size_t at, bool *wide)
{
    size_t digits = 0;
    bool whole = true;
    size_t i = at;
    for (; i < t.len && is_number_char(t.ptr[i]); i++) {
        digits += t.ptr[i] >= '0' && t.ptr[i] <= '9';
        whole = whole && t.ptr[i] != '.' && t.ptr[i] != 'e' && t.ptr[i] != 'E';
    }
    *wide = whole && digits > 15;
    return i - at;
}

/* Spelled as RFC 8259 §6 has it: no leading zero, digits on both sides of the point. */
static bool is_number(ts_view t)
{
    size_t at = t.len > 0 && t.ptr[0] == '-';
    for (int part = 0; part < 3; part++) { /* whole, fraction, exponent */
        static const char *const heads[] = {"", ".", "eE"};
        if (part > 0 && (at == t.len || !strchr(heads[part], t.ptr[at])))
            continue;
        at += part > 0;
        if (part == 2 && at < t.len && (t.ptr[at] == '+' || t.ptr[at] == '-'))
            at++;
        size_t start = at;
        while (at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9')
            at++;
        if (at == start || (part == 0 && t.ptr[start] == '0' && at > start + 1))
            return false;
    }
    return at == t.len;
}

/* Length of a bare word that JSON does not know but writers use; 0: none here. */
static size_t odd_word(ts_view t, size_t at)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < TS_COUNT(words); i++)
        if (ts_view_starts(ts_view_from(t, at), ts_view_str(words[i])))
            return strlen(words[i]);
    return 0;
}

static bool look_at(struct look *l)
{
    ts_view t = l->text;
    while (l->at < t.len && !l->closed) {
        uint8_t c = t.ptr[l->at];
        bool wide = false;
        size_t odd;
        if (c == '"') {
            l->at++;
            if (!skip_string(l))
                return false;
            l->closed = l->depth == 0;
        } else if (c == '{' || c == '[') {
            l->at++;
            if (++l->depth > l->max_depth || ++l->values > l->max_values)
                return false;
        } else if (c == '}' || c == ']') {
            l->at++;
            l->closed = --l->depth <= 0;
        } else if ((odd = odd_word(t, l->at)) > 0) {
            l->repair = true;
            l->at += odd;
        } else if (is_number_char(c) && c != 'e') { /* true, false: letters of a word */
            size_t size = number_size(t, l->at, &wide);
            l->wide = l->wide || wide;
            l->loose = l->loose || !is_number(ts_view_cut(t, l->at, size));
            l->at += size;
        } else if (c == ',') {
            l->at++;
            if (++l->values > l->max_values)
                return false;
        } else { /* cJSON takes any control character for a space, and skips a byte order mark */
            l->loose = l->loose || (c < 0x20 && !is_space(c)) || c >= 0x80;
            l->at++;
        }
    }
    return true;
}

/* ---- repair: the same walk, writing ---- */

static void repair_string(ts_view t, size_t *at, struct ts_buf *out)
{
    size_t start = *at; /* at the opening quote */
    size_t i = start + 1;
    struct ts_buf raw = TS_BUF_INIT;
    while (i < t.len && t.ptr[i] != '"') {
        size_t size = 1;
        if (t.ptr[i] != '\\') {
            ts_buf_add_byte(&raw, t.ptr[i]);
        } else if (i + 1 < t.len && t.ptr[i + 1] == 'u' && bad_escape(t, i, &size)) {
            ts_buf_add_str(&raw, "\\ufffd");
        } else {
            size = size > 2 ? size : 2;
            ts_buf_add_view(&raw, ts_view_cut(t, i, size));
        }
        i += size;
    }
    ts_buf_add_byte(out, '"');
    ts_utf8_append_repaired(out, ts_buf_view(&raw));
    ts_buf_add_byte(out, '"');
    ts_buf_release(&raw);
    *at = i + 1;
}

static void repair(ts_view t, struct ts_buf *out)
{
    for (size_t at = 0; at < t.len;) {
        uint8_t c = t.ptr[at];
        bool wide = false;
        size_t size;
        if (c == '"') {
            repair_string(t, &at, out);
        } else if ((size = odd_word(t, at)) > 0) {
            ts_buf_add_str(out, "null");
            at += size;
        } else if (is_number_char(c)) {
            size = number_size(t, at, &wide);
            if (wide)
                ts_buf_add_byte(out, '"');
            ts_buf_add_view(out, ts_view_cut(t, at, size));
            if (wide)
                ts_buf_add_byte(out, '"');
            at += size;
        } else {
            ts_buf_add_byte(out, c);
            at++;
        }
    }
}

/* ---- parsing ---- */

static cJSON *parse_clean(ts_view text, struct ts_err *err)
{
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts((const char *)text.ptr, text.len, &end, false);
    size_t at = end ? (size_t)(end - (const char *)text.ptr) : 0;
    while (tree && at < text.len && is_space(text.ptr[at]))
        at++;
    if (tree && at == text.len)
        return tree;
    cJSON_Delete(tree);
    ts_fail(err, TS_INVALID_ARGUMENT, "not JSON at byte %zu", at);
    return NULL;
}

/* Parses l->text, and leaves in `l` what was seen on the way. */
static cJSON *parse(struct look *l, const struct ts_json_limits *limits, struct ts_err *err)
{
    ts_view text = l->text;
    if (text.len > limits->max_bytes) {
        ts_fail(err, TS_RESOURCE_EXHAUSTED, "JSON of %zu bytes is over the limit of %zu", text.len,
                limits->max_bytes);
        return NULL;
    }
    l->max_depth = limits->max_depth;
    l->max_values = limits->max_values;
    if (!look_at(l)) {
        if (l->values > l->max_values)
            ts_fail(err, TS_RESOURCE_EXHAUSTED, "JSON has more than %zu values at byte %zu",
                    l->max_values, l->at);
        else if (l->depth > l->max_depth)
            ts_fail(err, TS_RESOURCE_EXHAUSTED, "JSON is nested deeper than %d at byte %zu",
                    l->max_depth, l->at);
        else
            ts_fail(err, TS_INVALID_ARGUMENT, "not JSON at byte %zu: a string does not end", l->at);
        return NULL;
    }
    if (!l->repair && !l->wide)
        return parse_clean(text, err);
    struct ts_buf clean = TS_BUF_INIT;
    repair(text, &clean);
    cJSON *tree = parse_clean(ts_buf_view(&clean), err);
    ts_buf_release(&clean);
    return tree;
}

cJSON *ts_json_parse(ts_view text, const struct ts_json_limits *limits, struct ts_err *err)
{
    struct look l = {.text = text};
    return parse(&l, limits ? limits : &ts_json_default, err);
}

ts_view ts_json_clean(struct ts_arena *arena, ts_view text)
{
    struct look l = {.text = text, .strict = true};
    cJSON *tree = parse(&l, &ts_json_default, NULL);
    ts_view clean = TS_NOTHING;
    if (tree)
        clean = l.repair || l.loose ? ts_json_print(arena, tree) : text;
    cJSON_Delete(tree);
    return clean;
}

/* A prefix of good JSON, and nothing wrong before its end: closing what is open makes it parse,
 * once the unfinished last token is taken off. */
bool ts_json_is_cut(ts_view text)
{
    text = ts_view_trim(text);
    if (ts_view_ends(text, TS_LIT("...")))
        text.len -= 3;
    if (text.len == 0 || (text.ptr[0] != '{' && text.ptr[0] != '['))
        return false;
    enum { DEEPEST = 100 };
    char open[DEEPEST];
    int depth = 0;
    enum { VALUE, KEY, COLON, COMMA } want = VALUE; /* what may come next */
    bool first = false;                             /* right behind an opening bracket */
    struct look l = {.text = text, .max_depth = DEEPEST};
    while (l.at < text.len) {
        uint8_t c = text.ptr[l.at];
        bool wide;
        if (is_space(c)) {
            l.at++;
            continue;
        }
        if (depth == 0 && l.at > 0)
            return false; /* it closed, and more follows */
        if (c == '"' && (want == VALUE || want == KEY)) {
            l.at++;
            if (!skip_string(&l))
                return true;
            want = want == KEY ? COLON : COMMA;
        } else if ((c == '{' || c == '[') && want == VALUE) {
            if (depth == DEEPEST)
                return false;
            open[depth++] = (char)c;
            want = c == '{' ? KEY : VALUE;
            first = true;
            l.at++;
            continue;
        } else if ((c == '}' || c == ']') && depth > 0 && (want == COMMA || first) &&
                   open[depth - 1] == (c == '}' ? '{' : '[')) {
            depth--;
            want = COMMA;
            l.at++;
        } else if (c == ':' && want == COLON) {
            want = VALUE;
            l.at++;
        } else if (c == ',' && want == COMMA) {
            want = open[depth - 1] == '{' ? KEY : VALUE;
            l.at++;
        } else if (want == VALUE && is_number_char(c)) {
            l.at += number_size(text, l.at, &wide);
            want = COMMA;
        } else if (want == VALUE) {
            static const char *const words[] = {"true", "false", "null", "NaN", "Infinity"};
            ts_view rest = ts_view_from(text, l.at);
            size_t size = 0;
            for (size_t i = 0; i < TS_COUNT(words) && !size; i++) {
                ts_view word = ts_view_str(words[i]);
                if (ts_view_starts(rest, word))
                    size = word.len;
                else if (ts_view_starts(word, rest)) /* the word itself is cut */
                    return true;
            }
            if (!size)
                return false;
            l.at += size;
            want = COMMA;
        } else {
            return false;
        }
        first = false;
    }
    return depth > 0;
}

/* ---- reading ---- */

const cJSON *ts_json_get(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const cJSON *ts_json_path(const cJSON *object, const char *dotted)
{
    char key[128];
    while (object && *dotted) {
        size_t n = strcspn(dotted, ".");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, dotted, n);
        key[n] = '\0';
        object = ts_json_get(object, key);
        dotted += n + (dotted[n] == '.');
    }
    return object;
}

ts_view ts_json_text(const cJSON *item)
{
    return cJSON_IsString(item) ? ts_view_str(item->valuestring) : TS_NOTHING;
}

bool ts_json_int64(const cJSON *item, int64_t *out)
{
    if (cJSON_IsString(item))
        return ts_view_to_int64(ts_json_text(item), out);
    if (!cJSON_IsNumber(item))
        return false;
    double d = item->valuedouble;
    if (d != floor(d) || fabs(d) > (double)TS_JSON_EXACT)
        return false;
    *out = (int64_t)d;
    return true;
}

bool ts_json_double(const cJSON *item, double *out)
{
    if (cJSON_IsNumber(item)) {
        *out = item->valuedouble;
        return true;
    }
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0' ||
        is_space((uint8_t)item->valuestring[0]))
        return false;
    char *end;
    *out = strtod(item->valuestring, &end);
    return *end == '\0';
}

bool ts_json_true(const cJSON *item)
{
    return cJSON_IsTrue(item);
}

/* ---- printing ---- */

bool ts_json_append(struct ts_buf *out, const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);
    if (!text)
        return false;
    bool ok = ts_buf_add_str(out, text);
    cJSON_free(text);
    return ok;
}

ts_view ts_json_print(struct ts_arena *arena, const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);
    ts_view copy = ts_arena_copy(arena, ts_view_str(text));
    cJSON_free(text);
    return copy;
}

static void append_escaped(struct ts_buf *out, ts_view text)
{
    size_t plain = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        ts_buf_add_view(out, ts_view_cut(text, plain, i - plain));
        plain = i + 1;
        static const char named[] = {'"',  '"', '\\', '\\', '\n', 'n', '\r', 'r',
                                     '\t', 't', '\b', 'b',  '\f', 'f', 0};
        const char *n = named;
        while (*n && (uint8_t)*n != c)
            n += 2;
        if (*n)
            ts_buf_printf(out, "\\%c", n[1]);
        else
            ts_buf_printf(out, "\\u%04x", c);
    }
    ts_buf_add_view(out, ts_view_from(text, plain));
}

bool ts_json_append_text(struct ts_buf *out, ts_view text)
{
    ts_buf_add_byte(out, '"');
    if (ts_utf8_valid(text)) {
        append_escaped(out, text);
    } else {
        struct ts_buf good = TS_BUF_INIT;
        ts_utf8_append_repaired(&good, text);
        append_escaped(out, ts_buf_view(&good));
        ts_buf_release(&good);
    }
    return ts_buf_add_byte(out, '"');
}

bool ts_json_append_double(struct ts_buf *out, double value)
{
    if (!isfinite(value))
        return ts_buf_add_str(out, "null");
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return ts_buf_add_str(out, text);
}

cJSON *ts_json_new_text(ts_view text)
{
    struct ts_buf good = TS_BUF_INIT;
    ts_utf8_append_repaired(&good, text);
    for (size_t i = 0; i < good.len; i++)
        if (good.ptr[i] == '\0') /* a C string ends here; a space keeps the rest */
            good.ptr[i] = ' ';
    cJSON *item = cJSON_CreateString(ts_buf_cstr(&good));
    ts_buf_release(&good);
    return item;
}

void ts_json_add_text(cJSON *object, const char *key, ts_view text)
{
    if (text.len > 0)
        cJSON_AddItemToObject(object, key, ts_json_new_text(text));
}
