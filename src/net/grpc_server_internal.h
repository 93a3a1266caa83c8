/* grpc_server_internal.h - what the server and its calls share. */
#ifndef TS_NET_GRPC_SERVER_INTERNAL_H
#define TS_NET_GRPC_SERVER_INTERNAL_H

#include "net/grpc_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct ts_grpc_server {
    struct ts_grpc *grpc;
    grpc_server *server;
    void **methods; /* as registered, in the order of the options */
    struct ts_grpc_server_options options;
    struct ts_grpc_server_tls *tls; /* NULL: plaintext */
    struct ts_grpc_quota *quota;
    atomic_int calls;   /* accepted, not yet ended */
    atomic_int pending; /* tags in the queue that we must see before the server may go */
    pthread_mutex_t lock;
    TAILQ_HEAD(, ts_grpc_call) reading; /* in the order of arrival; under `lock` */
    pthread_cond_t changed;             /* guards `stopped`, waits for pending == 0 */
    bool stopping, stopped;
    struct ts_grpc_event on_stopped;
};

#define TS_GRPC_UNKNOWN SIZE_MAX /* the method of those that are not served */

/* One accepted call, or a slot that waits for one. */
struct ts_grpc_call {
    struct ts_grpc_event accepted, read, ended;
    TAILQ_ENTRY(ts_grpc_call) link; /* among those that are reading */
    ts_time since;
    struct ts_grpc_server *server;
    size_t method; /* TS_GRPC_UNKNOWN: none that is served */
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* unknown methods only */
    grpc_byte_buffer *message;
    struct ts_grpc_header *headers;
    int cancelled;
    bool spare; /* its events are the spare queue's */
    bool counted, taken_back, expired;
    grpc_metadata trailing;
    grpc_slice status_text;
    grpc_slice status_bin;
    grpc_byte_buffer *response;
};

/* A slot for the next call of `method` (TS_GRPC_UNKNOWN: of any other), whose tag counts as pending. */
struct ts_grpc_call *ts_grpc_call_new(struct ts_grpc_server *server, size_t method, bool spare);
/* No call came to it: it goes, and its tag. */
void ts_grpc_call_discard(struct ts_grpc_call *slot);
/* Reads the message of an accepted call, hands it over, or refuses it. */
void ts_grpc_call_read(struct ts_grpc_call *call);

#endif
