/* endpoint.h - the parts of "host:port", of a URL and of gRPC's own forms (otlp-and-collector.md 1.8).
 * Settings name a peer in all of these; here is the one place that takes them apart. */
#ifndef TS_NET_ENDPOINT_H
#define TS_NET_ENDPOINT_H

#include "base/err.h"

/* All borrowed from the text; empty where it says nothing of it. */
struct ts_endpoint {
    ts_view scheme; /* "http" of http://…, "dns" of dns:///…, "unix" of unix:… and unix://… */
    ts_view user;   /* "name:password" */
    ts_view address; /* host and port as they are written */
    ts_view host;    /* an IPv6 address without its brackets */
    ts_view port;    /* digits, or the name of a service */
    ts_view path;    /* from the slash behind the address on; of unix: where the socket is */
};

/* Never fails: what is no endpoint comes out as a host. Without brackets the last colon parts host and
 * port. Thread: any. */
struct ts_endpoint ts_endpoint_of(ts_view text);

/* Is it http://… or https://… with a host? Thread: any. */
bool ts_endpoint_is_url(ts_view text);

struct addrinfo;
/* The addresses to listen on for "host:port" (no host: all of this machine): a list for freeaddrinfo.
 * Asks the system's resolver, and waits for it. Errors: no port, a URL or a socket's path, a name that
 * is not known; each says what to write. Thread: any. */
bool ts_endpoint_resolve(const char *text, struct addrinfo **out, struct ts_err *err);

#endif
