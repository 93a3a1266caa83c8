/* grpc_quota.h - the memory of a server: gRPC core's connections and bodies under way, and what became of them.
 * Core counts its slices against a resource quota, and gives up calls and connections when it is used up. A request
 * that was copied together, or inflated, is memory of ours: by so much the quota is smaller while it lives, so that
 * both together stay within the limit. */
#ifndef TS_NET_GRPC_QUOTA_H
#define TS_NET_GRPC_QUOTA_H

#include <stddef.h>

#include <grpc/grpc.h>

struct ts_grpc_quota;

/* `limit` bytes, of which core always has `least`. One reference. */
struct ts_grpc_quota *ts_grpc_quota_new(size_t limit, size_t least);
void ts_grpc_quota_unref(struct ts_grpc_quota *quota);                /* NULL is fine */
grpc_resource_quota *ts_grpc_quota_core(struct ts_grpc_quota *quota); /* borrowed */

/* A block of `size` bytes from malloc counts until it is freed with it. Thread: any. */
struct ts_grpc_block;
struct ts_grpc_block *ts_grpc_block_new(struct ts_grpc_quota *quota, void *bytes, size_t size);
void ts_grpc_block_free(void *block); /* as a payload's `drop` */

#endif
