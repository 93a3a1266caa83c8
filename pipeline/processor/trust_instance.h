/* trust_instance.h - what the files of the trust processor share, and nobody else sees: structs only.
 *     trust.c          the component: what comes in, what is created
 *     trust_hold.c     the LLM spans of a part, kept until their decisions are made, and how they leave
 *     trust_score.c    has them scored, within the room that a slow scorer is given
 *     trust_forward.c  what is no LLM span
 *     trust_notes.c    which spans are which
 * A batch and all that hangs on it live on one loop; nothing here needs a lock. */
#ifndef TS_PROCESSOR_TRUST_INSTANCE_H
#define TS_PROCESSOR_TRUST_INSTANCE_H

#include "pipeline/assess/assessor.h"
#include "pipeline/assess/decision_write.h"
#include "pipeline/engine/batch.h"
#include "pipeline/processor/trust_config.h"
#include "pipeline/processor/trust_notes.h"

/* What a loop holds, so that a stop can let go of it. */
struct trust_list {
    struct ts_loop *loop;
    struct trust_held *first;
    bool stopping; /* hold nothing any more */
};

struct ts_instance {
    const struct ts_trust_config *config;
    const struct ts_host *host;
    struct ts_assessor *assessor;
    unsigned write;
    struct trust_list *lists;
    size_t list_count;
    struct ts_counter *llm_spans, *scored, *late_scored, *late_failed, *late_left;
    _Atomic int64_t waiting; /* bytes of requests whose spans wait for a scorer's answer */
};

struct trust_span {
    struct ts_assessment assessment; /* first: the cast back is safe */
    struct trust_held *held;
    bool late;  /* left without its score */
    bool again; /* … and the process stops before its scorer answers: to be taken up again */
};

/* In this order. */
enum trust_state {
    TRUST_HELD, /* waiting for decisions, or for the end of the hold */
    TRUST_LEFT, /* passed on; not all exporters have answered */
    TRUST_GONE, /* they have: `fate` */
};

/* The LLM spans of one part. */
struct trust_held {
    struct ts_instance *self;
    struct ts_batch *batch;
    struct ts_batch *late_batch; /* after it left with undecided spans */
    struct ts_payload *payload;  /* what the spans stand in; a reference */
    size_t items;                /* in the payload */
    struct trust_notes *own;     /* made for this part alone; NULL: the batch's */
    const struct ts_span_at *at; /* of each span */
    struct trust_held *next, **back;
    struct ts_timer timer;
    size_t count, scoring;
    int64_t waiting; /* what it adds to the instance's; 0: nothing */
    enum trust_state state;
    enum ts_fate fate;
    bool storing;                     /* the store has not answered about the late list */
    struct ts_completion left;        /* of the spans */
    struct ts_completion *completion; /* of the part that they came in; NULL: nobody waits */
    void (*answered)(struct trust_span *, enum ts_job_end); /* a scorer, about one of them */
    struct trust_span spans[];
};

#endif
