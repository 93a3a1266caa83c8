/* exporter.h - one attempt at a time; the engine queues, splits and retries. */
#ifndef TS_PIPELINE_EXPORTER_H
#define TS_PIPELINE_EXPORTER_H

#include "pipeline/component.h"
#include "pipeline/evaluation.h"
#include "pipeline/signal.h"

/* How an attempt ended. */
enum ts_outcome {
    TS_SENT,      /* the backend has it */
    TS_RETRY,     /* later; err.retry_after is the peer's wish */
    TS_REFUSED,   /* never: the data is at fault. Dropped, counted, logged with err */
    TS_TOO_LARGE, /* send it in smaller pieces; one item alone is then refused */
    TS_BLOCKED,   /* not before somebody acts (key refused, wrong path): kept, retried slowly */
};

/* A part on its way to one exporter. The exporter may use `scratch` between send and done. */
struct ts_send {
    const struct ts_signal *signal;
    const struct ts_part *part;
    struct ts_payload *owner;   /* holds the part: reference it where slices outlive the call */
    struct ts_headers *headers; /* forwarded with the batch; NULL: none */
    struct ts_err err;          /* for every outcome but SENT */
    void *scratch;
    void (*done)(struct ts_send *, enum ts_outcome); /* private */
};
/* The attempt's end. Thread: the exporter's loop; not inside send(). */
static inline void ts_send_done(struct ts_send *send, enum ts_outcome outcome)
{
    send->done(send, outcome);
}

/* Some evaluations with the same forwarded headers. */
struct ts_post {
    struct ts_evaluation **items;
    size_t count;
    struct ts_headers *headers;
    struct ts_err err;
    void *scratch;
    void (*done)(struct ts_post *, enum ts_outcome); /* private */
};
static inline void ts_post_done(struct ts_post *post, enum ts_outcome outcome) /* as ts_send_done */
{
    post->done(post, outcome);
}

/* collector names and meaning (otlp-and-collector.md 2.7), where not said otherwise */
struct ts_retry_settings {
    bool enabled;
    ts_time initial_interval, max_interval, max_elapsed_time; /* 0: for ever */
    double randomization_factor, multiplier;
};
extern const struct ts_setting ts_retry_table[];

/* What an exporter wants of the queues in front of it. */
struct ts_queue_settings {
    struct ts_retry_settings retry;
    int64_t num_consumers;     /* sends in parallel, for each set of forwarded headers */
    uint64_t max_request_size; /* bytes; larger parts are split; 0: no limit */
    size_t post_size;          /* evaluations in one post */
    ts_time post_settle;       /* how long evaluations wait for their span to be stored there */
    ts_time post_give_up; /* evaluations are dropped so long after their first attempt; 0: never */
};

struct ts_exporter {
    struct ts_component base;
    /* NULL: takes no items of any signal. Thread: the exporter's loop. */
    void (*send)(struct ts_instance *, struct ts_send *send);
    /* NULL: takes no evaluations. Thread: the exporter's loop. */
    void (*post)(struct ts_instance *, struct ts_post *post);
    void (*queue)(const struct ts_instance *, struct ts_queue_settings *out);
};

#endif
