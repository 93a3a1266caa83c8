#include "net/api_client.h"

#include "base/random.h"
#include "net/throttle.h"

#include <stdio.h>
#include <stdlib.h>

enum { REFUSALS_IN_A_ROW = 10, REFUSALS = 30, AT_ONCE = 3 };
#define LONGEST_WAIT  (60 * TS_S)
#define LONGEST_PAUSE (300 * TS_S) /* longer hints mean a quota, not a pace */
#define MINUTE        (60 * TS_S)
#define BURST         TS_S /* limits per minute are kept over about this long */

/* What exists only while a request is on its way. */
struct ts_api_attempt {
    struct ts_http_job http; /* first: the cast back is safe */
    struct ts_api_call *call;
    struct ts_buf body;
    struct ts_throttle_mark mark;
};

struct ts_api {
    struct ts_loop *loop;
    struct ts_http_client *http;
    struct ts_api_options options;
    char *name;
    struct ts_api_call *first, **last; /* wait for their turn */
    struct ts_api_call *others;        /* on their way, or waiting for a retry */
    struct ts_throttle throttle;
    uint64_t taken;                /* calls */
    ts_time next_call, next_token; /* when the limits allow the next one */
    struct ts_timer turn;
    bool closed, sending;
};

static void send_next(struct ts_api *api);

/* ---- lists ---- */

static void link_call(struct ts_api_call **list, struct ts_api_call *call)
{
    call->next = *list;
    call->back = list;
    if (call->next)
        call->next->back = &call->next;
    *list = call;
}

static void unlink_call(struct ts_api *api, struct ts_api_call *call)
{
    if (api->last == &call->next)
        api->last = call->back;
    *call->back = call->next;
    if (call->next)
        call->next->back = call->back;
    call->back = NULL;
}

static bool has_deadline(const struct ts_api_call *call)
{
    return call->deadline > 0 && call->deadline != TS_NEVER;
}

/* ---- the end of a call ---- */

static struct ts_err *err_of(struct ts_api_call *call)
{
    if (!call->err)
        call->err = ts_alloc(sizeof *call->err);
    return call->err;
}

static void arrive(struct ts_task *task)
{
    struct ts_api_call *call = TS_CONTAINER_OF(task, struct ts_api_call, task);
    struct ts_err *err = call->err;
    call->done(call, call->end); /* the call may be gone */
    free(err);
}

static void post(struct ts_api_call *call, enum ts_job_end end)
{
    call->end = end;
    call->task.run = arrive;
    ts_loop_post(call->api->loop, &call->task);
}

static void finish(struct ts_api_call *call, enum ts_job_end end)
{
    ts_timer_stop(call->api->loop, &call->timer);
    unlink_call(call->api, call);
    post(call, end);
}

static void fail(struct ts_api_call *call)
{
    struct ts_err last = *err_of(call);
    if (call->attempts > 1)
        ts_fail(call->err, last.code, "%.250s (after %d attempts)", last.what, call->attempts);
    finish(call, TS_JOB_FAILED);
}

/* ---- waiting ---- */

static void on_expired(struct ts_timer *timer)
{
    struct ts_api_call *call = TS_CONTAINER_OF(timer, struct ts_api_call, timer);
    finish(call, TS_JOB_EXPIRED);
}

static void enqueue(struct ts_api_call *call)
{
    struct ts_api *api = call->api;
    if ((call->urgent || call->attempts > 0) && api->first) { /* what was begun is finished first */
        link_call(&api->first, call);
    } else {
        call->next = NULL;
        call->back = api->last;
        *api->last = call;
        api->last = &call->next;
    }
    if (has_deadline(call))
        ts_timer_start(api->loop, &call->timer, call->deadline, on_expired);
}

static void requeue(struct ts_api_call *call)
{
    unlink_call(call->api, call);
    enqueue(call);
}

static void on_retry(struct ts_timer *timer)
{
    struct ts_api_call *call = TS_CONTAINER_OF(timer, struct ts_api_call, timer);
    requeue(call);
    send_next(call->api);
}

/* Again after `wait`; when the deadline comes first, the last error is the answer. */
static void retry(struct ts_api_call *call, ts_time wait)
{
    struct ts_api *api = call->api;
    ts_time when = ts_now() + wait;
    if (wait > 0)
        when += (ts_time)(ts_random() * 0.25 * (double)api->options.retry_unit);
    ts_time earliest = when > api->throttle.paused ? when : api->throttle.paused;
    if (call->cancelled || api->closed)
        finish(call, TS_JOB_CANCELLED);
    else if (has_deadline(call) && earliest >= call->deadline)
        fail(call);
    else if (wait == 0)
        requeue(call);
    else
        ts_timer_start(api->loop, &call->timer, when, on_retry);
}

static ts_time backoff(const struct ts_api *api, int failures)
{
    ts_time wait = api->options.retry_unit << (failures < 6 ? failures : 6);
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}

/* ---- limits per minute ---- */

/* When `n` units at `per_minute` may start, and what that leaves for the next. */
static void book(ts_time *next, int64_t per_minute, int64_t n, ts_time now)
{
    if (per_minute <= 0)
        return;
    if (*next < now - BURST)
        *next = now - BURST;
    *next += (ts_time)((double)MINUTE / (double)per_minute * (double)n);
}

/* When `call` may be sent; TS_NEVER: when another one has ended. */
static ts_time when_next(const struct ts_api *api, const struct ts_api_call *call, ts_time now)
{
    ts_time next = ts_throttle_next(&api->throttle, call->tokens, now);
    next = api->next_call > next ? api->next_call : next;
    return api->next_token > next ? api->next_token : next;
}

/* ---- answers ---- */

static void on_refused(struct ts_api_call *call, const struct ts_api_attempt *a)
{
    struct ts_api *api = call->api;
    ts_throttle_refused(&api->throttle, &a->mark, a->http.limits.retry_after, ts_now());
    bool progress = call->taken != api->taken && call->refusals > 0;
    call->taken = api->taken;
    call->refusals_in_a_row = progress ? 1 : call->refusals_in_a_row + 1;
    if (++call->refusals >= REFUSALS || call->refusals_in_a_row >= REFUSALS_IN_A_ROW)
        fail(call);
    else /* one that is refused again and again lets others pass: it may be what is wrong */
        retry(call, call->refusals > AT_ONCE ? backoff(api, call->refusals - AT_ONCE - 1) : 0);
}

static void on_failed(struct ts_api_call *call, int most)
{
    int allowed = call->retries >= 0 && call->retries < most ? call->retries : most;
    if (call->failures >= allowed)
        fail(call);
    else
        retry(call, backoff(call->api, call->failures++));
}

static void on_answer(struct ts_api_call *call, const struct ts_api_attempt *a)
{
    struct ts_api *api = call->api;
    struct ts_err err = {0};
    enum ts_api_outcome outcome = call->read(call, &a->http, &err);
    if (err.code != TS_OK)
        *err_of(call) = err;
    bool strained = outcome == TS_API_PARTIAL || outcome == TS_API_OVERLOADED;
    if (outcome == TS_API_OK || outcome == TS_API_PARTIAL) {
        ts_throttle_taken(&api->throttle, &a->mark, api->first && !strained, ts_now());
        api->taken++;
    }
    if (strained)
        ts_throttle_strained(&api->throttle, &a->mark, a->http.limits.retry_after, ts_now());
    switch (outcome) {
    case TS_API_OK:
    case TS_API_PARTIAL:
        finish(call, TS_JOB_DONE);
        break;
    case TS_API_FINAL:
        fail(call);
        break;
    case TS_API_AGAIN:
        retry(call, 0);
        break;
    case TS_API_RATE_LIMITED:
        on_refused(call, a);
        break;
    case TS_API_OVERLOADED:
    case TS_API_RETRY:
        on_failed(call, api->options.retries);
        break;
    }
}

static int most_unreached(const struct ts_api *api)
{
    const struct ts_api_options *o = &api->options;
    return o->unreached > o->retries ? o->unreached : o->retries;
}

static void on_no_answer(struct ts_api_call *call, const struct ts_job *http, enum ts_job_end end)
{
    *err_of(call) = http->err;
    bool hopeless = http->err.code == TS_UNAUTHENTICATED || http->err.code == TS_INVALID_ARGUMENT ||
                    http->err.code == TS_RESOURCE_EXHAUSTED;
    if (end == TS_JOB_CANCELLED) {
        finish(call, TS_JOB_CANCELLED);
    } else if (end == TS_JOB_EXPIRED && has_deadline(call) && ts_now() >= call->deadline) {
        finish(call, TS_JOB_EXPIRED);
    } else if (end == TS_JOB_EXPIRED) {
        ts_fail(call->err, TS_DEADLINE_EXCEEDED, "%s did not answer within timeout",
                call->api->name);
        on_failed(call, call->api->options.retries);
    } else if (hopeless) {
        fail(call);
    } else {
        on_failed(call, most_unreached(call->api));
    }
}

static void on_http_done(struct ts_job *job, enum ts_job_end end)
{
    struct ts_api_attempt *a = (struct ts_api_attempt *)(void *)job;
    struct ts_api_call *call = a->call;
    struct ts_api *api = call->api;
    call->attempt = NULL;
    ts_throttle_ended(&api->throttle, &a->mark, &a->http.limits);
    call->attempts++;
    if (end == TS_JOB_DONE)
        on_answer(call, a);
    else
        on_no_answer(call, &a->http.job, end);
    ts_http_job_release(&a->http);
    if (a->body.ptr)
        explicit_bzero(a->body.ptr, a->body.len); /* it may hold a key */
    ts_buf_release(&a->body);
    free(a);
    send_next(api);
}

/* ---- sending ---- */

static void attempt(struct ts_api_call *call)
{
    struct ts_api *api = call->api;
    struct ts_api_attempt *a = ts_alloc(sizeof *a);
    ts_time deadline = ts_now() + api->options.timeout;
    if (has_deadline(call) && call->deadline < deadline)
        deadline = call->deadline;
    a->call = call;
    a->mark = ts_throttle_sent(&api->throttle, call->tokens, ts_now());
    call->attempt = a;
    call->write(call, &a->body);
    a->http.job = (struct ts_job){.home = api->loop, .deadline = deadline, .done = on_http_done};
    a->http.request.method = "POST";
    a->http.request.url = call->url;
    a->http.request.body = ts_buf_view(&a->body);
    a->http.request.max_response = api->options.max_response;
    ts_http_submit(api->http, &a->http);
}

static void on_turn(struct ts_timer *timer)
{
    send_next(TS_CONTAINER_OF(timer, struct ts_api, turn));
}

static bool is_room(struct ts_api *api)
{
    ts_time now = ts_now();
    ts_time next = api->first ? when_next(api, api->first, now) : TS_NEVER;
    if (next > now && next != TS_NEVER)
        ts_timer_start(api->loop, &api->turn, next, on_turn);
    return next <= now;
}

static void send_next(struct ts_api *api)
{
    if (api->sending) /* a call that is being written submits others */
        return;
    api->sending = true;
    while (is_room(api)) {
        struct ts_api_call *call = api->first;
        book(&api->next_call, api->options.calls_per_minute, 1, ts_now());
        book(&api->next_token, api->options.tokens_per_minute, call->tokens, ts_now());
        ts_timer_stop(api->loop, &call->timer);
        unlink_call(api, call);
        link_call(&api->others, call);
        attempt(call);
    }
    api->sending = false;
}

void ts_api_submit(struct ts_api *api, struct ts_api_call *call)
{
    call->api = api;
    if (api->closed) {
        post(call, TS_JOB_CANCELLED);
        return;
    }
    enqueue(call);
    send_next(api);
}

void ts_api_cancel(struct ts_api *api, struct ts_api_call *call)
{
    call->cancelled = true; /* its answer may be on its way home, and may want another attempt */
    if (call->attempt)
        ts_http_cancel(api->http, &call->attempt->http);
    else if (call->back)
        finish(call, TS_JOB_CANCELLED);
}

void ts_api_close(struct ts_api *api)
{
    api->closed = true;
    while (api->first)
        finish(api->first, TS_JOB_CANCELLED);
    for (struct ts_api_call *call = api->others, *next; call; call = next) {
        next = call->next;
        ts_api_cancel(api, call);
    }
}

/* ---- status ---- */

enum ts_api_outcome ts_api_status(const char *name, int status, struct ts_err *err)
{
    enum ts_code code = status == 401                    ? TS_UNAUTHENTICATED
                        : status == 403 || status == 402 ? TS_PERMISSION_DENIED
                        : status == 404                  ? TS_NOT_FOUND
                        : status == 429                  ? TS_RESOURCE_EXHAUSTED
                        : status == 408 || status == 504 ? TS_DEADLINE_EXCEEDED
                        : status >= 500                  ? TS_UNAVAILABLE
                                                         : TS_INVALID_ARGUMENT;
    if (status >= 200 && status < 300)
        return TS_API_OK;
    ts_fail(err, code, "%s answered with status %d", name, status);
    if (status == 429)
        return TS_API_RATE_LIMITED;
    if (status == 503)
        return TS_API_OVERLOADED;
    return status == 408 || status >= 500 ? TS_API_RETRY : TS_API_FINAL;
}

/* ---- life ---- */

struct ts_api *ts_api_new(struct ts_loop *loop, const struct ts_api_options *o)
{
    struct ts_api *api = ts_alloc(sizeof *api);
    api->loop = loop;
    api->options = *o;
    api->name = ts_strdup(o->name);
    api->last = &api->first;
    ts_throttle_init(&api->throttle, o->max_in_flight, o->retry_unit,
                     o->longest_pause ? o->longest_pause : LONGEST_PAUSE);
    struct ts_http_options http = {
        .headers = o->headers, .max_connections = o->max_in_flight, .tls = o->tls};
    api->http = ts_http_client_new(loop, &http);
    return api;
}

void ts_api_free(struct ts_api *api)
{
    if (!api)
        return;
    ts_timer_stop(api->loop, &api->turn);
    ts_http_client_free(api->http);
    free(api->name);
    free(api);
}
