/* err.c - filling errors. */
#include "base/err.h"

#include "base/secrets.h"

#include <stdarg.h>
#include <stdio.h>

static void make_one_line(char *text)
{
    for (char *c = text; *c; c++)
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
    vsnprintf(err->what, sizeof err->what, fmt, args);
    ts_secret_mask(err->what, sizeof err->what); /* first: a key in a file has several lines */
    make_one_line(err->what);
    va_end(args);
    return false;
}

bool ts_fail_in(struct ts_err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->where, sizeof err->where, fmt, args);
    make_one_line(err->where);
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
