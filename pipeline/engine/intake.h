/* intake.h - where receivers hand requests in: checked, made durable, acknowledged, sent on their way. */
#ifndef TS_ENGINE_INTAKE_H
#define TS_ENGINE_INTAKE_H

#include "pipeline/engine/loader.h"

/* What the receivers of one program share. */
struct ts_intake {
    struct ts_engine *engine;
    struct ts_loader *loader;
    const struct ts_routes *routes;
    const char *source; /* id of the receiver: "otlp/internal" */
};

/* Does any pipeline take this signal from the receiver? Thread: any, as for the rest. */
bool ts_intake_takes(const struct ts_intake *intake, const struct ts_signal *signal);

/* The receiver's own counters, with the collector's names. `transport`: "grpc" …. */
struct ts_intake_counters {
    struct ts_counter *accepted, *refused; /* items */
};
struct ts_intake_counters ts_intake_count(const struct ts_intake *intake,
                                          const struct ts_signal *signal, const char *transport);

/* Room for one more request? False with UNAVAILABLE and retry_after when there is none. Cheap: ask
 * before reading where the transport allows. */
bool ts_intake_has_room(const struct ts_intake *intake, struct ts_err *err);
/* Bytes of requests that memory holds at most before there is none. */
int64_t ts_intake_most_memory(const struct ts_intake *intake);
/* For receivers that pull: posts `room->task` when there is room again. */
void ts_intake_await_room(const struct ts_intake *intake, struct ts_room *room);

/* When a request is acknowledged. */
enum ts_acknowledge {
    TS_WHEN_DURABLE,   /* it is in the store; with storage none: in memory */
    TS_WHEN_DELIVERED, /* every exporter has it. It is not stored: the sender keeps it until then */
};

struct ts_request {
    const struct ts_signal *signal;
    struct ts_payload *payload; /* taken over, as the headers */
    struct ts_headers *headers; /* to forward; NULL: none */
    bool strict_ids;
    enum ts_acknowledge when;
    struct ts_intake_counters counters;
    /* Exactly once, from any thread, perhaps inside the call: err NULL as `when` says, else why not. */
    void (*acknowledge)(void *arg, const struct ts_err *err);
    void *arg;
};
/* `request` itself is copied. */
void ts_intake_submit(const struct ts_intake *intake, const struct ts_request *request);

#endif
