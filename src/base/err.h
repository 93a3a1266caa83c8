/* err.h - why something failed, carried to the edge that reports it once.
 * A function that can fail returns bool (or a pointer) and takes the caller's `struct ts_err *`
 * last. Message grammar: lower case, no full stop, cause first, the value seen in single quotes,
 * the fix after a semicolon. Secrets do not stay in (base/secrets.h). */
#ifndef TS_BASE_ERR_H
#define TS_BASE_ERR_H

#include "base/time.h"
#include "base/view.h"

/* Numbered as in gRPC, so that a receiver answers without a table. */
enum ts_code {
    TS_OK = 0,
    TS_CANCELLED = 1,
    TS_UNKNOWN = 2,
    TS_INVALID_ARGUMENT = 3,
    TS_DEADLINE_EXCEEDED = 4,
    TS_NOT_FOUND = 5,
    TS_ALREADY_EXISTS = 6,
    TS_PERMISSION_DENIED = 7,
    TS_RESOURCE_EXHAUSTED = 8,
    TS_FAILED_PRECONDITION = 9,
    TS_ABORTED = 10,
    TS_OUT_OF_RANGE = 11,
    TS_UNIMPLEMENTED = 12,
    TS_INTERNAL = 13,
    TS_UNAVAILABLE = 14,
    TS_DATA_LOSS = 15,
    TS_UNAUTHENTICATED = 16,
};

struct ts_err {
    enum ts_code code;
    ts_time retry_after; /* ns the peer should wait; 0: no hint */
    char where[160];     /* pipeline.yaml:14:17 exporters::otlp_grpc/phoenix::timeout */
    char what[320];      /* what is wrong, the value seen, the fix; one line */
};

/* Fill `err` and return false, so that a failure is one statement. `err` may be NULL. Control
 * characters of the formatted text become spaces: a message is one line whatever was in the value. */
bool ts_fail(struct ts_err *err, enum ts_code code, const char *fmt, ...) TS_PRINTF(3, 4);
/* Sets `where` only; returns false. */
bool ts_fail_in(struct ts_err *err, const char *fmt, ...) TS_PRINTF(2, 3);

/* "UNAVAILABLE"; never NULL. */
const char *ts_code_name(enum ts_code code);

#endif
