/* api_client.h - many calls of one paid API, as many at a time as it takes.
 * What every client of such a service needs and none should write again: as many requests as it takes
 * (throttle.h finds out), limits per minute, retries with the server's own hints, one deadline over
 * all. What is asked and what an answer means is the caller's. All of a client happens on one loop.
 *
 * A refusal (429) is no trouble but a pace that was too high: it is not one of a call's retries. The call goes
 * back to the front of the queue, and fails when it was refused 10 times with no call taken in
 * between, or 30 times in all. Trouble (5xx, no answer) is, and waits 1, 2, 4 ... retry_units. */
#ifndef TS_NET_API_CLIENT_H
#define TS_NET_API_CLIENT_H

#include "net/http_client.h"

enum ts_api_outcome { /* of the caller on an answer */
                      TS_API_OK,
                      TS_API_PARTIAL, /* taken, but the service is under strain */
                      TS_API_AGAIN,   /* ask at once, differently: the request was changed */
                      TS_API_RATE_LIMITED, /* wait as told; not one of the retries; the pace or the window shrinks */
                      TS_API_RETRY,      /* counts as a retry */
                      TS_API_OVERLOADED, /* the same, and the window shrinks */
                      TS_API_FINAL,      /* no retry can help: the job fails with err */
};

/* Retries of a service that cannot be reached, for who had rather be late than do without: with waits up
 * to a minute they outlast a restart. */
enum { TS_API_PATIENT = 20 };

struct ts_api_options {
    const char *name;           /* of the service, for messages */
    const char *const *headers; /* "Name: value", NULL at the end; copied, wiped at the end */
    struct ts_http_tls tls;
    ts_time timeout;       /* for one attempt */
    ts_time retry_unit;    /* waits are 1, 2, 4 … of these */
    int retries;           /* of failed attempts */
    int unreached;         /* the same where no connection came about; at least `retries` */
    ts_time longest_pause; /* whatever Retry-After says; 0: 5 min */
    int max_in_flight;
    int64_t calls_per_minute, tokens_per_minute; /* 0: no limit */
    size_t max_response;                         /* bytes; 0: 1 MiB */
};

/* One call. The owner fills the first part, which stays untouched until `done`. No ts_job: tens of
 * thousands may wait, and an error text in each is most of what they would take. */
struct ts_api_call {
    ts_time deadline; /* absolute; 0 or TS_NEVER: none */
    /* DONE: `read` took an answer. FAILED: with the last cause in err. EXPIRED, CANCELLED. Runs once,
     * never inside submit. */
    void (*done)(struct ts_api_call *, enum ts_job_end);
    const char *url;
    int64_t tokens; /* what it is expected to cost against tokens_per_minute */
    bool urgent;    /* in front of what waits: the rest of something begun */
    int retries;    /* fewer than the client's for this one; -1: the client's */
    /* Appends the body; once for each attempt, when it is its turn. May submit other calls. */
    void (*write)(struct ts_api_call *, struct ts_buf *body);
    /* What the answer means. err says what is wrong, unless it is OK. */
    enum ts_api_outcome (*read)(struct ts_api_call *, const struct ts_http_job *answer,
                                struct ts_err *err);

    struct ts_err *err; /* of the last attempt, until `done` returns; NULL: none went wrong */
    int attempts;       /* made so far */
    bool cancelled;     /* ts_api_cancel was called, perhaps too late for its answer */
    /* private */
    struct ts_api_call *next, **back; /* in the queue, or among the others */
    struct ts_api *api;
    struct ts_api_attempt *attempt;
    struct ts_timer timer;
    struct ts_task task;
    enum ts_job_end end;
    uint64_t taken; /* by the service, when it last refused this one */
    int failures, refusals;
    int refusals_in_a_row; /* with no call taken in between */
};

struct ts_api;

/* Thread: the loop's, or before it starts. The strings of `options` are copied. */
struct ts_api *ts_api_new(struct ts_loop *loop, const struct ts_api_options *options);
/* No calls may be under way. NULL is fine. Thread: as above. */
void ts_api_free(struct ts_api *api);

/* Thread: the loop's, for these three. `done` is never called inside. */
void ts_api_submit(struct ts_api *api, struct ts_api_call *call);
void ts_api_cancel(struct ts_api *api, struct ts_api_call *call); /* one that ended is fine */
/* Cancels everything; calls submitted later are cancelled, too. */
void ts_api_close(struct ts_api *api);

/* The usual reading of an HTTP status: 2xx OK, 429 RATE_LIMITED, 503 OVERLOADED, 408 and other 5xx
 * RETRY, else FINAL with the fitting code. `name` begins the message. */
enum ts_api_outcome ts_api_status(const char *name, int status, struct ts_err *err);

#endif
