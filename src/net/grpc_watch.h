/* grpc_watch.h - a server that is watched, and opened anew when nobody answers at its port any more. */
#ifndef TS_NET_GRPC_WATCH_H
#define TS_NET_GRPC_WATCH_H

#include "net/grpc.h"

struct ts_grpc_watch;
struct ts_counter;

struct ts_grpc_watch_options {
    const char *name;           /* in the log; borrowed */
    int64_t max_connections;    /* as ts_connections_new takes it */
    struct ts_counter *refused; /* connections that were closed unanswered */
    struct ts_counter *cut;     /* connections ended because of calls taken back */
    /* The server could not be opened again and is not tried any more. Thread: the watch's. */
    void (*gave_up)(void *arg);
    void *arg;
};

/* Serves as ts_grpc_server_new does, with a limit on connections, looks after it every three seconds on a thread of
 * its own, and says in the log what was refused and cut, ends calls whose request does not come. A dead one is replaced:
 * its calls may end, its connections are told to come again. Errors: as those two. Thread: any. */
struct ts_grpc_watch *ts_grpc_watch_new(struct ts_grpc *grpc,
                                        const struct ts_grpc_server_options *server,
                                        const struct ts_grpc_watch_options *options,
                                        struct ts_err *err);
/* Connections that are open now. Thread: any. NULL has none. */
int64_t ts_grpc_watch_open(struct ts_grpc_watch *watch);
void ts_grpc_watch_stop(struct ts_grpc_watch *watch, ts_time deadline); /* as ts_grpc_server_stop */
void ts_grpc_watch_free(struct ts_grpc_watch *watch);                   /* NULL is fine */

#endif
