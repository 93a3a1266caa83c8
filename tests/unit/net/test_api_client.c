/* The client of a paid API against a server that answers each request as the script says. */
#include "testing.h"

#include "net/api_client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 32 };

/* Status of each answer in turn, the last one for all that follow; 0: silence. */
struct server {
    int fd, statuses[MOST], count, served;
    int poor;                /* so many requests for /poor are refused, whatever the script says */
    int together;            /* so many are read before the first of them is answered */
    const char *retry_after; /* with 429 */
    _Atomic int asked;
    char url[64], poor_url[64];
    pthread_t thread;
};

static void answer(struct server *s, int fd, const char *request)
{
    char text[4096];
    bool poor = strstr(request, "/poor") && s->poor-- > 0;
    int status = poor ? 429 : s->statuses[s->served < s->count ? s->served : s->count - 1];
    s->served += !poor;
    while (status == 0 && read(fd, text, sizeof text) > 0)
        continue;
    bool hint = status == 429 && s->retry_after;
    int n =
        snprintf(text, sizeof text,
                 "HTTP/1.1 %d X\r\n%s%s%sContent-Length: 2\r\nConnection: close\r\n\r\n{}", status,
                 hint ? "Retry-After: " : "", hint ? s->retry_after : "", hint ? "\r\n" : "");
    if (status > 0 && write(fd, text, (size_t)n) < 0)
        perror("write");
    close(fd);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (;;) {
        static char text[MOST][4096];
        int fds[MOST];
        int n = 0;
        do {
            fds[n] = accept(s->fd, NULL, NULL);
            if (fds[n] < 0)
                return NULL;
            ssize_t got = read(fds[n], text[n], sizeof text[n] - 1);
            text[n][got > 0 ? got : 0] = '\0';
            n++;
            s->asked++;
        } while (n < s->together);
        for (int i = 0; i < n; i++)
            answer(s, fds[i], text[i]);
    }
}

static void start_server(struct server *s, const int *statuses, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    s->count = count;
    memcpy(s->statuses, statuses, (size_t)count * sizeof *statuses);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->fd, 32), 0);
    getsockname(s->fd, (struct sockaddr *)&address, &len);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/v1", ntohs(address.sin_port));
    snprintf(s->poor_url, sizeof s->poor_url, "http://127.0.0.1:%d/poor", ntohs(address.sin_port));
    pthread_create(&s->thread, NULL, serve, s);
}

static void stop_server(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

struct call {
    struct ts_api_call api; /* first */
    enum ts_job_end end;
    struct ts_err err;
    int ended, written;
    bool again, poor;     /* again: what the first answer leads to */
    struct call *cancels; /* this one, when it is answered */
};
static int left;
static struct ts_loop *loop; /* of the test that runs */

static void on_done(struct ts_api_call *api, enum ts_job_end end)
{
    struct call *c = (struct call *)(void *)api;
    c->end = end;
    if (end == TS_JOB_FAILED)
        c->err = *api->err;
    c->ended++;
    if (--left == 0)
        ts_loop_break(loop);
}

static void write_body(struct ts_api_call *api, struct ts_buf *body)
{
    ((struct call *)(void *)api)->written++;
    ts_buf_add_str(body, "{}");
}

static enum ts_api_outcome read_answer(struct ts_api_call *api, const struct ts_http_job *answer,
                                       struct ts_err *err)
{
    struct call *c = (struct call *)(void *)api;
    if (c->cancels)
        ts_api_cancel(api->api, &c->cancels->api);
    if (c->again) {
        c->again = false;
        return TS_API_AGAIN;
    }
    return ts_api_status("the peer", answer->status, err);
}

struct bed {
    struct server server;
    struct ts_loop *loop;
    struct ts_api *api;
};

static void make(struct bed *b, const int *statuses, int count, struct ts_api_options options)
{
    start_server(&b->server, statuses, count);
    b->loop = loop = ts_loop_new("test");
    options.name = "the peer";
    options.timeout = options.timeout ? options.timeout : 5 * TS_S;
    options.retry_unit = TS_MS;
    options.max_in_flight = options.max_in_flight ? options.max_in_flight : 8;
    b->api = ts_api_new(b->loop, &options);
}

static void submit(struct bed *b, struct call *c, ts_time deadline)
{
    *c = (struct call){.again = c->again, .poor = c->poor, .cancels = c->cancels};
    c->api = (struct ts_api_call){.deadline = deadline,
                                  .done = on_done,
                                  .url = c->poor ? b->server.poor_url : b->server.url,
                                  .tokens = 1000,
                                  .retries = -1,
                                  .write = write_body,
                                  .read = read_answer};
    left++;
    ts_api_submit(b->api, &c->api);
}

static void unmake(struct bed *b)
{
    ts_api_free(b->api);
    ts_loop_free(b->loop);
    stop_server(&b->server);
}

static const struct row {
    const char *name;
    int statuses[MOST], count;
    bool again;
    enum ts_job_end end;
    int attempts;
    enum ts_code code;
    const char *says;
} rows[] = {
    {"an answer", {200}, 1, false, TS_JOB_DONE, 1, TS_OK, NULL},
    {"trouble that passes", {500, 503, 200}, 3, false, TS_JOB_DONE, 3, TS_OK, NULL},
    {"trouble that does not",
     {500},
     1,
     false,
     TS_JOB_FAILED,
     3,
     TS_UNAVAILABLE,
     "status 500 (after 3 attempts)"},
    {"a limit that passes", {429, 429, 429, 429, 429, 200}, 6, false, TS_JOB_DONE, 6, TS_OK, NULL},
    {"a limit that does not",
     {429},
     1,
     false,
     TS_JOB_FAILED,
     10,
     TS_RESOURCE_EXHAUSTED,
     "status 429 (after 10 attempts)"},
    {"a wrong key", {401}, 1, false, TS_JOB_FAILED, 1, TS_UNAUTHENTICATED, "status 401"},
    {"not there", {404}, 1, false, TS_JOB_FAILED, 1, TS_NOT_FOUND, "status 404"},
    {"asked differently", {400, 200}, 2, true, TS_JOB_DONE, 2, TS_OK, NULL},
    {"silence once", {0, 200}, 2, false, TS_JOB_DONE, 2, TS_OK, NULL},
    {"silence for good",
     {0},
     1,
     false,
     TS_JOB_FAILED,
     3,
     TS_DEADLINE_EXCEEDED,
     "did not answer within timeout (after 3 attempts)"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct bed b = {0};
    struct call c = {.again = row->again};
    make(&b, row->statuses, row->count,
         (struct ts_api_options){.retries = 2, .timeout = 300 * TS_MS});
    submit(&b, &c, 0);
    ts_loop_run(b.loop);
    assert_int_equal(c.end, row->end);
    assert_int_equal(c.ended, 1);
    assert_int_equal(c.api.attempts, row->attempts);
    assert_int_equal(c.written, row->attempts);
    assert_int_equal(c.err.code, row->code);
    if (row->says && !strstr(c.err.what, row->says))
        fail_msg("'%s' does not say '%s'", c.err.what, row->says);
    unmake(&b);
}

static void many_calls_share_the_window(void **state)
{
    (void)state;
    struct bed b = {0};
    struct call calls[200];
    const int ok[] = {200};
    memset(calls, 0, sizeof calls);
    make(&b, ok, 1, (struct ts_api_options){.max_in_flight = 4});
    for (size_t i = 0; i < TS_COUNT(calls); i++)
        submit(&b, &calls[i], 0);
    ts_loop_run(b.loop);
    for (size_t i = 0; i < TS_COUNT(calls); i++)
        assert_true(calls[i].ended == 1 && calls[i].end == TS_JOB_DONE);
    unmake(&b);
}

/* One a minute: the second is not sent, and its deadline ends it where it waits. */
static void hold_back(struct ts_api_options options)
{
    struct bed b = {0};
    struct call calls[2] = {{.again = false}};
    make(&b, (const int[]){200}, 1, options);
    for (int i = 0; i < 2; i++) {
        submit(&b, &calls[i], ts_now() + 400 * TS_MS);
        ts_loop_run(b.loop);
    }
    assert_int_equal(calls[0].end, TS_JOB_DONE);
    assert_int_equal(calls[1].end, TS_JOB_EXPIRED);
    assert_int_equal(calls[1].api.attempts, 0);
    unmake(&b);
}

static void limits_per_minute_hold_calls_back(void **state)
{
    (void)state;
    hold_back((struct ts_api_options){.calls_per_minute = 1});
    hold_back((struct ts_api_options){.tokens_per_minute = 1000}); /* each is for 1000 */
}

static void closing_cancels_what_waits_what_is_sent_and_what_comes(void **state)
{
    (void)state;
    struct bed b = {0};
    struct call sent = {0};
    struct call waits = {0};
    struct call late = {0};
    const int silence[] = {0};
    make(&b, silence, 1, (struct ts_api_options){.max_in_flight = 1});
    submit(&b, &sent, 0);
    submit(&b, &waits, 0);
    ts_api_close(b.api);
    submit(&b, &late, 0);
    ts_loop_run(b.loop);
    assert_true(sent.end == TS_JOB_CANCELLED && sent.ended == 1);
    assert_true(waits.end == TS_JOB_CANCELLED && waits.ended == 1 && waits.written == 0);
    assert_true(late.end == TS_JOB_CANCELLED && late.ended == 1);
    unmake(&b);
}

static void one_that_waits_for_a_retry_can_be_cancelled(void **state)
{
    (void)state;
    struct bed b = {0};
    struct call c = {0};
    make(&b, (const int[]){500}, 1, (struct ts_api_options){.retries = 1000});
    submit(&b, &c, 0);
    while (c.api.failures < 3)
        uv_run(ts_loop_uv(b.loop), UV_RUN_ONCE);
    ts_api_cancel(b.api, &c.api);
    ts_loop_run(b.loop);
    assert_true(c.end == TS_JOB_CANCELLED && c.ended == 1);
    unmake(&b);
}

/* One call that is refused `times` while others, sent between its tries, are taken. */
static void one_of_many(struct bed *b, struct call *poor, int times)
{
    struct call others[100];
    memset(others, 0, sizeof others);
    b->server.poor = times;
    make(b, (const int[]){200}, 1, (struct ts_api_options){.max_in_flight = 4, .retries = 0});
    submit(b, poor, 0);
    for (size_t i = 0; i < TS_COUNT(others); i++)
        submit(b, &others[i], 0);
    ts_loop_run(b->loop);
    for (size_t i = 0; i < TS_COUNT(others); i++)
        assert_true(others[i].ended == 1 && others[i].end == TS_JOB_DONE);
    unmake(b);
}

static void refusals_cost_no_attempt_while_others_are_taken(void **state)
{
    (void)state;
    struct bed b = {0};
    struct call poor = {.poor = true};
    one_of_many(&b, &poor, 6);
    assert_true(poor.end == TS_JOB_DONE && poor.api.attempts == 7);
}

static void one_that_is_always_refused_ends_and_harms_no_other(void **state)
{
    (void)state;
    struct bed b = {0};
    struct call poor = {.poor = true};
    one_of_many(&b, &poor, 1000);
    assert_int_equal(poor.end, TS_JOB_FAILED);
    assert_true(poor.api.attempts >= 10 && poor.api.attempts <= 30);
    assert_non_null(strstr(poor.err.what, "status 429 (after"));
}

static void a_pause_is_as_long_as_we_allow(void **state)
{
    (void)state;
    struct bed b = {.server.retry_after = "86400"};
    struct call calls[6];
    memset(calls, 0, sizeof calls);
    make(&b, (const int[]){429, 200}, 2,
         (struct ts_api_options){.longest_pause = 50 * TS_MS, .max_in_flight = 2});
    for (size_t i = 0; i < TS_COUNT(calls); i++)
        submit(&b, &calls[i], 0);
    ts_loop_run(b.loop);
    for (size_t i = 0; i < TS_COUNT(calls); i++)
        assert_true(calls[i].end == TS_JOB_DONE);
    unmake(&b);
}

static void a_pause_beyond_the_deadline_ends_a_call_at_once(void **state)
{
    (void)state;
    struct bed b = {.server.retry_after = "86400"};
    struct call c = {0};
    make(&b, (const int[]){429}, 1, (struct ts_api_options){0});
    submit(&b, &c, ts_now() + 60 * TS_S);
    ts_loop_run(b.loop);
    assert_true(c.end == TS_JOB_FAILED && c.api.attempts == 1);
    assert_int_equal(c.err.code, TS_RESOURCE_EXHAUSTED);
    unmake(&b);
}

/* Both answers are there before the loop looks: when the first is read, the second is on its way. */
static void an_answer_on_its_way_home_is_not_asked_again_after_a_cancel(void **state)
{
    (void)state;
    struct bed b = {.server.together = 2};
    struct call second = {0};
    struct call first = {.cancels = &second};
    make(&b, (const int[]){500}, 1, (struct ts_api_options){.retries = 5});
    submit(&b, &first, 0);
    submit(&b, &second, 0);
    first.api.retries = 0;
    while (b.server.asked < 2)
        uv_run(ts_loop_uv(b.loop), UV_RUN_NOWAIT);
    usleep(50000);
    ts_loop_run(b.loop);
    assert_true(first.end == TS_JOB_FAILED);
    assert_true(second.end == TS_JOB_CANCELLED && second.ended == 1);
    assert_int_equal(b.server.asked, 2);
    unmake(&b);
}

static void nobody_there(void **state)
{
    (void)state;
    for (int unreached = 0; unreached <= 5; unreached += 5) {
        struct bed b = {0};
        struct call c = {0};
        make(&b, (const int[]){200}, 1,
             (struct ts_api_options){.retries = 1, .unreached = unreached});
        stop_server(&b.server);
        submit(&b, &c, 0);
        ts_loop_run(b.loop);
        assert_int_equal(c.end, TS_JOB_FAILED);
        assert_int_equal(c.api.attempts, unreached ? 6 : 2);
        ts_api_free(b.api);
        ts_loop_free(b.loop);
    }
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 10];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(many_calls_share_the_window),
        cmocka_unit_test(limits_per_minute_hold_calls_back),
        cmocka_unit_test(closing_cancels_what_waits_what_is_sent_and_what_comes),
        cmocka_unit_test(one_that_waits_for_a_retry_can_be_cancelled),
        cmocka_unit_test(refusals_cost_no_attempt_while_others_are_taken),
        cmocka_unit_test(one_that_is_always_refused_ends_and_harms_no_other),
        cmocka_unit_test(a_pause_is_as_long_as_we_allow),
        cmocka_unit_test(a_pause_beyond_the_deadline_ends_a_call_at_once),
        cmocka_unit_test(an_answer_on_its_way_home_is_not_asked_again_after_a_cancel),
        cmocka_unit_test(nobody_there),
    };
    memcpy(tests + TS_COUNT(rows), more, sizeof more);
    return cmocka_run_group_tests_name("api client", tests, NULL, NULL);
}
