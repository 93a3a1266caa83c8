/* peer.c - see peer.h. */
#include "net/peer.h"

#include "base/view.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { SCHEME = 5 }; /* "ipv4:" */

static void map(struct ts_peer *peer, const struct in_addr *v4)
{
    peer->address.s6_addr[10] = peer->address.s6_addr[11] = 0xff;
    memcpy(&peer->address.s6_addr[12], v4, sizeof *v4);
}

struct ts_peer ts_peer_of(const struct sockaddr_storage *address)
{
    struct ts_peer peer = {0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        peer.port = in->sin_port;
        map(&peer, &in->sin_addr);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        peer.port = in6->sin6_port;
        peer.address = in6->sin6_addr;
    } else {
        return peer;
    }
    peer.family = AF_INET6;
    return peer;
}

/* What is between the brackets, if there are any, without the scope. */
static ts_view unbracketed(ts_view host)
{
    if (ts_view_starts_nocase(host, TS_LIT("%5B")))
        host = ts_view_from(host, 3);
    else if (ts_view_starts_nocase(host, TS_LIT("[")))
        host = ts_view_from(host, 1);
    size_t len = 0;
    while (len < host.len && host.ptr[len] != '%' && host.ptr[len] != ']')
        len++;
    return ts_view_cut(host, 0, len);
}

static bool parse_host(struct ts_peer *peer, bool is_v4, ts_view host)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (!is_v4)
        return inet_pton(AF_INET6, text, &peer->address) == 1;
    if (inet_pton(AF_INET, text, &v4) != 1)
        return false;
    map(peer, &v4);
    return true;
}

struct ts_peer ts_peer_parse(const char *text)
{
    struct ts_peer peer = {0};
    ts_view all = ts_view_str(text);
    bool is_v4 = ts_view_starts_nocase(all, TS_LIT("ipv4:"));
    const char *colon = strrchr(text, ':');
    unsigned port;
    char rest;
    if ((!is_v4 && !ts_view_starts_nocase(all, TS_LIT("ipv6:"))) || colon - text < SCHEME ||
        sscanf(colon, ":%5u%c", &port, &rest) != 1 || port > UINT16_MAX)
        return peer;
    if (!parse_host(&peer, is_v4,
                    unbracketed(ts_view_cut(all, SCHEME, (size_t)(colon - text) - SCHEME))))
        return (struct ts_peer){0};
    peer.family = AF_INET6;
    peer.port = htons((uint16_t)port);
    return peer;
}

bool ts_peer_is(const struct ts_peer *a, const struct ts_peer *b)
{
    return a->family != 0 && b->family != 0 && a->port == b->port &&
           memcmp(&a->address, &b->address, sizeof a->address) == 0;
}
