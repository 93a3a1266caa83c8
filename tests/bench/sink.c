/* sink.c - the bare gRPC-core server that everything is measured against: it receives, counts spans by
 * the request's size only, and answers. bench_sink PORT; stops on SIGTERM and prints requests. */
#include "net/grpc.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_llong requests;

static void on_request(void *arg, struct ts_grpc_call *call, struct ts_payload *payload)
{
    (void)arg;
    ts_payload_unref(payload);
    atomic_fetch_add(&requests, 1);
    ts_grpc_call_answer(call, TS_NOTHING, NULL);
}

int main(int argc, char **argv)
{
    char endpoint[64];
    struct ts_err err = {0};
    sigset_t set;
    int got;
    snprintf(endpoint, sizeof endpoint, "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct ts_grpc *grpc = ts_grpc_new(1, &err);
    const struct ts_grpc_method method = {
        .name = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        .handle = on_request,
    };
    struct ts_grpc_server_options options = {
        .endpoint = endpoint,
        .methods = &method,
        .method_count = 1,
        .max_request = 64u << 20,
        .max_memory = (size_t)1 << 30,
        .max_calls = 1024,
    };
    struct ts_grpc_server *server = ts_grpc_server_new(grpc, &options, &err);
    if (!server) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    sigwait(&set, &got);
    ts_grpc_server_free(server);
    ts_grpc_free(grpc);
    printf("%lld\n", (long long)atomic_load(&requests));
    return 0;
}
