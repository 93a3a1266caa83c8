/* secrets.c - a list that only grows, read without a lock, and the search for what is in it.
 * Errors are masked by it, so it stands below them and below all that reports one (base/buf.h). */
#include "base/secrets.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SHORTEST = 6, SHORTEST_PART = 8 };
#define REDACTED TS_LIT("[REDACTED]")

struct secret {
    struct secret *next;
    bool expanded; /* out of ${…}, and perhaps no credential */
    ts_view value, shown;
};

/* Those of the process; nothing is ever taken out. */
static _Atomic(struct secret *) known;

/* There is nothing better to do than to end: a secret that is not listed would be shown. */
static void *memory(size_t size)
{
    void *ptr = malloc(size);
    if (!ptr)
        abort();
    return ptr;
}

/* ---- the list ---- */

static struct secret *secret_new(ts_view value, ts_view shown, bool expanded)
{
    struct secret *s = memory(sizeof *s + value.len + shown.len);
    uint8_t *text = (uint8_t *)(s + 1);
    memcpy(text, value.ptr, value.len);
    memcpy(text + value.len, shown.ptr, shown.len);
    s->expanded = expanded;
    s->value = ts_view_of(text, value.len);
    s->shown = ts_view_of(text + value.len, shown.len);
    return s;
}

static bool is_listed(const struct secret *first, ts_view value, bool expanded)
{
    for (; first; first = first->next)
        if (first->expanded == expanded && ts_view_eq(first->value, value))
            return true;
    return false;
}

static void list(_Atomic(struct secret *) *first, ts_view value, ts_view shown, bool expanded)
{
    value = ts_view_trim(value);
    if (value.len < SHORTEST || is_listed(atomic_load(first), value, expanded))
        return;
    struct secret *s = secret_new(value, shown, expanded);
    s->next = atomic_load(first);
    while (!atomic_compare_exchange_weak(first, &s->next, s))
        continue;
}

/* ---- the forms of a credential ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without padding. `web`: with - and _. */
static ts_view to_base64(ts_view v, bool web, uint8_t *out)
{
    size_t n = (v.len * 8 + 5) / 6;
    for (size_t i = 0; i < n; i++) {
        size_t at = i * 6 / 8; /* the byte in which these six bits begin */
        unsigned next = at + 1 < v.len ? v.ptr[at + 1] : 0;
        unsigned bits = (unsigned)v.ptr[at] << 8 | next;
        char c = digits[bits >> (10 - i * 6 % 8) & 63];
        out[i] = (uint8_t)(web && c == '+' ? '-' : web && c == '/' ? '_' : c);
    }
    return ts_view_of(out, n);
}

/* Empty when it is none. `out` has room for v.len bytes. */
static ts_view from_base64(ts_view v, uint8_t *out)
{
    unsigned bits = 0;
    int count = 0;
    size_t n = 0;
    for (size_t i = 0; i < v.len && v.ptr[i] != '='; i++) {
        const char *at = v.ptr[i] ? strchr(digits, v.ptr[i]) : NULL;
        if (!at)
            return TS_NOTHING;
        bits = bits << 6 | (unsigned)(at - digits);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[n++] = (uint8_t)(bits >> count);
        }
    }
    return ts_view_of(out, n);
}

static void list_forms(_Atomic(struct secret *) *first, ts_view value)
{
    uint8_t *text = memory(value.len * 2 + 1);
    list(first, value, REDACTED, false);
    for (int web = 0; web < 2; web++) {
        ts_view encoded = to_base64(value, web == 1, text);
        list(first, encoded, REDACTED, false);
        /* more may follow it: the last digits then depend on that */
        list(first, ts_view_cut(encoded, 0, value.len / 3 * 4), REDACTED, false);
    }
    free(text);
}

/* "user:password", and the password alone. */
static void list_user(_Atomic(struct secret *) *first, ts_view user)
{
    size_t colon = ts_view_find(user, TS_LIT(":"));
    list_forms(first, user);
    if (colon != SIZE_MAX)
        list_forms(first, ts_view_from(user, colon + 1));
}

static void list_credential(_Atomic(struct secret *) *first, ts_view value)
{
    value = ts_view_trim(value);
    size_t space = ts_view_find(value, TS_LIT(" "));
    ts_view token = space == SIZE_MAX ? TS_NOTHING : ts_view_trim(ts_view_from(value, space));
    bool has_space = token.len > 0 && ts_view_find(token, TS_LIT(" ")) != SIZE_MAX;
    if (token.len < SHORTEST || space > 16 || has_space) { /* no scheme and its token */
        list_forms(first, value);
        return;
    }
    list_forms(first, token);
    if (!ts_view_eq_nocase(ts_view_cut(value, 0, space), TS_LIT("basic")))
        return;
    uint8_t *plain = memory(token.len);
    list_user(first, from_base64(token, plain));
    free(plain);
}

void ts_secret_add(ts_view value)
{
    list_credential(&known, value);
}

void ts_secret_add_expanded(ts_view value, ts_view written)
{
    list(&known, value, written, true);
}

static size_t last_at(ts_view v)
{
    while (v.len > 0 && v.ptr[v.len - 1] != '@')
        v.len--;
    return v.len; /* behind it; 0: there is none */
}

void ts_secret_add_user(ts_view text)
{
    size_t scheme = ts_view_find(text, TS_LIT("://"));
    ts_view rest = scheme == SIZE_MAX ? text : ts_view_from(text, scheme + 3);
    ts_view user = ts_view_cut(rest, 0, last_at(rest));
    bool wanted = scheme != SIZE_MAX || ts_view_find(user, TS_LIT(":")) != SIZE_MAX;
    if (user.len > 1 && wanted && ts_view_find(user, TS_LIT(" ")) == SIZE_MAX)
        list_user(&known, ts_view_cut(user, 0, user.len - 1));
}

/* ---- the search ---- */

struct search {
    const struct secret *lists[2];
    bool expanded; /* those count, too */
    bool parts;    /* so does the beginning of one, at the end or in front of a quote */
};

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Bytes that an escaped one takes, with what it stands for; 1: it stands for itself. */
static size_t unescape(ts_view v, uint8_t *out)
{
    *out = v.ptr[0];
    if (v.len >= 3 && v.ptr[0] == '%' && hex(v.ptr[1]) >= 0 && hex(v.ptr[2]) >= 0) {
        *out = (uint8_t)(hex(v.ptr[1]) << 4 | hex(v.ptr[2]));
        return 3;
    }
    if (v.len >= 6 && ts_view_starts(v, TS_LIT("\\u00")) && hex(v.ptr[4]) >= 0 &&
        hex(v.ptr[5]) >= 0) {
        *out = (uint8_t)(hex(v.ptr[4]) << 4 | hex(v.ptr[5]));
        return 6;
    }
    if (v.len >= 2 && v.ptr[0] == '\\') {
        *out = v.ptr[1];
        return 2;
    }
    return 1;
}

/* Length of the text at `at` that is the secret, or a part of it; 0: none. */
static size_t match(ts_view text, size_t at, ts_view secret, bool escaped, bool parts)
{
    size_t i = at;
    size_t k = 0;
    for (; k < secret.len && i < text.len; k++) {
        uint8_t c = text.ptr[i];
        size_t step = escaped ? unescape(ts_view_from(text, i), &c) : 1;
        if (c != secret.ptr[k])
            break;
        i += step;
    }
    bool cut = i == text.len || text.ptr[i] == '\'';
    bool found = k == secret.len || (parts && k >= SHORTEST_PART && cut);
    return found ? i - at : 0;
}

/* The longest secret at `at`; of equal ones that which has a name. */
static size_t find_at(const struct search *search, ts_view text, size_t at, ts_view *shown)
{
    size_t longest = 0;
    bool named = false;
    for (size_t l = 0; l < TS_COUNT(search->lists); l++)
        for (const struct secret *s = search->lists[l]; s; s = s->next) {
            if (s->expanded && !search->expanded)
                continue;
            size_t n = match(text, at, s->value, false, search->parts);
            size_t escaped = match(text, at, s->value, true, search->parts);
            n = escaped > n ? escaped : n;
            if (n < longest || n == 0 || (n == longest && named))
                continue;
            longest = n;
            named = s->expanded;
            *shown = s->shown;
        }
    return longest;
}

/* Which bytes a secret may begin with. */
static void mark_first(const struct search *search, bool first[256])
{
    memset(first, 0, 256 * sizeof *first);
    for (size_t l = 0; l < TS_COUNT(search->lists); l++)
        for (const struct secret *s = search->lists[l]; s; s = s->next)
            first[s->value.ptr[0]] = first['\\'] = first['%'] = true;
}

static void put(char *out, size_t cap, size_t *len, ts_view v)
{
    v = ts_view_cut(v, 0, cap - 1 - *len);
    if (v.len > 0)
        memcpy(out + *len, v.ptr, v.len);
    *len += v.len;
    out[*len] = '\0';
}

/* Writes `text` with everything replaced, as much as `cap` holds with a NUL; false: there was nothing, and
 * nothing is written. */
static bool replace(const struct search *search, ts_view text, char *out, size_t cap, size_t *len)
{
    bool first[256];
    size_t done = 0;
    *len = 0;
    mark_first(search, first);
    for (size_t i = 0; i < text.len; i++) {
        ts_view shown = TS_NOTHING;
        size_t n = first[text.ptr[i]] ? find_at(search, text, i, &shown) : 0;
        if (n == 0)
            continue;
        put(out, cap, len, ts_view_cut(text, done, i - done));
        put(out, cap, len, shown);
        done = i + n;
        i = done - 1;
    }
    if (done > 0)
        put(out, cap, len, ts_view_from(text, done));
    return done > 0;
}

/* ---- errors and logs ---- */

/* From "://" to the last '@' before a space or a quote; a password may hold a slash that nobody escaped. */
static void drop_users(char *text)
{
    for (char *at = strstr(text, "://"); at; at = strstr(at, "://")) {
        at += 3;
        size_t end = strcspn(at, " '\"");
        size_t user = last_at(ts_view_of(at, end));
        memmove(at, at + user, strlen(at + user) + 1);
    }
}

void ts_secret_mask(char *text, size_t size)
{
    const struct search search = {{atomic_load(&known), NULL}, true, true};
    size_t len;
    char *out = search.lists[0] ? memory(size) : NULL;
    if (out && replace(&search, ts_view_str(text), out, size, &len))
        memcpy(text, out, len + 1);
    free(out);
    drop_users(text);
}

/* ---- texts of backends ---- */

char *ts_secret_redact(ts_view text, const ts_view *sent, size_t count, size_t *len)
{
    _Atomic(struct secret *) own = NULL;
    for (size_t i = 0; i < count; i++)
        list_credential(&own, sent[i]);
    const struct search search = {{atomic_load(&known), atomic_load(&own)}, false, false};
    size_t cap = 2 * text.len + 1; /* six bytes become ten at most */
    char *out = search.lists[0] || search.lists[1] ? memory(cap) : NULL;
    if (out && !replace(&search, text, out, cap, len)) {
        free(out);
        out = NULL;
    }
    for (struct secret *s = atomic_load(&own), *next; s; s = next) {
        next = s->next;
        explicit_bzero(s, sizeof *s + s->value.len);
        free(s);
    }
    return out;
}
