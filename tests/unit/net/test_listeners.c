/* A library that listens and accepts with plain system calls; this program is one. */
#include "testing.h"

#include "net/connections.h"
#include "net/listeners.h"
#include "telemetry/metrics.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct home {
    struct ts_counter refused, cut;
    struct ts_connections *connections;
    struct ts_listeners *listeners;
    struct sockaddr_storage address;
    socklen_t len;
    int fd;
};

static void open_home(struct home *h, int family, int64_t max)
{
    struct ts_err err = {0};
    *h = (struct home){.len = sizeof h->address};
    h->connections = ts_connections_new(max, &h->cut, &err);
    assert_non_null(h->connections);
    h->listeners = ts_listeners_new(h->connections, &h->refused);
    h->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    const struct sockaddr_un un = {.sun_family = AF_UNIX}; /* a name that the system chooses */
    if (family == AF_INET)
        assert_int_equal(bind(h->fd, (struct sockaddr *)&in, sizeof in), 0);
    else if (family == AF_INET6)
        assert_int_equal(bind(h->fd, (struct sockaddr *)&in6, sizeof in6), 0);
    else
        assert_int_equal(bind(h->fd, (const struct sockaddr *)&un, sizeof un.sun_family), 0);
    ts_listeners_begin(h->listeners);
    assert_int_equal(listen(h->fd, 16), 0);
    ts_listeners_end();
    assert_int_equal(getsockname(h->fd, (struct sockaddr *)&h->address, &h->len), 0);
}

static void close_home(struct home *h)
{
    close(h->fd);
    ts_listeners_free(h->listeners);
    ts_connections_free(h->connections);
}

static int client(const struct home *h)
{
    int fd = socket(h->address.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&h->address, h->len), 0);
    return fd;
}

static int accepted(const struct home *h)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    int fd = accept4(h->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
    if (fd >= 0)
        assert_int_equal(peer.ss_family, h->address.ss_family);
    return fd;
}

static void no_more(const struct home *h)
{
    assert_int_equal(accepted(h), -1);
    assert_int_equal(errno, EAGAIN);
}

/* Counting out waits a little after each look. */
static void wait_until_open(const struct home *h, int64_t count)
{
    for (int i = 0; i < 10000 && ts_connections_state(h->connections).open != count; i++)
        usleep(1000);
    assert_int_equal(ts_connections_state(h->connections).open, count);
}

static void a_place_is_free_again_when_its_connection_is_closed(void **state)
{
    (void)state;
    struct home h;
    open_home(&h, AF_INET, 2);
    int clients[4] = {client(&h), client(&h), client(&h), -1};
    int first = accepted(&h);
    int second = accepted(&h);
    assert_true(first >= 0 && second >= 0);
    no_more(&h);
    assert_int_equal(ts_counted(&h.refused), 1);
    char byte;
    assert_int_equal(recv(clients[2], &byte, 1, 0), 0); /* closed */
    close(first);
    wait_until_open(&h, 1);
    clients[3] = client(&h);
    first = accepted(&h);
    assert_true(first >= 0);
    wait_until_open(&h, 2);
    assert_int_equal(ts_counted(&h.refused), 1);
    close(first);
    close(second);
    for (size_t i = 0; i < TS_COUNT(clients); i++)
        close(clients[i]);
    close_home(&h);
}

static void without_descriptors_connections_are_refused_and_nothing_fails(void **state)
{
    (void)state;
    struct home h;
    struct rlimit limit;
    open_home(&h, AF_INET, 8);
    int one = client(&h);
    int fill[64];
    size_t count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit few = {(rlim_t)one + 8, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < TS_COUNT(fill) && (fill[count] = dup(one)) >= 0)
        count++;
    no_more(&h);
    assert_int_equal(ts_counted(&h.refused), 1);
    while (count > 0)
        close(fill[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int two = client(&h);
    int got = accepted(&h);
    assert_true(got >= 0);
    close(got);
    close(one);
    close(two);
    close_home(&h);
}

static void a_look_at_it_takes_no_place(void **state)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
    (void)state;
    for (size_t i = 0; i < TS_COUNT(families); i++) {
        struct home h;
        open_home(&h, families[i], 1);
        for (int n = 0; n < 10; n++) {
            assert_true(ts_listeners_check(h.listeners));
            no_more(&h);
        }
        assert_int_equal(ts_connections_state(h.connections).open, 0);
        assert_int_equal(ts_counted(&h.refused), 0);
        close_home(&h);
    }
}

static void one_that_accepts_no_more_is_dead(void **state)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX};
    (void)state;
    for (size_t i = 0; i < TS_COUNT(families); i++) {
        struct home h;
        open_home(&h, families[i], 1);
        int n = 0;
        while (n < 10 && ts_listeners_check(h.listeners))
            n++;
        assert_in_range(n, 2, 5);
        close_home(&h);
    }
}

static void one_that_was_shut_down_is_dead_at_once(void **state)
{
    (void)state;
    struct home h;
    open_home(&h, AF_INET, 1);
    assert_true(ts_listeners_check(h.listeners));
    shutdown(h.fd, SHUT_RDWR);
    assert_false(ts_listeners_check(h.listeners));
    close_home(&h);
}

int main(void)
{
    const struct rlimit usual = {1024, 1024};
    setrlimit(RLIMIT_NOFILE, &usual);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_free_again_when_its_connection_is_closed),
        cmocka_unit_test(without_descriptors_connections_are_refused_and_nothing_fails),
        cmocka_unit_test(a_look_at_it_takes_no_place),
        cmocka_unit_test(one_that_accepts_no_more_is_dead),
        cmocka_unit_test(one_that_was_shut_down_is_dead_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
