/* values.c - text to duration, size, and the nearest known word. */
#include "config/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit duration_units[] = {
    {"ns", 1},   {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3},
    {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9},
};
static const struct unit size_units[] = {
    {"B", 1},     {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824},      {"kB", 1000},
    {"KB", 1000}, {"MB", 1e6},   {"GB", 1e9},      {"TiB", 1099511627776.0}, {"TB", 1e12},
};

static size_t digits(ts_view v, bool fraction)
{
    size_t i = 0;
    bool dot = false;
    for (; i < v.len; i++) {
        if (fraction && v.ptr[i] == '.' && !dot)
            dot = true;
        else if (v.ptr[i] < '0' || v.ptr[i] > '9')
            break;
    }
    return i;
}

static double number(ts_view v)
{
    char text[64];
    snprintf(text, sizeof text, TS_FMT, TS_ARG(v));
    return strtod(text, NULL);
}

/* The unit at the front of `v`: all letters up to the next digit. */
static const struct unit *take_unit(ts_view *v, const struct unit *units, size_t count)
{
    size_t n = 0;
    while (n < v->len && (v->ptr[n] < '0' || v->ptr[n] > '9') && v->ptr[n] != '.')
        n++;
    ts_view name = ts_view_cut(*v, 0, n);
    for (size_t i = 0; i < count; i++)
        if (ts_view_is(name, units[i].name)) {
            *v = ts_view_from(*v, n);
            return &units[i];
        }
    return NULL;
}

bool ts_duration_parse(ts_view text, ts_time *out, struct ts_err *err)
{
    ts_view v = ts_view_trim(text);
    double sum = 0;
    if (ts_view_is(v, "0")) {
        *out = 0;
        return true;
    }
    if (v.len == 0 || v.ptr[0] == '-')
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'" TS_FMT "' is no length of time; write 200ms or 1.5s",
                       TS_ARG(ts_view_cut(v, 0, 80)));
    while (v.len > 0) {
        size_t n = digits(v, true);
        double value = n ? number(ts_view_cut(v, 0, n)) : 0;
        v = ts_view_from(v, n);
        if (n > 0 && v.len == 0)
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "bare number '" TS_FMT "' has no unit; write '" TS_FMT "ms' or '" TS_FMT
                           "s'",
                           TS_ARG(ts_view_cut(text, 0, 40)), TS_ARG(ts_view_cut(text, 0, 40)),
                           TS_ARG(ts_view_cut(text, 0, 40)));
        const struct unit *unit =
            n ? take_unit(&v, duration_units, TS_COUNT(duration_units)) : NULL;
        if (!unit)
            return ts_fail(err, TS_INVALID_ARGUMENT,
                           "'" TS_FMT "' is no length of time; units are ns, us, ms, s, m, h",
                           TS_ARG(ts_view_cut(text, 0, 80)));
        sum += value * unit->factor;
    }
    if (sum >= 9.2e18)
        return ts_fail(err, TS_OUT_OF_RANGE, "'" TS_FMT "' is more than 292 years",
                       TS_ARG(ts_view_cut(text, 0, 80)));
    *out = (ts_time)llround(sum);
    return true;
}

bool ts_size_parse(ts_view text, uint64_t *out, struct ts_err *err)
{
    ts_view v = ts_view_trim(text);
    size_t n = digits(v, false);
    double value = n ? number(ts_view_cut(v, 0, n)) : 0;
    ts_view rest = ts_view_trim(ts_view_from(v, n));
    const struct unit bytes = {"", 1};
    const struct unit *unit =
        rest.len == 0 ? &bytes : take_unit(&rest, size_units, TS_COUNT(size_units));
    if (n == 0 || !unit || rest.len > 0)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'" TS_FMT "' is no size; write 4MiB, 64KiB or a number of bytes",
                       TS_ARG(ts_view_cut(text, 0, 80)));
    if (value * unit->factor >= 9e18)
        return ts_fail(err, TS_OUT_OF_RANGE, "'" TS_FMT "' is too large",
                       TS_ARG(ts_view_cut(text, 0, 80)));
    *out = (uint64_t)(value * unit->factor);
    return true;
}

/* Levenshtein, two rows. */
static size_t distance(ts_view a, ts_view b)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            corner = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[b.len];
}

const char *ts_nearest(ts_view word, const char *const *known, size_t count)
{
    const char *best = NULL;
    size_t least = word.len / 2 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, ts_view_str(known[i]));
        if (d < least) {
            least = d;
            best = known[i];
        }
    }
    return best;
}
