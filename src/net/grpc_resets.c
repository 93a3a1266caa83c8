/* grpc_resets.c - counted for the peers of lately, in a table that a crowd of peers overwrites. */
#include "net/grpc_resets.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/time.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { PEERS = 256 };

struct peer {
    uint64_t name; /* hash */
    ts_time since; /* of this second's count */
    int count;
};

struct ts_grpc_resets {
    struct ts_listeners *listeners;
    pthread_mutex_t lock;
    struct peer peers[PEERS];
};

struct ts_grpc_resets *ts_grpc_resets_new(struct ts_listeners *listeners)
{
    struct ts_grpc_resets *r = ts_alloc(sizeof *r);
    r->listeners = listeners;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void ts_grpc_resets_free(struct ts_grpc_resets *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Is this one too many? Once for each that is. */
static bool is_too_many(struct ts_grpc_resets *r, const char *name, ts_time now)
{
    uint64_t hash = XXH3_64bits(name, strlen(name));
    struct peer *p = &r->peers[hash % PEERS];
    pthread_mutex_lock(&r->lock);
    if (p->name != hash || now - p->since > TS_S)
        *p = (struct peer){hash, now, 0};
    bool yes = ++p->count == TS_GRPC_RESETS_A_SECOND;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

void ts_grpc_resets_note(struct ts_grpc_resets *r, const char *peer)
{
    if (strcmp(peer, "unknown") == 0 || !is_too_many(r, peer, ts_now()))
        return; /* core knows no peer of a connection that is closed already */
    bool closed = r->listeners && ts_listeners_cut(r->listeners, peer);
    TS_LOG_LIMITED(TS_WARN, "receiver", "a peer takes its calls back as fast as it makes them",
                   "peer=%s calls_a_second=%d connection=%s", peer, TS_GRPC_RESETS_A_SECOND,
                   closed ? "closed" : "open");
}
