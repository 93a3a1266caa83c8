/* http_server.c - libmicrohttpd with everything but GET turned away. */
#include "net/http_server.h"

#include "net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <microhttpd.h>

struct ts_http_server {
    struct MHD_Daemon *daemon;
    ts_http_page page;
    void *arg;
};

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct ts_http_server *server = cls;
    (void)version;
    (void)upload;
    (void)state;
    *upload_size = 0;
    struct ts_buf body = TS_BUF_INIT;
    const char *type = "text/plain; charset=utf-8";
    int status = 405;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        status = server->page(server->arg, url, &body, &type);
    else
        ts_buf_add_str(&body, "only GET is served here\n");
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, body.ptr, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    ts_buf_release(&body);
    return result;
}

struct ts_http_server *ts_http_server_new(const char *endpoint, ts_http_page page, void *arg,
                                          struct ts_err *err)
{
    struct addrinfo *address;
    if (!ts_endpoint_resolve(endpoint, &address, err))
        return NULL;
    struct ts_http_server *server = ts_alloc(sizeof *server);
    server->page = page;
    server->arg = arg;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD;
    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR,
                                      address->ai_addr, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
                                      MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_END);
    int why = errno;
    freeaddrinfo(address);
    if (server->daemon)
        return server;
    ts_fail(err, TS_UNAVAILABLE,
            "cannot listen on '%s': %s; stop what listens there or set another endpoint", endpoint,
            strerror(why));
    free(server);
    return NULL;
}

void ts_http_server_free(struct ts_http_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
