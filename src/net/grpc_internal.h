/* grpc_internal.h - what the runtime, the server and the client share. */
#ifndef TS_NET_GRPC_INTERNAL_H
#define TS_NET_GRPC_INTERNAL_H

#include "base/buf.h"
#include "net/grpc.h"

#include <stdatomic.h>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

/* What comes out of the completion queue: the tag. Arming hands the memory around it to the worker
 * that will run it; the pair of release and acquire says so where gRPC core's own locks cannot be
 * seen (ThreadSanitizer, and the reader). */
struct ts_grpc_event {
    void (*run)(struct ts_grpc_event *event, bool ok);
    atomic_bool armed;
};
static inline void ts_grpc_arm(struct ts_grpc_event *event,
                               void (*run)(struct ts_grpc_event *event, bool ok))
{
    event->run = run;
    atomic_store_explicit(&event->armed, true, memory_order_release);
}

/* The queue whose threads read and write the connections. */
grpc_completion_queue *ts_grpc_queue(struct ts_grpc *grpc);
/* A queue whose thread does neither: it takes what comes even while those of the other one are kept by connections
 * that always have more to read (core goes on reading one as long as there is something). */
grpc_completion_queue *ts_grpc_spare_queue(struct ts_grpc *grpc);

/* The message's bytes in one piece; takes over `buffer` (may be NULL: empty). Inflates gzip itself,
 * up to `max` bytes. What is not core's memory counts in `quota` (NULL: nowhere). NULL with err when that fails. */
struct ts_grpc_quota;
struct ts_payload *ts_grpc_payload(grpc_byte_buffer *buffer, size_t max,
                                   struct ts_grpc_quota *quota, struct ts_err *err);

ts_view ts_grpc_slice_view(const grpc_slice *slice); /* valid while the slice stays where it is */

/* The files behind tls, checked, and credentials of what they hold now. */
struct ts_tls_files;
struct ts_tls_files *ts_grpc_client_files(const struct ts_grpc_tls *tls, struct ts_err *err);
grpc_channel_credentials *ts_grpc_client_credentials(struct ts_tls_files *files);

/* A server's, asked for anew at each handshake; outlives the server. */
struct ts_grpc_server_tls;
struct ts_grpc_server_tls *ts_grpc_server_tls_new(const struct ts_grpc_tls *tls,
                                                  struct ts_err *err);
grpc_server_credentials *ts_grpc_server_credentials(struct ts_grpc_server_tls *tls);
void ts_grpc_server_tls_free(struct ts_grpc_server_tls *tls); /* NULL is fine */

/* google.rpc.Status for err; google.rpc.RetryInfo out of one (false: has none). */
void ts_grpc_status_encode(const struct ts_err *err, struct ts_buf *out);
bool ts_grpc_status_retry(ts_view status, ts_time *delay);

/* A growing set of channel arguments; strings are borrowed. */
struct ts_grpc_args {
    grpc_arg items[24];
    size_t count;
};
void ts_grpc_arg_int(struct ts_grpc_args *args, const char *key, int64_t value);
void ts_grpc_arg_text(struct ts_grpc_args *args, const char *key, const char *value);
void ts_grpc_arg_pointer(struct ts_grpc_args *args, const char *key, void *value,
                         const grpc_arg_pointer_vtable *vtable);
void ts_grpc_arg_keepalive(struct ts_grpc_args *args, const struct ts_grpc_keepalive *k);

#endif
