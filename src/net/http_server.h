/* http_server.h - small pages over HTTP (libmicrohttpd), for metrics and health. */
#ifndef TS_NET_HTTP_SERVER_H
#define TS_NET_HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"

struct ts_http_server;

/* Fills `out` and the content type for GET `path`; returns the status. Thread: the server's. */
typedef int (*ts_http_page)(void *arg, const char *path, struct ts_buf *out,
                            const char **content_type);

/* Serves GET and HEAD on "host:port" with one thread of its own. Of many connections those that have asked for
 * nothing the longest are closed. Errors: as ts_endpoint_resolve, a port in use. Thread: any. */
struct ts_http_server *ts_http_server_new(const char *endpoint, ts_http_page page, void *arg,
                                          struct ts_err *err);
void ts_http_server_free(struct ts_http_server *server); /* NULL is fine */

#endif
