/* listener_probe.c - connects to ourselves. A probe that is behind a firewall or a full queue tells nothing by
 * its own fate; how many wait in the queue the system says of TCP. */
#include "net/listener_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* All addresses, IPv4's too: by that one, which is there where IPv6 is switched off. */
static void name_one_of_all(struct sockaddr_storage *to)
{
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)to;
    if (to->ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        return;
    static const uint8_t mapped_loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    memcpy(&six->sin6_addr, mapped_loopback, sizeof mapped_loopback);
}

void ts_listener_probe_start(struct ts_listener_probe *probe, int listener)
{
    struct sockaddr_storage to = {0};
    socklen_t len = sizeof to;
    *probe = (struct ts_listener_probe){.fd = -1};
    if (getsockname(listener, (struct sockaddr *)&to, &len) != 0)
        return;
    name_one_of_all(&to);
    probe->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe->fd < 0)
        return;
    struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    if (to.ss_family == AF_UNIX) /* takes a name of its own, to be known by */
        (void)bind(probe->fd, (struct sockaddr *)&unnamed, sizeof unnamed.sun_family);
    int connected = connect(probe->fd, (struct sockaddr *)&to, len);
    probe->stood = connected == 0 || errno == EAGAIN || errno == ECONNREFUSED || errno == ENOENT;
    probe->from_len = sizeof probe->from;
    if (getsockname(probe->fd, (struct sockaddr *)&probe->from, &probe->from_len) != 0)
        probe->from_len = 0;
}

bool ts_listener_probe_end(struct ts_listener_probe *probe, int listener)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    bool is_tcp = getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &len) == 0;
    bool waits = is_tcp ? info.tcpi_unacked > 0 /* of a listener: the length of its queue */
                        : probe->fd >= 0 && probe->stood;
    if (probe->fd >= 0)
        close(probe->fd);
    *probe = (struct ts_listener_probe){.fd = -1};
    return waits;
}

bool ts_listener_probe_is(const struct ts_listener_probe *probe,
                          const struct sockaddr_storage *peer, socklen_t len)
{
    return probe->fd >= 0 && probe->from_len > 0 && len == probe->from_len &&
           memcmp(peer, &probe->from, len) == 0;
}

bool ts_listener_listens(int listener)
{
    int listens = 0;
    socklen_t len = sizeof listens;
    return getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
}
