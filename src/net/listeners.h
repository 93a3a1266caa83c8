/* listeners.h - the listening sockets that a library opens: how many connections they take, and whether they
 * still take any.
 * gRPC core accepts by itself, without a limit on connections, and ends a listener for ever when accept4 fails
 * once (1.51: EMFILE, ENFILE, even a peer that gave up while it waited). Its public API has no other place to
 * stand in between, for TLS in particular, so accept4 and listen of this program are ours: the same system
 * calls, for listeners opened between begin and end with a limit and without errors that pass, and for all
 * others nothing else. */
#ifndef TS_NET_LISTENERS_H
#define TS_NET_LISTENERS_H

#include <stdbool.h>

struct ts_listeners;
struct ts_connections;
struct ts_counter;

/* What they accept goes into `connections`, which outlives them. Those that find no place there, or no file
 * descriptor, are closed unanswered and counted in `refused`. */
struct ts_listeners *ts_listeners_new(struct ts_connections *connections,
                                      struct ts_counter *refused);
/* Its sockets must be closed. NULL is fine. */
void ts_listeners_free(struct ts_listeners *listeners);

/* Between these two, what this thread listens on belongs to `listeners`, instead of what did so before. */
void ts_listeners_begin(struct ts_listeners *listeners);
void ts_listeners_end(void);

/* Do they all still accept? Connects to each, in a way that takes no place of a client's, and looks at the next
 * call what came of it: to be called every few seconds. One that nobody asked for connections in three
 * checks, while some waited, is dead; one that no longer listens is so at once. Without any sign true. Thread: one at
 * a time. */
bool ts_listeners_check(struct ts_listeners *listeners);

#endif
