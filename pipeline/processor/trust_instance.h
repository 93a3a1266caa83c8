/* trust_instance.h - what the files of the trust processor share, and nobody else sees: structs only.
 *     trust.c          the component: what comes in, what is created
 *     trust_hold.c     the LLM spans of a part, held until their decisions are made
 *     trust_recall.c   what spans left with before; decisions that are put down before their spans leave
 *     trust_leave.c    the spans with their decisions, on to the next consumer
 *     trust_due.c      after that: evaluations, late scores, the end
 *     trust_score.c    has spans scored, within the room that a slow scorer is given
 *     trust_forward.c  what is no LLM span
 *     trust_notes.c    which spans are which
 * A batch and all that hangs on it live on one loop; nothing here needs a lock. */
#ifndef TS_PROCESSOR_TRUST_INSTANCE_H
#define TS_PROCESSOR_TRUST_INSTANCE_H

#include "pipeline/assess/assessor.h"
#include "pipeline/assess/decision_store.h"
#include "pipeline/assess/decision_write.h"
#include "pipeline/engine/batch.h"
#include "pipeline/processor/trust_config.h"
#include "pipeline/processor/trust_notes.h"
#include "pipeline/processor/trust_recent.h"

/* What a loop holds, so that a stop can let go of it. */
struct trust_list {
    struct ts_loop *loop;
    struct trust_held *first;
    struct trust_held *due, **last_due; /* scores are due, but there is no room to ask for them */
    struct ts_room room;
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
    struct ts_memory waiting; /* requests whose spans wait for a scorer's answer */
    struct trust_recent *recent;
};

struct trust_span {
    struct ts_assessment assessment; /* first: the cast back is safe */
    struct trust_held *held;
    struct ts_span_key key;
    struct ts_batch *kept;   /* with its decision, pending for it; NULL: it is kept nowhere */
    struct ts_decision left; /* the decision that it leaves with */
    ts_view answer;          /* it left late in the last run, and this decision followed */
    bool known;              /* it left before, with this decision */
    bool copied;             /* … as another copy, which sees to the rest */
    bool late;               /* left without its score, which is due */
    bool open;               /* … and has not come */
    bool again;              /* … before the process stops: to be taken up again */
};

/* In this order. */
enum trust_state {
    TRUST_HELD, /* waiting for decisions, or for the end of the hold */
    TRUST_KEPT, /* waiting for the store to have the decisions */
    TRUST_LEFT, /* passed on; not all exporters have answered */
    TRUST_GONE, /* they have: `fate` */
};

/* The LLM spans of one part. */
struct trust_held {
    struct ts_instance *self;
    struct ts_batch *batch;
    struct ts_payload *payload;      /* what the spans stand in; a reference */
    size_t items;                    /* in the payload */
    struct trust_notes *own;         /* made for this part alone; NULL: the batch's */
    const struct ts_span_at *at;     /* of each span */
    struct trust_held *next, **back; /* of those held; of those due, `next` alone */
    struct ts_timer timer;
    size_t count, scoring;
    size_t open;    /* spans whose late score has not come */
    size_t waiting; /* what it adds to the instance's; 0: nothing */
    enum trust_state state;
    enum ts_fate fate;
    bool storing;                      /* the store has not answered */
    void (*kept)(struct trust_held *); /* it has */
    struct ts_completion left;         /* of the spans */
    struct ts_completion *completion;  /* of the part that they came in; NULL: nobody waits */
    void (*answered)(struct trust_span *, enum ts_job_end); /* a scorer, about one of them */
    struct trust_span spans[];
};

/* What the instance holds on this loop. */
struct trust_list *trust_list_of(struct ts_instance *self, const struct ts_loop *loop);
/* The spans of one part: `payload` is referenced, `own` (NULL: the notes are the batch's) taken over,
 * `completion` done when they are through. The batch is pending until they leave. */
struct trust_held *trust_held_new(struct ts_instance *self, struct ts_batch *batch,
                                  struct ts_payload *payload, size_t items,
                                  const struct trust_notes *notes, struct trust_notes *own,
                                  struct ts_completion *completion);

#endif
