/* http_server.c - libmicrohttpd with everything but GET turned away.
 * Slow and idle connections cannot shut a scrape out: from ROOM connections on each new one takes the place
 * of that whose last request is the longest ago. The library's own limit would leave the new one waiting. */
#include "net/http_server.h"

#include "net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <microhttpd.h>

enum {
    LIMIT = 64, /* the library stops accepting; not reached, because ROOM leaves it time to close */
    ROOM = 48,
    IDLE_SECONDS = 30, /* longer than scrapers mostly wait between scrapes on one connection */
};

struct connection {
    TAILQ_ENTRY(connection) link;
    int fd;
    bool evicted; /* in no list any more, to be closed by the library */
};

struct ts_http_server {
    struct MHD_Daemon *daemon;
    TAILQ_HEAD(, connection) open; /* longest without a request first; the library's thread only */
    int count;                     /* of open */
    ts_http_page page;
    void *arg;
};

static struct connection *of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void add(struct ts_http_server *server, struct connection *c)
{
    TAILQ_INSERT_TAIL(&server->open, c, link);
    server->count++;
}

static void take_out(struct ts_http_server *server, struct connection *c)
{
    TAILQ_REMOVE(&server->open, c, link);
    server->count--;
}

static void make_room(struct ts_http_server *server)
{
    while (server->count >= ROOM) {
        struct connection *oldest = TAILQ_FIRST(&server->open);
        take_out(server, oldest);
        oldest->evicted = true;
        shutdown(oldest->fd, SHUT_RDWR); /* which the library sees, and closes */
    }
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct ts_http_server *server = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        make_room(server);
        struct connection *c = ts_alloc(sizeof *c);
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        add(server, c);
        *context = c;
        return;
    }
    struct connection *c = *context;
    if (!c->evicted)
        take_out(server, c);
    free(c);
}

static void came_with_request(struct ts_http_server *server, struct connection *c)
{
    if (c->evicted)
        return;
    take_out(server, c);
    add(server, c);
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct ts_http_server *server = cls;
    (void)version;
    (void)upload;
    (void)state;
    *upload_size = 0;
    came_with_request(server, of(connection));
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
    TAILQ_INIT(&server->open);
    /* epoll: select, the default, knows no file descriptor above 1023 */
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, server, MHD_OPTION_SOCK_ADDR, address->ai_addr,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)LIMIT, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
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
