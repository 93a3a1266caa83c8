/* limits.c - what the headers of an answer say about limits. */
#include "net/limits.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>

#include <curl/curl.h>

#define YEAR (366 * 86400 * TS_S)

/* The number at the start of `text`, which moves on behind it. */
static bool take_number(const char **text, double *out)
{
    char *end;
    *out = strtod(*text, &end);
    bool any = end > *text && isfinite(*out);
    *text = end;
    return any;
}

/* A length in units of `unit`; 0: there is none, or none that may be believed. */
static ts_time length_of(double n, ts_time unit)
{
    return n > 0 && n * (double)unit <= (double)YEAR ? (ts_time)(n * (double)unit) : 0;
}

static ts_time plain(const char *text, ts_time unit)
{
    double n;
    return take_number(&text, &n) && *text == '\0' ? length_of(n, unit) : 0;
}

/* "1h2m3.5s", "12ms"; a bare number is seconds. */
static ts_time reset_of(const char *text)
{
    static const struct {
        const char *name;
        ts_time unit;
    } units[] = {{"ms", TS_MS}, {"us", TS_US}, {"h", 3600 * TS_S}, {"m", 60 * TS_S}, {"s", TS_S}};
    ts_time sum = plain(text, TS_S);
    while (*text && sum == 0) {
        double n;
        size_t i = 0;
        ts_time whole = 0;
        for (; take_number(&text, &n); i = 0) {
            while (i < TS_COUNT(units) && strncmp(text, units[i].name, strlen(units[i].name)) != 0)
                i++;
            if (i == TS_COUNT(units))
                return 0;
            whole += length_of(n, units[i].unit);
            text += strlen(units[i].name);
        }
        return *text == '\0' && whole <= YEAR ? whole : 0;
    }
    return sum;
}

static ts_time retry_after(const char *text)
{
    ts_time wait = plain(text, TS_S);
    time_t when = wait > 0 ? -1 : curl_getdate(text, NULL);
    if (when <= 0)
        return wait;
    wait = (ts_time)when * TS_S - ts_wall_now();
    return wait > 0 && wait <= YEAR ? wait : 0;
}

static double amount(const char *text)
{
    double n;
    return take_number(&text, &n) && n > 0 ? n : 0;
}

static void set_exact(struct ts_limits *limits, ts_time wait)
{
    if (wait <= 0)
        return;
    limits->retry_after = wait;
    limits->exact = true;
}

void ts_limits_read(struct ts_limits *l, ts_view line)
{
    static const char *const names[] = {"retry-after",
                                        "retry-after-ms",
                                        "x-ms-retry-after-ms",
                                        "x-ratelimit-limit-requests",
                                        "x-ratelimit-remaining-requests",
                                        "x-ratelimit-reset-requests",
                                        "x-ratelimit-limit-tokens",
                                        "x-ratelimit-remaining-tokens",
                                        "x-ratelimit-reset-tokens"};
    size_t colon = ts_view_find(line, TS_LIT(":"));
    size_t i = 0;
    if (colon == SIZE_MAX)
        return;
    while (i < TS_COUNT(names) &&
           !ts_view_eq_nocase(ts_view_cut(line, 0, colon), ts_view_str(names[i])))
        i++;
    if (i == TS_COUNT(names))
        return;
    struct ts_limit *of = i < 6 ? &l->calls : &l->tokens;
    char *text = ts_view_dup(ts_view_trim(ts_view_from(line, colon + 1)));
    if (i == 0 && !l->exact)
        l->retry_after = retry_after(text);
    else if (i == 1 || i == 2)
        set_exact(l, plain(text, TS_MS));
    else if (i == 3 || i == 6)
        of->most = amount(text);
    else if (i == 4 || i == 7)
        of->left = amount(text);
    else if (i == 5 || i == 8)
        of->reset = reset_of(text);
    free(text);
}
