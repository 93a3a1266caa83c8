/* delivery.h - attempts at a backend until it has something: back-off, outcome, what is counted, what is
 * logged. The same for requests and for evaluations; the queues in front say what an attempt is. */
#ifndef TS_ENGINE_DELIVERY_H
#define TS_ENGINE_DELIVERY_H

#include "base/log.h"
#include "pipeline/consumer.h"
#include "pipeline/engine/retry.h"
#include "telemetry/metrics.h"

/* Fixed sentences, and what is counted in them. */
struct ts_delivery_words {
    const char *items, *refused, *given_up, *retry, *blocked;
};

struct ts_attempt;

/* What the attempts of one queue share. Belongs to the exporter's loop. */
struct ts_delivery {
    const char *id; /* of the exporter, for logs */
    struct ts_loop *loop;
    struct ts_delivery_words words;
    struct ts_retry_settings retry;
    ts_time give_up; /* after the first attempt; 0: as max_elapsed_time says */
    struct ts_counter *sent, *failed, *retried;
    bool leaving;                /* what fails is left, not tried again */
    struct ts_attempt *waiting;  /* for their next attempt */
    struct ts_log_site sites[4]; /* private */
};

/* One thing on its way; lives inside its owner. Zeroed, then of, items, start and end are set. */
struct ts_attempt {
    struct ts_delivery *of;
    size_t items;
    void (*start)(struct ts_attempt *); /* makes one attempt, whose outcome comes later */
    void (*end)(struct ts_attempt *, enum ts_fate fate); /* once; counted and logged by then */
    int number; /* of attempts so far; private, as the rest */
    struct ts_retry retry;
    struct ts_timer timer;
    struct ts_attempt *next, **back;
};

/* Thread: the exporter's loop, for all of these. */
void ts_attempt_begin(struct ts_attempt *attempt);
/* How the attempt under way ended: ends it, or starts another one later. `err` says why, but for SENT.
 * TOO_LARGE is REFUSED here: who can cut it has done so. */
void ts_attempt_outcome(struct ts_attempt *attempt, enum ts_outcome outcome,
                        const struct ts_err *err);
/* From now on what fails is left, and what waits for its next attempt is, too. */
void ts_delivery_leave(struct ts_delivery *delivery);

#endif
