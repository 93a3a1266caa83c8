/* connections.h - the connections that a server has taken: how many are open, how many may be, and the end of one
 * whose client abuses it.
 * gRPC core closes a connection's descriptor by itself and tells nobody, and its public API can neither count
 * connections nor end one. So each accepted descriptor is remembered with its inode and its peer's address. */
#ifndef TS_NET_CONNECTIONS_H
#define TS_NET_CONNECTIONS_H

#include "base/err.h"
#include "base/time.h"

#include <sys/socket.h>

struct ts_connections;
struct ts_counter;

/* At most `max` (≥ 1) at a time; 0: what ts_connections_room says, at most 4096. More than there are file
 * descriptors for is refused: RESOURCE_EXHAUSTED. All of the process together are never more than
 * ts_connections_room. Those that ts_connections_took_back ends are counted in `cut`. */
struct ts_connections *ts_connections_new(int64_t max, struct ts_counter *cut, struct ts_err *err);
/* All must be closed. NULL is fine. */
void ts_connections_free(struct ts_connections *connections);

/* The descriptor was accepted from `peer`. False: there is no place for it. Thread: any, so too below. */
bool ts_connections_add(struct ts_connections *connections, int fd,
                        const struct sockaddr_storage *peer);

/* A call was taken back (RST_STREAM) that came from `peer`, in gRPC core's words. It costs a client nothing
 * to begin calls and take them back ("HTTP/2 rapid reset", CVE-2023-44487), and a server much, so a connection has
 * a budget: 256, as many calls as it may have open by default, and 33 more each second, as nghttp2 gives one (1.57,
 * nghttp2_option_set_stream_reset_rate_limit; its 1000 at once let 32 connections hold seven times the memory,
 * because core needs 60 us for each). False: it is spent, the connection is shut down; or it has gone already. A
 * client without an address (Unix socket) has no budget. `now` on the clock of ts_now. */
bool ts_connections_took_back(struct ts_connections *connections, const char *peer, ts_time now);

struct ts_connections_state {
    int64_t max, open, cut;
};
struct ts_connections_state ts_connections_state(struct ts_connections *connections);

/* The connections that the limit on file descriptors leaves room for: three quarters of it, less 64 for files
 * and threads; exporters, scorers and the metrics page have the rest. ≥ 1. */
int64_t ts_connections_room(void);

#endif
