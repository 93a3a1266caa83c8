/* Descriptors of real connections; peers in gRPC core's words. */
#include "testing.h"

#include "net/connections.h"
#include "net/peer.h"
#include "telemetry/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { AT_ONCE = 256, A_SECOND = 33 }; /* connections.h */
#define START (1000 * TS_S)

struct pair {
    int client, server;
    struct sockaddr_storage from;
    char peer[80];
};

static struct pair connect_pair(void)
{
    struct pair p = {0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address, from_len = sizeof p.from;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    p.client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p.client, (struct sockaddr *)&address, len), 0);
    p.server = accept(listener, (struct sockaddr *)&p.from, &from_len);
    assert_true(p.server >= 0);
    close(listener);
    snprintf(p.peer, sizeof p.peer, "ipv4:127.0.0.1:%d",
             ntohs(((struct sockaddr_in *)&p.from)->sin_port));
    return p;
}

static void close_pair(const struct pair *p)
{
    close(p->client);
    close(p->server);
}

static bool is_cut(int server)
{
    char byte;
    return recv(server, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

static void calls_taken_back_beyond_the_budget_cut_that_connection_only(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_counter cut = {0};
    struct ts_connections *c = ts_connections_new(8, &cut, &err);
    struct pair bad = connect_pair(), good = connect_pair();
    assert_true(ts_connections_add(c, bad.server, &bad.from));
    assert_true(ts_connections_add(c, good.server, &good.from));
    for (int i = 0; i < AT_ONCE; i++)
        assert_true(ts_connections_took_back(c, bad.peer, START));
    assert_int_equal(send(bad.client, "unread", 6, 0), 6);
    assert_int_equal(ts_connections_state(c).cut, 0);
    assert_false(ts_connections_took_back(c, bad.peer, START));
    assert_true(is_cut(bad.server)); /* nothing of what had arrived is read */
    assert_int_equal(ts_connections_state(c).cut, 1);
    assert_int_equal(ts_connections_state(c).open, 1);
    assert_false(ts_connections_took_back(c, bad.peer, START)); /* gone */
    assert_int_equal(ts_connections_state(c).cut, 1);
    assert_true(ts_connections_took_back(c, good.peer, START));
    assert_false(is_cut(good.server));
    close_pair(&bad);
    close_pair(&good);
    ts_connections_free(c);
}

static void the_budget_grows_again(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_counter cut = {0};
    struct ts_connections *c = ts_connections_new(8, &cut, &err);
    struct pair p = connect_pair();
    assert_true(ts_connections_add(c, p.server, &p.from));
    for (int i = 0; i < AT_ONCE; i++)
        assert_true(ts_connections_took_back(c, p.peer, START));
    for (int i = 0; i < A_SECOND; i++)
        assert_true(ts_connections_took_back(c, p.peer, START + TS_S));
    for (int i = 0; i < AT_ONCE; i++) /* never more than that, however long it was quiet */
        assert_true(ts_connections_took_back(c, p.peer, START + 3600 * TS_S));
    assert_false(ts_connections_took_back(c, p.peer, START + 3600 * TS_S));
    close_pair(&p);
    ts_connections_free(c);
}

static void a_number_that_another_connection_has_by_now_is_not_cut(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_counter cut = {0};
    struct ts_connections *c = ts_connections_new(8, &cut, &err);
    struct pair old = connect_pair(), other = connect_pair();
    assert_true(ts_connections_add(c, old.server, &old.from));
    assert_int_equal(dup2(other.server, old.server), old.server);
    for (int i = 0; i <= AT_ONCE; i++)
        ts_connections_took_back(c, old.peer, START);
    assert_false(is_cut(other.server));
    assert_int_equal(ts_connections_state(c).cut, 0);
    close_pair(&old);
    close_pair(&other);
    ts_connections_free(c);
}

static void a_client_without_an_address_has_no_budget(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_counter cut = {0};
    struct ts_connections *c = ts_connections_new(8, &cut, &err);
    for (int i = 0; i < 2 * AT_ONCE; i++)
        assert_true(ts_connections_took_back(c, "unix:", START));
    ts_connections_free(c);
}

static void more_than_the_limit_on_files_has_room_for_is_an_error(void **state)
{
    (void)state;
    struct ts_err err = {0};
    struct ts_counter cut = {0};
    assert_null(ts_connections_new(ts_connections_room() + 1, &cut, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(err.what, "ulimit -n"));
}

static struct ts_peer peer_of(int family, const char *address, uint16_t port)
{
    struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
    void *to = family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr;
    assert_int_equal(inet_pton(family, address, to), 1);
    in->sin_port = htons(port); /* in the same place for both */
    return ts_peer_of(&storage);
}

static void a_peer_is_known_by_core_s_words_for_it(void **state)
{
    static const struct {
        int family;
        const char *address;
        uint16_t port;
        const char *text;
        bool same;
    } rows[] = {
        {AF_INET, "192.0.2.1", 4711, "ipv4:192.0.2.1:4711", true},
        {AF_INET, "192.0.2.1", 4711, "ipv4:192.0.2.1:4712", false},
        {AF_INET, "192.0.2.1", 4711, "ipv4:192.0.2.2:4711", false},
        {AF_INET6, "::ffff:192.0.2.1", 4711, "ipv4:192.0.2.1:4711", true},
        {AF_INET6, "2001:db8::1", 65535, "ipv6:%5B2001:db8::1%5D:65535", true},
        {AF_INET6, "2001:db8::1", 65535, "ipv6:[2001:db8::1]:65535", true},
        {AF_INET6, "2001:db8::1", 65535, "ipv6:%5b2001:db8::2%5d:65535", false},
        {AF_INET6, "fe80::1", 1, "ipv6:%5Bfe80::1%25eth0%5D:1", true},
        {AF_INET6, "fe80::1", 1, "ipv6:[fe80::1%eth0]:1", true},
        {AF_INET, "192.0.2.1", 4711, "192.0.2.1:4711", false},
        {AF_INET, "192.0.2.1", 4711, "ipv4:192.0.2.1:4711x", false},
        {AF_INET, "192.0.2.1", 4711, "ipv4:192.0.2.1", false},
        {AF_INET, "192.0.2.1", 4711, "ipv4:", false},
        {AF_INET, "192.0.2.1", 4711, "ipv4:4711", false},
        {AF_INET, "192.0.2.1", 4711, "", false},
        {AF_INET, "192.0.2.1", 0, "ipv4:192.0.2.1:70000", false},
        {AF_INET6, "::", 1, "unix:", false},
    };
    (void)state;
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        const struct ts_peer a = peer_of(rows[i].family, rows[i].address, rows[i].port);
        const struct ts_peer b = ts_peer_parse(rows[i].text);
        if (ts_peer_is(&a, &b) != rows[i].same)
            fail_msg("row %zu: %s", i, rows[i].text);
    }
    const struct ts_peer nobody = {0};
    assert_false(ts_peer_is(&nobody, &nobody));
}

int main(void)
{
    const struct rlimit usual = {1024, 1024};
    setrlimit(RLIMIT_NOFILE, &usual);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_taken_back_beyond_the_budget_cut_that_connection_only),
        cmocka_unit_test(the_budget_grows_again),
        cmocka_unit_test(a_number_that_another_connection_has_by_now_is_not_cut),
        cmocka_unit_test(a_client_without_an_address_has_no_budget),
        cmocka_unit_test(more_than_the_limit_on_files_has_room_for_is_an_error),
        cmocka_unit_test(a_peer_is_known_by_core_s_words_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
