/* The HTTP client against a socket that answers as it is told, well or badly. */
#include "testing.h"

#include "net/http_client.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Serves `count` connections one after the other: reads a request, sends `answer`, closes. */
struct server {
    int fd, count;
    const char *answer; /* NULL: say nothing and wait for the peer to go */
    char url[64];
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int i = 0; i < s->count; i++) {
        char request[8192];
        int fd = accept(s->fd, NULL, NULL);
        ssize_t n = read(fd, request, sizeof request);
        if (n > 0 && s->answer)
            n = write(fd, s->answer, strlen(s->answer));
        while (!s->answer && n > 0)
            n = read(fd, request, sizeof request);
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *s, const char *answer, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    *s = (struct server){.fd = socket(AF_INET, SOCK_STREAM, 0), .count = count, .answer = answer};
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    getsockname(s->fd, (struct sockaddr *)&address, &len);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/x?secret", ntohs(address.sin_port));
    if (count > 0)
        pthread_create(&s->thread, NULL, serve, s);
}

static void stop_server(struct server *s)
{
    if (s->count > 0)
        pthread_join(s->thread, NULL);
    close(s->fd);
}

struct exchange {
    struct ts_http_job http; /* first */
    enum ts_job_end end;
};

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct exchange *x = (struct exchange *)(void *)job;
    x->end = end;
    ts_loop_break(job->home);
}

static void post(struct exchange *x, const char *url, size_t max, ts_time timeout)
{
    static const char *const headers[] = {"Content-Type: text/plain", NULL};
    struct ts_loop *loop = ts_loop_new("test");
    struct ts_http_options options = {.connect_timeout = 0};
    struct ts_http_client *client = ts_http_client_new(loop, &options);
    *x = (struct exchange){.http = {.job = {.home = loop, .done = on_done}}};
    x->http.job.deadline = timeout ? ts_now() + timeout : TS_NEVER;
    x->http.request.method = "POST";
    x->http.request.url = url;
    x->http.request.headers = headers;
    x->http.request.body = TS_LIT("body");
    x->http.request.max_response = max;
    ts_http_submit(client, &x->http);
    ts_loop_run(loop);
    ts_http_client_free(client);
    ts_loop_free(loop);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static void an_answer_comes_with_all_it_says(void **state)
{
    (void)state;
    struct server s;
    struct exchange x;
    start_server(&s,
                 "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Type: Text/HTML; charset=x\r\n"
                 "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
                 1);
    post(&x, s.url, 0, 5 * TS_S);
    assert_int_equal(x.end, TS_JOB_DONE);
    assert_int_equal(x.http.status, 429);
    assert_int_equal(x.http.limits.retry_after, 7 * TS_S);
    assert_string_equal(x.http.content_type, "text/html");
    assert_view_is(ts_buf_view(&x.http.body), "hi");
    ts_http_job_release(&x.http);
    stop_server(&s);
}

static void a_date_is_a_delay_too(void **state)
{
    (void)state;
    struct server s;
    struct exchange x;
    char answer[256];
    char date[64];
    time_t when = time(NULL) + 100;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    snprintf(answer, sizeof answer, OK_HEAD "Retry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
    start_server(&s, answer, 1);
    post(&x, s.url, 0, 5 * TS_S);
    assert_true(x.http.limits.retry_after > 90 * TS_S && x.http.limits.retry_after <= 100 * TS_S);
    ts_http_job_release(&x.http);
    stop_server(&s);
}

static void too_long_an_answer_fails(void **state)
{
    (void)state;
    struct server s;
    struct exchange x;
    start_server(&s, OK_HEAD "Content-Length: 10\r\n\r\n0123456789", 1);
    post(&x, s.url, 5, 5 * TS_S);
    assert_int_equal(x.end, TS_JOB_FAILED);
    assert_int_equal(x.http.job.err.code, TS_RESOURCE_EXHAUSTED);
    ts_http_job_release(&x.http);
    stop_server(&s);
}

static void silence_expires(void **state)
{
    (void)state;
    struct server s;
    struct exchange x;
    start_server(&s, NULL, 1);
    post(&x, s.url, 0, 50 * TS_MS);
    assert_int_equal(x.end, TS_JOB_EXPIRED);
    ts_http_job_release(&x.http);
    stop_server(&s);
}

static void troubles_are_told_apart_and_hide_the_path(void **state)
{
    (void)state;
    struct server s;
    struct exchange x;
    start_server(&s, "nonsense that is no HTTP\r\n\r\n", 1);
    post(&x, s.url, 0, 5 * TS_S);
    assert_int_equal(x.end, TS_JOB_FAILED);
    assert_int_equal(x.http.job.err.code, TS_UNAVAILABLE);
    assert_null(strstr(x.http.job.err.what, "secret"));
    ts_http_job_release(&x.http);
    stop_server(&s);

    start_server(&s, NULL, 0);
    close(s.fd); /* nobody listens any more */
    post(&x, s.url, 0, 5 * TS_S);
    assert_int_equal(x.end, TS_JOB_FAILED);
    assert_int_equal(x.http.job.err.code, TS_UNAVAILABLE);
    ts_http_job_release(&x.http);

    post(&x, "gopher://127.0.0.1/", 0, 5 * TS_S);
    assert_int_equal(x.http.job.err.code, TS_INVALID_ARGUMENT);
    ts_http_job_release(&x.http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_all_it_says),
        cmocka_unit_test(a_date_is_a_delay_too),
        cmocka_unit_test(too_long_an_answer_fails),
        cmocka_unit_test(silence_expires),
        cmocka_unit_test(troubles_are_told_apart_and_hide_the_path),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
