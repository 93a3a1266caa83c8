/* endpoint.c - from the left: scheme, user, host, port, path. */
#include "net/endpoint.h"

#include "base/buf.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Position of the last `c`, or SIZE_MAX. */
static size_t last_of(ts_view v, char c)
{
    const uint8_t *at = v.len ? memrchr(v.ptr, c, v.len) : NULL;
    return at ? (size_t)(at - v.ptr) : SIZE_MAX;
}

static size_t first_of(ts_view v, const char *any)
{
    size_t at = 0;
    while (at < v.len && (v.ptr[at] == '\0' || !strchr(any, v.ptr[at])))
        at++;
    return at;
}

static bool is_http(ts_view scheme)
{
    return ts_view_is(scheme, "http") || ts_view_is(scheme, "https");
}

/* Takes "scheme://" off, and what gRPC's schemes have before the name: dns:///name:443, or a server to
 * ask, dns://8.8.8.8/name:443. */
static ts_view cut_scheme(ts_view text, ts_view *scheme)
{
    size_t at = ts_view_find(text, TS_LIT("://"));
    if (at == SIZE_MAX)
        return text;
    *scheme = ts_view_cut(text, 0, at);
    text = ts_view_from(text, at + 3);
    size_t slash = first_of(text, "/");
    bool before = slash == 0 ? !is_http(*scheme) : ts_view_is(*scheme, "dns");
    return before && slash < text.len ? ts_view_from(text, slash + 1) : text;
}

static void part_address(struct ts_endpoint *e)
{
    ts_view a = e->address;
    size_t bracket = a.len > 0 && a.ptr[0] == '[' ? last_of(a, ']') : SIZE_MAX;
    size_t colon = last_of(a, ':');
    if (bracket != SIZE_MAX) {
        e->host = ts_view_cut(a, 1, bracket - 1);
        colon = bracket + 1 < a.len && a.ptr[bracket + 1] == ':' ? bracket + 1 : SIZE_MAX;
    } else {
        e->host = ts_view_cut(a, 0, colon);
    }
    if (colon != SIZE_MAX)
        e->port = ts_view_from(a, colon + 1);
}

struct ts_endpoint ts_endpoint_of(ts_view text)
{
    struct ts_endpoint e = {0};
    if (ts_view_starts(text, TS_LIT("unix:"))) {
        e.scheme = ts_view_cut(text, 0, 4);
        e.path = ts_view_from(text, ts_view_starts(text, TS_LIT("unix://")) ? 7 : 5);
        return e;
    }
    text = cut_scheme(text, &e.scheme);
    size_t end = first_of(text, "/?#");
    e.address = ts_view_cut(text, 0, end);
    e.path = ts_view_from(text, end);
    size_t at = last_of(e.address, '@');
    if (at != SIZE_MAX) {
        e.user = ts_view_cut(e.address, 0, at);
        e.address = ts_view_from(e.address, at + 1);
    }
    part_address(&e);
    return e;
}

bool ts_endpoint_is_url(ts_view text)
{
    struct ts_endpoint e = ts_endpoint_of(text);
    return is_http(e.scheme) && e.host.len > 0;
}

bool ts_endpoint_resolve(const char *text, struct addrinfo **out, struct ts_err *err)
{
    struct ts_endpoint e = ts_endpoint_of(ts_view_str(text));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (e.address.len < strlen(text))
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "cannot listen on '%s': that is no address; write host:port", text);
    if (e.port.len == 0)
        return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' has no port; write host:port", text);
    char *host = ts_view_dup(e.host);
    char *port = ts_view_dup(e.port);
    int bad = getaddrinfo(host[0] ? host : NULL, port, &hints, out);
    free(host);
    free(port);
    if (bad)
        return ts_fail(err, TS_INVALID_ARGUMENT, "cannot listen on '%s': %s; write host:port", text,
                       gai_strerror(bad));
    return true;
}
