#include "net/api_client.h"

#include <stdio.h>
#include <stdlib.h>

/* Window: cleanlab's client starts slow and doubles (tlm-api.md §6.3). A service that is down is asked
 * rarely but for long; one that refuses ten times means it. */
enum { START_WINDOW = 4, SLOW_START = 16, CONNECTION_RETRIES = 20, REFUSALS = 10 };
#define LONGEST_WAIT (60 * TS_S)
#define MINUTE       (60 * TS_S)
#define BURST        TS_S /* limits per minute are kept over about this long */

/* What exists only while a request is on its way. */
struct ts_api_attempt {
    struct ts_http_job http; /* first: the cast back is safe */
    struct ts_api_call *call;
    struct ts_buf body;
};

struct ts_api {
    struct ts_loop *loop;
    struct ts_http_client *http;
    struct ts_api_options options;
    char *name;
    char **headers;
    struct ts_api_call *first, **last; /* wait for their turn */
    struct ts_api_call *others;        /* on their way, or waiting for a retry */
    int window, in_flight;
    ts_time paused;                /* nothing is sent before */
    ts_time next_call, next_token; /* when the limits allow the next one */
    double slower;                 /* factor on the limits' intervals, ≥ 1 */
    struct ts_timer turn;
    bool closed;
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
    call->queued = false;
    call->back = NULL;
}

static bool has_deadline(const struct ts_api_call *call)
{
    return call->job.deadline > 0 && call->job.deadline != TS_NEVER;
}

/* ---- the end of a call ---- */

static void finish(struct ts_api_call *call, enum ts_job_end end)
{
    ts_timer_stop(call->api->loop, &call->timer);
    unlink_call(call->api, call);
    if (end == TS_JOB_DONE)
        call->job.err = (struct ts_err){0};
    ts_job_finish(&call->job, end);
}

static void fail(struct ts_api_call *call)
{
    struct ts_err last = call->job.err;
    if (call->attempts > 1)
        ts_fail(&call->job.err, last.code, "%.250s (after %d attempts)", last.what, call->attempts);
    finish(call, TS_JOB_FAILED);
}

/* ---- waiting ---- */

static void on_expired(struct ts_timer *timer)
{
    struct ts_api_call *call = TS_OUTER(timer, struct ts_api_call, timer);
    finish(call, TS_JOB_EXPIRED);
}

static void enqueue(struct ts_api_call *call)
{
    struct ts_api *api = call->api;
    call->queued = true;
    if (call->urgent && api->first) {
        link_call(&api->first, call);
    } else {
        call->next = NULL;
        call->back = api->last;
        *api->last = call;
        api->last = &call->next;
    }
    if (has_deadline(call))
        ts_timer_start(api->loop, &call->timer, call->job.deadline, on_expired);
}

static void on_retry(struct ts_timer *timer)
{
    struct ts_api_call *call = TS_OUTER(timer, struct ts_api_call, timer);
    struct ts_api *api = call->api;
    unlink_call(api, call);
    enqueue(call);
    send_next(api);
}

/* Again after `wait`; when the deadline comes first, the last error is the answer. */
static void retry(struct ts_api_call *call, ts_time wait)
{
    struct ts_api *api = call->api;
    ts_time when = ts_now() + wait + (ts_time)(drand48() * 0.25 * (double)api->options.retry_unit);
    if (has_deadline(call) && when >= call->job.deadline) {
        fail(call);
        return;
    }
    ts_timer_start(api->loop, &call->timer, when, on_retry);
}

static ts_time backoff(const struct ts_api *api, int failures)
{
    ts_time wait = api->options.retry_unit << (failures < 6 ? failures : 6);
    return wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
}

/* ---- window and pace ---- */

static void grow(struct ts_api *api)
{
    api->window = api->window < SLOW_START ? api->window * 2 : api->window + 1;
    if (api->window > api->options.max_in_flight)
        api->window = api->options.max_in_flight;
    api->slower = api->slower * 0.95 > 1 ? api->slower * 0.95 : 1;
}

static void shrink(struct ts_api *api)
{
    api->window = api->window > 1 ? api->window / 2 : 1;
    api->slower = api->slower * 2 < 64 ? api->slower * 2 : 64;
}

/* When `n` units at `per_minute` may start, and what that leaves for the next. */
static void book(ts_time *next, int64_t per_minute, int64_t n, double slower, ts_time now)
{
    if (per_minute <= 0)
        return;
    if (*next < now - BURST)
        *next = now - BURST;
    *next += (ts_time)((double)MINUTE / (double)per_minute * (double)n * slower);
}

/* The time before which nothing may be sent; 0: now. */
static ts_time held_until(const struct ts_api *api, ts_time now)
{
    ts_time until = api->paused;
    until = api->next_call > until ? api->next_call : until;
    until = api->next_token > until ? api->next_token : until;
    return until > now ? until : 0;
}

/* ---- answers ---- */

static void on_refused(struct ts_api_call *call, ts_time retry_after)
{
    struct ts_api *api = call->api;
    ts_time wait =
        retry_after > api->options.retry_unit ? retry_after : backoff(api, call->refusals);
    shrink(api);
    if (ts_now() + wait > api->paused)
        api->paused = ts_now() + wait;
    if (++call->refusals >= REFUSALS)
        fail(call);
    else
        retry(call, wait);
}

static void on_failed(struct ts_api_call *call, int most)
{
    int allowed = call->retries >= 0 && call->retries < most ? call->retries : most;
    if (call->failures >= allowed)
        fail(call);
    else
        retry(call, backoff(call->api, call->failures++));
}

static void on_answer(struct ts_api_call *call, const struct ts_http_job *answer)
{
    struct ts_api *api = call->api;
    switch (call->read(call, answer, &call->job.err)) {
    case TS_API_OK:
        grow(api);
        finish(call, TS_JOB_DONE);
        break;
    case TS_API_PARTIAL:
        shrink(api);
        finish(call, TS_JOB_DONE);
        break;
    case TS_API_AGAIN:
        unlink_call(api, call);
        call->urgent = true;
        enqueue(call);
        break;
    case TS_API_RATE_LIMITED:
        on_refused(call, answer->retry_after);
        break;
    case TS_API_OVERLOADED:
        shrink(api);
        on_failed(call, api->options.retries);
        break;
    case TS_API_RETRY:
        on_failed(call, api->options.retries);
        break;
    case TS_API_FINAL:
        fail(call);
        break;
    }
}

static void on_no_answer(struct ts_api_call *call, const struct ts_job *http, enum ts_job_end end)
{
    call->job.err = http->err;
    bool hopeless = http->err.code == TS_UNAUTHENTICATED || http->err.code == TS_INVALID_ARGUMENT ||
                    http->err.code == TS_RESOURCE_EXHAUSTED;
    if (end == TS_JOB_CANCELLED) {
        finish(call, TS_JOB_CANCELLED);
    } else if (end == TS_JOB_EXPIRED && has_deadline(call) && ts_now() >= call->job.deadline) {
        finish(call, TS_JOB_EXPIRED);
    } else if (end == TS_JOB_EXPIRED) {
        ts_fail(&call->job.err, TS_DEADLINE_EXCEEDED, "%s did not answer within timeout",
                call->api->name);
        on_failed(call, call->api->options.retries);
    } else if (hopeless) {
        fail(call);
    } else {
        on_failed(call, CONNECTION_RETRIES);
    }
}

static void on_http_done(struct ts_job *job, enum ts_job_end end)
{
    struct ts_api_attempt *a = (struct ts_api_attempt *)(void *)job;
    struct ts_api_call *call = a->call;
    struct ts_api *api = call->api;
    call->attempt = NULL;
    api->in_flight--;
    call->attempts++;
    if (end == TS_JOB_DONE)
        on_answer(call, &a->http);
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
    if (has_deadline(call) && call->job.deadline < deadline)
        deadline = call->job.deadline;
    a->call = call;
    call->attempt = a;
    call->write(call, &a->body);
    a->http.job = (struct ts_job){.home = api->loop, .deadline = deadline, .done = on_http_done};
    a->http.request.method = "POST";
    a->http.request.url = call->url;
    a->http.request.headers = (const char *const *)api->headers;
    a->http.request.body = ts_buf_view(&a->body);
    a->http.request.max_response = api->options.max_response;
    api->in_flight++;
    ts_http_submit(api->http, &a->http);
}

static void on_turn(struct ts_timer *timer)
{
    send_next(TS_OUTER(timer, struct ts_api, turn));
}

static void send_next(struct ts_api *api)
{
    while (api->first && api->in_flight < api->window) {
        struct ts_api_call *call = api->first;
        ts_time now = ts_now();
        ts_time until = held_until(api, now);
        if (until > 0) {
            ts_timer_start(api->loop, &api->turn, until, on_turn);
            return;
        }
        book(&api->next_call, api->options.calls_per_minute, 1, api->slower, now);
        book(&api->next_token, api->options.tokens_per_minute, call->tokens, api->slower, now);
        ts_timer_stop(api->loop, &call->timer);
        unlink_call(api, call);
        link_call(&api->others, call);
        attempt(call);
    }
}

void ts_api_submit(struct ts_api *api, struct ts_api_call *call)
{
    call->api = api;
    if (api->closed) {
        ts_job_finish(&call->job, TS_JOB_CANCELLED);
        return;
    }
    enqueue(call);
    send_next(api);
}

void ts_api_cancel(struct ts_api *api, struct ts_api_call *call)
{
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

enum ts_api_verdict ts_api_status(const char *name, int status, struct ts_err *err)
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
    size_t n = 0;
    while (o->headers && o->headers[n])
        n++;
    api->headers = ts_alloc((n + 1) * sizeof *api->headers);
    for (size_t i = 0; i < n; i++)
        api->headers[i] = ts_strdup(o->headers[i]);
    api->last = &api->first;
    api->slower = 1;
    api->window = START_WINDOW < o->max_in_flight ? START_WINDOW : o->max_in_flight;
    struct ts_http_options http = {.max_connections = o->max_in_flight, .ca_file = o->ca_file};
    api->http = ts_http_client_new(loop, &http);
    return api;
}

void ts_api_free(struct ts_api *api)
{
    if (!api)
        return;
    ts_timer_stop(api->loop, &api->turn);
    ts_http_client_free(api->http);
    for (size_t i = 0; api->headers[i]; i++) {
        explicit_bzero(api->headers[i], strlen(api->headers[i]));
        free(api->headers[i]);
    }
    free(api->headers);
    free(api->name);
    free(api);
}
