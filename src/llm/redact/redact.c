/* redact.c - patterns compiled once, texts searched with each in turn.
 * A match is replaced where it stands; of two that overlap the pattern that stands first in the list
 * has it. Matching is bounded (PCRE2's match limit), so no expression can stop the stream. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "llm/redact/redact.h"

#include "json/json.h"
#include "llm/redact/internal.h"
#include "llm/redact/patterns.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    MOST_STEPS = 100000, /* of backtracking from one place */
    MOST_NESTED = 4,     /* JSON in a string in JSON */
};

struct pattern {
    char *name;
    pcre2_code *code;
    size_t (*check)(ts_view match);
    _Atomic uint64_t matches;
};

struct ts_redactor {
    pcre2_match_context *limits;
    size_t count;
    struct pattern patterns[];
};

#define FAILED TS_LIT("[redaction failed]")

/* ---- making one ---- */

static bool is_name(const char *name)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (!isalnum((unsigned char)name[n]) && name[n] != '_' && name[n] != '-')
            return false;
    return n > 0 && n <= 64;
}

static bool matches_nothing(const struct ts_redactor *r, const struct pattern *p)
{
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(p->code, NULL);
    bool does = pcre2_match(p->code, (PCRE2_SPTR) "", 0, 0, 0, found, r->limits) >= 0;
    pcre2_match_data_free(found);
    return does;
}

static bool add(struct ts_redactor *r, const char *name, const char *regex,
                size_t (*check)(ts_view), struct ts_err *err)
{
    int code;
    size_t at;
    struct pattern *p = &r->patterns[r->count++];
    p->name = ts_strdup(name);
    p->check = check;
    p->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &at, NULL);
    if (!p->code) {
        char why[160] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%.60s': the expression does not compile at byte %zu: %s", name, at, why);
    }
    if (matches_nothing(r, p))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%.60s': the expression matches the empty text; make it match something",
                       name);
    pcre2_jit_compile(p->code,
                      PCRE2_JIT_COMPLETE); /* where there is none it is slower, not wrong */
    return true;
}

static bool add_known(struct ts_redactor *r, const char *name, struct ts_err *err)
{
    struct ts_buf known = TS_BUF_INIT;
    for (const struct ts_redact_pattern *k = ts_redact_patterns; k->name; k++) {
        if (strcmp(k->name, name) == 0) {
            ts_buf_release(&known);
            return add(r, k->name, k->regex, k->check, err);
        }
        ts_buf_printf(&known, "%s%s", known.len ? ", " : "", k->name);
    }
    ts_fail(err, TS_INVALID_ARGUMENT, "'%.60s' is no pattern; known are %s", name,
            ts_buf_cstr(&known));
    ts_buf_release(&known);
    return false;
}

static bool add_own(struct ts_redactor *r, const struct ts_redact_own *own, struct ts_err *err)
{
    if (!is_name(own->name))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%.60s' is no name for a pattern; use letters, digits, '_' and '-'",
                       own->name);
    return add(r, own->name, own->regex ? own->regex : "", NULL, err);
}

struct ts_redactor *ts_redactor_new(const char *const *names, size_t name_count,
                                    const struct ts_redact_own *own, size_t own_count,
                                    struct ts_err *err)
{
    if (name_count + own_count == 0)
        return NULL;
    struct ts_redactor *r = ts_alloc(sizeof *r + (name_count + own_count) * sizeof r->patterns[0]);
    bool ok = true;
    r->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(r->limits, MOST_STEPS);
    for (size_t i = 0; ok && i < name_count; i++)
        ok = add_known(r, names[i], err);
    for (size_t i = 0; ok && i < own_count; i++)
        ok = add_own(r, &own[i], err);
    if (ok)
        return r;
    ts_redactor_free(r);
    return NULL;
}

void ts_redactor_free(struct ts_redactor *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        pcre2_code_free(r->patterns[i].code);
        free(r->patterns[i].name);
    }
    pcre2_match_context_free(r->limits);
    free(r);
}

size_t ts_redactor_count(const struct ts_redactor *r)
{
    return r->count;
}

const char *ts_redactor_name(const struct ts_redactor *r, size_t i)
{
    return r->patterns[i].name;
}

uint64_t ts_redactor_matches(const struct ts_redactor *r, size_t i)
{
    return atomic_load(&r->patterns[i].matches);
}

/* ---- searching ---- */

static int by_place(const void *a, const void *b)
{
    const struct ts_redact_range *x = a;
    const struct ts_redact_range *y = b;
    return (x->from > y->from) - (x->from < y->from); /* none overlaps another */
}

/* The matches of the patterns before, from left to right, while those of one are found, which come so, too. */
struct taken {
    const struct ts_redact_range *next, *end;
};

/* Is any byte of it another pattern's already? */
static bool is_taken(struct taken *t, size_t from, size_t to)
{
    while (t->next < t->end && t->next->to <= from)
        t->next++;
    return t->next < t->end && t->next->from < to;
}

static void add_range(struct ts_arena *arena, struct ts_redact_ranges *ranges,
                      struct ts_redact_range range)
{
    ranges->items = ts_arena_more(arena, ranges->items, ranges->count, &ranges->room, sizeof range);
    ranges->items[ranges->count++] = range;
}

/* Adds the matches of one pattern. */
static bool search(const struct ts_redactor *r, struct ts_arena *arena, size_t pattern,
                   ts_view text, struct ts_redact_ranges *ranges)
{
    const struct pattern *p = &r->patterns[pattern];
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(p->code, NULL);
    const size_t *ends = pcre2_get_ovector_pointer(found);
    struct ts_redact_ranges before = *ranges; /* stays as it is when the list grows */
    struct taken taken = {before.items, before.count ? before.items + before.count : NULL};
    size_t at = 0;
    int got = 0;
    while (at < text.len) {
        got = pcre2_match(p->code, text.ptr, text.len, at, 0, found, r->limits);
        if (got == PCRE2_ERROR_JIT_STACKLIMIT)
            got = pcre2_match(p->code, text.ptr, text.len, at, PCRE2_NO_JIT, found, r->limits);
        if (got < 0)
            break;
        size_t from = ends[0];
        size_t len = ends[1] > from ? ends[1] - from : 0;
        if (len > 0 && p->check)
            len = p->check(ts_view_cut(text, from, len));
        if (len > 0 && !is_taken(&taken, from, from + len))
            add_range(arena, ranges, (struct ts_redact_range){from, from + len, pattern});
        at = len > 0 ? from + len : ends[1] > from ? ends[1] : from + 1;
    }
    pcre2_match_data_free(found);
    if (ranges->count > before.count && before.count > 0)
        qsort(ranges->items, ranges->count, sizeof *ranges->items, by_place);
    return got >= 0 || got == PCRE2_ERROR_NOMATCH;
}

bool ts_redact_find(const struct ts_redactor *r, struct ts_arena *arena, ts_view text,
                    struct ts_redact_ranges *out)
{
    *out = (struct ts_redact_ranges){0};
    for (size_t i = 0; i < r->count; i++)
        if (!search(r, arena, i, text, out))
            return false;
    return true;
}

void ts_redact_put(struct ts_redactor *r, const struct ts_redact_range *range, struct ts_buf *out)
{
    atomic_fetch_add(&r->patterns[range->pattern].matches, 1);
    ts_buf_printf(out, "[%s]", r->patterns[range->pattern].name);
}

/* ---- plain text ---- */

static ts_view replaced(struct ts_redactor *r, struct ts_arena *arena, ts_view text,
                        const struct ts_redact_ranges *ranges)
{
    struct ts_buf out = TS_BUF_INIT;
    size_t at = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        ts_buf_add_view(&out, ts_view_cut(text, at, ranges->items[i].from - at));
        ts_redact_put(r, &ranges->items[i], &out);
        at = ranges->items[i].to;
    }
    ts_buf_add_view(&out, ts_view_from(text, at));
    ts_view copy = ts_arena_copy(arena, ts_buf_view(&out));
    ts_buf_release(&out);
    return copy;
}

static bool redact_plain(struct ts_redactor *r, struct ts_arena *arena, ts_view text, ts_view *out)
{
    struct ts_redact_ranges ranges;
    *out = FAILED;
    if (!ts_redact_find(r, arena, text, &ranges))
        return false;
    *out = ranges.count ? replaced(r, arena, text, &ranges) : text;
    return true;
}

/* ---- JSON text ---- */

static bool may_be_json(ts_view text)
{
    ts_view inner = ts_view_trim(text);
    return inner.len > 1 && (inner.ptr[0] == '{' || inner.ptr[0] == '[');
}

static bool redact_nested(struct ts_redactor *r, struct ts_arena *arena, ts_view text, int nested,
                          ts_view *out);

struct walk {
    struct ts_redactor *redactor;
    struct ts_arena *arena;
    int nested;
    bool changed, failed;
};

static ts_view redact_leaf(struct walk *w, ts_view text)
{
    ts_view now;
    if (!redact_nested(w->redactor, w->arena, text, w->nested, &now))
        w->failed = true;
    w->changed = w->changed || now.ptr != text.ptr;
    return now;
}

static void redact_key(struct walk *w, cJSON *item)
{
    ts_view key = ts_view_str(item->string);
    ts_view now = redact_leaf(w, key);
    if (now.ptr == key.ptr)
        return;
    char *copy = cJSON_malloc(now.len + 1);
    memcpy(copy, now.ptr, now.len);
    copy[now.len] = '\0';
    cJSON_free(item->string);
    item->string = copy;
}

/* A whole number becomes text where it is a match as it stands. */
static void redact_number(struct walk *w, cJSON *item)
{
    struct ts_buf digits = TS_BUF_INIT;
    ts_json_append(&digits, item);
    ts_view text = ts_arena_copy(w->arena, ts_buf_view(&digits));
    ts_view now = redact_leaf(w, text);
    ts_buf_release(&digits);
    if (now.ptr == text.ptr)
        return;
    item->type = (item->type & ~0xff) | cJSON_String;
    item->valuestring = cJSON_malloc(now.len + 1);
    memcpy(item->valuestring, now.ptr, now.len);
    item->valuestring[now.len] = '\0';
}

static void redact_item(struct walk *w, cJSON *item)
{
    if (item->string)
        redact_key(w, item);
    if (cJSON_IsNumber(item)) {
        redact_number(w, item);
    } else if (cJSON_IsString(item)) {
        ts_view text = ts_json_text(item);
        ts_view now = redact_leaf(w, text);
        if (now.ptr != text.ptr)
            cJSON_SetValuestring(item, (const char *)now.ptr);
    }
    for (cJSON *child = item->child; child; child = child->next)
        redact_item(w, child);
}

static bool redact_json(struct ts_redactor *r, struct ts_arena *arena, cJSON *tree, ts_view text,
                        int nested, ts_view *out)
{
    struct walk w = {r, arena, nested + 1, false, false};
    redact_item(&w, tree);
    *out = w.changed ? ts_json_print(arena, tree) : text;
    return !w.failed;
}

/* Without an escape in it, what matches nowhere in the text matches in none of its strings. */
static bool is_clean(const struct ts_redactor *r, struct ts_arena *arena, ts_view text)
{
    struct ts_redact_ranges ranges;
    return ts_view_find(text, TS_LIT("\\")) == SIZE_MAX &&
           ts_redact_find(r, arena, text, &ranges) && ranges.count == 0;
}

static bool redact_nested(struct ts_redactor *r, struct ts_arena *arena, ts_view text, int nested,
                          ts_view *out)
{
    *out = text;
    if (text.len == 0)
        return true;
    cJSON *tree = NULL;
    if (nested < MOST_NESTED && may_be_json(text)) {
        if (is_clean(r, arena, text))
            return true;
        tree = ts_json_parse(text, NULL, &(struct ts_err){0});
    }
    bool ok =
        tree ? redact_json(r, arena, tree, text, nested, out) : redact_plain(r, arena, text, out);
    cJSON_Delete(tree);
    return ok;
}

bool ts_redact_text(struct ts_redactor *r, struct ts_arena *arena, ts_view text, ts_view *out)
{
    return redact_nested(r, arena, text, 0, out);
}
