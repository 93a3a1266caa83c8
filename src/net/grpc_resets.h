/* grpc_resets.h - peers that take their calls back as fast as they make them.
 * HTTP/2's limit on parallel streams does not count a stream that was reset, so that one connection can have
 * gRPC core begin calls without end (CVE-2023-44487); core 1.51 knows no limit of its own. Who takes back
 * too many in a second loses his connection. A client whose calls run into their deadlines stays far below. */
#ifndef TS_NET_GRPC_RESETS_H
#define TS_NET_GRPC_RESETS_H

#include "net/listeners.h"

struct ts_grpc_resets;

/* Calls that one peer may take back in a second. */
enum { TS_GRPC_RESETS_A_SECOND = 200 };

/* `listeners` (may be NULL: then it is only logged) took the connections. */
struct ts_grpc_resets *ts_grpc_resets_new(struct ts_listeners *listeners);
void ts_grpc_resets_free(struct ts_grpc_resets *resets); /* NULL is fine */
/* A call of this peer ("ipv4:10.0.0.1:5000", as gRPC core has it) was taken back. Thread: any. */
void ts_grpc_resets_note(struct ts_grpc_resets *resets, const char *peer);

#endif
