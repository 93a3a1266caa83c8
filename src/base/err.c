/* err.c - filling errors. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static void fill(char *out, size_t size, const char *fmt, va_list args)
{
    vsnprintf(out, size, fmt, args);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

bool ts_fail(struct ts_err *err, enum ts_code code, const char *fmt, ...)
{
    if (!err)
        return false;
    err->code = code;
    va_list args;
    va_start(args, fmt);
    fill(err->what, sizeof err->what, fmt, args);
    va_end(args);
    return false;
}

bool ts_fail_in(struct ts_err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    fill(err->where, sizeof err->where, fmt, args);
    va_end(args);
    return false;
}

const char *ts_code_name(enum ts_code code)
{
    static const char *const names[] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    return (size_t)code < TS_COUNT(names) ? names[code] : "UNKNOWN";
}
