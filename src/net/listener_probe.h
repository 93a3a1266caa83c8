/* listener_probe.h - a connection to a listening socket of our own, to see whether it is accepted. */
#ifndef TS_NET_LISTENER_PROBE_H
#define TS_NET_LISTENER_PROBE_H

#include <stdbool.h>
#include <sys/socket.h>

struct ts_listener_probe {
    int fd;     /* -1: none is out */
    bool stood; /* there was somebody to accept it, or nobody at its path */
    struct sockaddr_storage from;
    socklen_t from_len;
};

/* Connects to the address that the socket `listener` has, without waiting. What it cannot do (no descriptor, no
 * loopback interface) is no sign of anything, and is not said. Thread: any, one a probe; so too below. */
void ts_listener_probe_start(struct ts_listener_probe *probe, int listener);
/* Ends it, when one is out. Do connections wait to be accepted, or can none come? */
bool ts_listener_probe_end(struct ts_listener_probe *probe, int listener);
/* Is this, as accept gives it, the probe's own end? */
bool ts_listener_probe_is(const struct ts_listener_probe *probe,
                          const struct sockaddr_storage *peer, socklen_t len);

/* False: it has been shut down. */
bool ts_listener_listens(int listener);

#endif
