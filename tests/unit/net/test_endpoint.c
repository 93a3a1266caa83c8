/* Endpoints as people write them, taken apart. */
#include "testing.h"

#include "net/endpoint.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct row {
    const char *text, *scheme, *user, *address, *host, *port, *path;
};

static const struct row rows[] = {
    {"localhost:4317", "", "", "localhost:4317", "localhost", "4317", ""},
    {"localhost", "", "", "localhost", "localhost", "", ""},
    {"localhost:", "", "", "localhost:", "localhost", "", ""},
    {":4317", "", "", ":4317", "", "4317", ""},
    {"", "", "", "", "", "", ""},
    {"[::1]:4317", "", "", "[::1]:4317", "::1", "4317", ""},
    {"[::1]", "", "", "[::1]", "::1", "", ""},
    {"[]:1", "", "", "[]:1", "", "1", ""},
    {"[", "", "", "[", "[", "", ""},
    {"::1:8888", "", "", "::1:8888", "::1", "8888", ""}, /* the last colon parts */
    {"http://phoenix:6006", "http", "", "phoenix:6006", "phoenix", "6006", ""},
    {"https://h:4317/", "https", "", "h:4317", "h", "4317", "/"},
    {"https://h/v1/traces", "https", "", "h", "h", "", "/v1/traces"},
    {"http://[fe80::1]:80/x", "http", "", "[fe80::1]:80", "fe80::1", "80", "/x"},
    {"http://h:1?q=a:2", "http", "", "h:1", "h", "1", "?q=a:2"},
    {"http://h:1#a:2", "http", "", "h:1", "h", "1", "#a:2"},
    {"http://me:pass@h:1/x@y", "http", "me:pass", "h:1", "h", "1", "/x@y"},
    {"http://me:p@ss@h", "http", "me:p@ss", "h", "h", "", ""},
    {"http:///x", "http", "", "", "", "", "/x"},
    {"dns:///h:443", "dns", "", "h:443", "h", "443", ""},
    {"dns://8.8.8.8/h:443", "dns", "", "h:443", "h", "443", ""},
    {"grpc://h:443/", "grpc", "", "h:443", "h", "443", "/"},
    {"unix:/run/x:1.sock", "unix", "", "", "", "", "/run/x:1.sock"},
    {"unix:///run/x.sock", "unix", "", "", "", "", "/run/x.sock"},
    {"unix:x.sock", "unix", "", "", "", "", "x.sock"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_endpoint e = ts_endpoint_of(ts_view_str(row->text));
    assert_view_is(e.scheme, row->scheme);
    assert_view_is(e.user, row->user);
    assert_view_is(e.address, row->address);
    assert_view_is(e.host, row->host);
    assert_view_is(e.port, row->port);
    assert_view_is(e.path, row->path);
}

static void bytes_behind_the_view_are_not_looked_at(void **state)
{
    (void)state;
    struct ts_endpoint e = ts_endpoint_of(ts_view_of("h:43@x/17", 4));
    assert_view_is(e.host, "h");
    assert_view_is(e.port, "43");
    assert_view_is(e.path, "");
}

static void a_url_has_a_scheme_of_http_and_a_host(void **state)
{
    (void)state;
    assert_true(ts_endpoint_is_url(TS_LIT("http://h")));
    assert_true(ts_endpoint_is_url(TS_LIT("https://[::1]:1/x")));
    assert_false(ts_endpoint_is_url(TS_LIT("h:6006")));
    assert_false(ts_endpoint_is_url(TS_LIT("ftp://h")));
    assert_false(ts_endpoint_is_url(TS_LIT("http://")));
    assert_false(ts_endpoint_is_url(TS_LIT("http:///v1")));
    assert_false(ts_endpoint_is_url(TS_NOTHING));
}

static void numbers_resolve_with_their_port(void **state)
{
    (void)state;
    struct addrinfo *list = NULL;
    struct ts_err err = {0};
    assert_true(ts_endpoint_resolve("127.0.0.1:4317", &list, &err));
    const struct sockaddr_in *in = (const void *)list->ai_addr;
    assert_int_equal(list->ai_family, AF_INET);
    assert_int_equal(ntohs(in->sin_port), 4317);
    assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
    freeaddrinfo(list);
    assert_true(ts_endpoint_resolve("[::1]:0", &list, &err));
    assert_int_equal(list->ai_family, AF_INET6);
    freeaddrinfo(list);
}

static void no_host_is_every_address(void **state)
{
    (void)state;
    struct addrinfo *list = NULL;
    struct ts_err err = {0};
    bool any = false;
    assert_true(ts_endpoint_resolve(":4317", &list, &err));
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        const struct sockaddr_in *in = (const void *)a->ai_addr;
        any |= a->ai_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY);
    }
    assert_true(any);
    freeaddrinfo(list);
}

static void what_cannot_be_listened_on_says_what_to_write(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } bad[] = {{"localhost", "'localhost' has no port; write host:port"},
               {"[::1]", "'[::1]' has no port; write host:port"},
               {"", "'' has no port; write host:port"},
               {"http://0.0.0.0:1", "'http://0.0.0.0:1': that is no address; write host:port"},
               {"0.0.0.0:1/x", "'0.0.0.0:1/x': that is no address; write host:port"},
               {"me@0.0.0.0:1", "'me@0.0.0.0:1': that is no address; write host:port"},
               {"unix:/x", "'unix:/x': that is no address; write host:port"},
               {"127.0.0.1:nosuch", "cannot listen on '127.0.0.1:nosuch': "}};
    for (size_t i = 0; i < TS_COUNT(bad); i++) {
        struct addrinfo *list = NULL;
        struct ts_err err = {0};
        assert_false(ts_endpoint_resolve(bad[i].text, &list, &err));
        assert_int_equal(err.code, TS_INVALID_ARGUMENT);
        assert_non_null(strstr(err.what, bad[i].error));
        assert_null(list);
    }
}

int main(void)
{
    static const struct CMUnitTest more[] = {
        cmocka_unit_test(bytes_behind_the_view_are_not_looked_at),
        cmocka_unit_test(a_url_has_a_scheme_of_http_and_a_host),
        cmocka_unit_test(numbers_resolve_with_their_port),
        cmocka_unit_test(no_host_is_every_address),
        cmocka_unit_test(what_cannot_be_listened_on_says_what_to_write),
    };
    struct CMUnitTest tests[TS_COUNT(rows) + TS_COUNT(more)];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] = (struct CMUnitTest){*rows[i].text ? rows[i].text : "nothing", check_row, NULL,
                                       NULL, (void *)(uintptr_t)&rows[i]};
    memcpy(tests + TS_COUNT(rows), more, sizeof more);
    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
