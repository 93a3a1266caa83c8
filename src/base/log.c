/* log.c - formatting and the once-in-a-while filter. */
#include "base/log.h"

#include "base/secrets.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int lowest = TS_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const ts_time repeat_interval = 10 * TS_S;

void ts_log_set_level(enum ts_level level)
{
    atomic_store(&lowest, (int)level);
}

bool ts_log_level_parse(ts_view name, enum ts_level *out)
{
    for (size_t i = 0; i < TS_COUNT(level_names); i++)
        if (ts_view_is(name, level_names[i])) {
            *out = (enum ts_level)i;
            return true;
        }
    return false;
}

static void write_line(enum ts_level level, const char *component, const char *sentence,
                       int64_t dropped, const char *values, va_list args)
{
    char line[2048];
    char when[32];
    size_t cap = sizeof line - 2;
    int n = snprintf(line, cap, "%s %s %s \"%s\"", ts_time_print(ts_wall_now(), when, sizeof when),
                     level_names[level], component, sentence);
    size_t at = n < 0 ? 0 : (size_t)n;
    if (values[0] && at + 1 < cap) {
        line[at++] = ' ';
        vsnprintf(line + at, cap - at, values, args);
        ts_secret_mask(line + at, cap - at);
        at += strlen(line + at);
    }
    if (dropped > 0 && at < cap) {
        n = snprintf(line + at, cap - at, " suppressed=%" PRId64, dropped);
        at += n < 0 ? 0 : (size_t)n;
    }
    if (at >= cap)
        at = cap - 1;
    for (size_t i = 0; i < at; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = ' ';
    line[at++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, at);
    (void)written; /* a log that cannot be written has nowhere to say so */
}

void ts_log(enum ts_level level, const char *component, const char *sentence, const char *values,
            ...)
{
    if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed))
        return;
    va_list args;
    va_start(args, values);
    write_line(level, component, sentence, 0, values, args);
    va_end(args);
}

void ts_log_limited(struct ts_log_site *site, enum ts_level level, const char *component,
                    const char *sentence, const char *values, ...)
{
    if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed))
        return;
    ts_time now = ts_now();
    int64_t next = __atomic_load_n(&site->next_ns, __ATOMIC_RELAXED);
    if (now < next || !__atomic_compare_exchange_n(&site->next_ns, &next, now + repeat_interval,
                                                   false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&site->dropped, 1, __ATOMIC_RELAXED);
        return;
    }
    int64_t dropped = __atomic_exchange_n(&site->dropped, 0, __ATOMIC_RELAXED);
    va_list args;
    va_start(args, values);
    write_line(level, component, sentence, dropped, values, args);
    va_end(args);
}
