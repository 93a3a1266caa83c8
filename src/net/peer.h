/* peer.h - who is at the other end of a connection, as an address that can be compared. */
#ifndef TS_NET_PEER_H
#define TS_NET_PEER_H

#include <netinet/in.h>
#include <stdbool.h>

/* An IPv4 address as its IPv4-mapped one. Family 0: neither of the two (a Unix socket's client has no name). */
struct ts_peer {
    sa_family_t family;
    in_port_t port; /* as in sockaddr */
    struct in6_addr address;
};

struct ts_peer ts_peer_of(const struct sockaddr_storage *address);
/* Out of what gRPC core calls a peer: "ipv4:192.0.2.1:4711", "ipv6:%5B2001:db8::1%5D:4711" (1.51; brackets also
 * plain, a scope after them "%25eth0"). */
struct ts_peer ts_peer_parse(const char *text);
/* False also when one has no address. */
bool ts_peer_is(const struct ts_peer *a, const struct ts_peer *b);

#endif
