/* trust_internal.h - what the files of the trust processor share, and nobody else sees.
 * trust.c is the component; trust_read.c makes records of a batch's LLM spans, trust_ask.c has them
 * scored, trust_hold.c keeps them until then and lets them go.
 * A batch and all that hangs on it live on one loop; nothing here needs a lock. */
#ifndef TS_PROCESSOR_TRUST_INTERNAL_H
#define TS_PROCESSOR_TRUST_INTERNAL_H

#include "llm/trace.h"
#include "pipeline/engine/engine.h"
#include "pipeline/engine/score_cache.h"
#include "pipeline/processor.h"
#include "pipeline/processor/trust_config.h"
#include "pipeline/processor/verdict.h"

/* Batches that a loop holds, so that a shutdown can let them go. */
struct trust_shelf {
    struct ts_loop *loop;
    struct trust_held *first;
};

/* How the spans of one rule are treated. */
struct trust_way {
    const struct ts_rule *rule; /* NULL: those that no rule fits */
    const struct ts_scorer *scorer;
    struct ts_instance *judge;
    ts_time hold;
    double untrustworthy, trustworthy;
};

struct ts_instance {
    const struct ts_trust_config *config;
    const struct ts_host *host;
    struct trust_way *ways; /* one for each rule, then the one without */
    unsigned kinds;         /* scored, bits 1 << enum ts_kind */
    unsigned write;
    struct ts_redactor *redactor; /* NULL: nothing is redacted */
    struct trust_redaction {      /* one for each of its patterns, for the counters */
        const struct ts_redactor *redactor;
        size_t pattern;
    } * redactions;
    struct ts_cache *cache; /* NULL: none */
    struct ts_traces *traces;
    struct trust_shelf *shelves;
    size_t shelf_count;
    struct ts_metrics *metrics;
    struct ts_counter *llm_spans, *scored, *late_scored, *late_failed;
    _Atomic int64_t waiting; /* bytes of requests whose spans wait for a scorer's answer */
};

struct trust_span {
    struct ts_score_job job; /* first: the cast back from the job is safe */
    struct trust_held *held;
    const struct trust_way *way;
    struct ts_llm llm;
    struct ts_arena *arena;
    struct ts_cache_key key; /* with a cache: of what is asked */
    ts_time asked;
    struct ts_verdict verdict;
    bool asking; /* the scorer has the job */
    bool late;   /* left without its score */
    char reason[32];
};

/* The LLM spans of one batch. */
struct trust_held {
    struct ts_instance *self;
    struct ts_batch *batch;
    struct ts_batch *late_batch; /* after it left with undecided spans */
    struct trust_held *next, **back;
    struct ts_timer timer;
    size_t count, asking;
    int64_t waiting; /* what it adds to the instance's; 0: nothing */
    bool left;       /* the spans were handed to the exporters */
    bool sent;       /* … and all have answered */
    bool delivered;  /* … and none refused them */
    bool late_kept;  /* the store has answered about the late list */
    struct trust_span spans[];
};

static inline void trust_decide(struct trust_span *s, enum ts_decision decision, ts_view reason)
{
    s->verdict.decision = decision;
    s->verdict.reason = reason;
}

/* trust_read.c: the records of a batch's LLM spans, with what their traces say of them. What cannot be
 * scored is decided. Takes a reference on the batch. */
struct trust_held *trust_read(struct ts_instance *self, struct ts_batch *b);
/* The same look at a batch without LLM spans: what it tells about those of its traces. */
void trust_note_around(struct ts_instance *self, const struct ts_batch *b);

/* trust_ask.c: decides from the cache or asks the scorers, for all that is undecided; an answer is waited
 * for until `give_up` after the span's hold. Answers come later: they decide, and let the batch go when it
 * was the last. */
void trust_ask(struct trust_held *h, ts_time give_up);

/* trust_rest.c: sends all spans of the batch but the LLM spans. */
void trust_send_rest(struct ts_instance *self, struct ts_batch *b);
/* What stands in for the span's bytes when it is passed on, in the arena; ptr NULL: they stay. */
ts_view trust_redacted(struct ts_instance *self, struct ts_arena *arena, ts_view span);

/* trust_hold.c: keeps the batch until its last answer, or until then (ts_now). */
void trust_hold(struct trust_held *h, ts_time until);
/* No more time: all that this loop holds leaves. */
void trust_flush(struct ts_instance *self, struct ts_loop *loop);
/* All spans leave, the undecided ones as late for this reason. */
void trust_leave(struct trust_held *h, ts_view why_late);
/* Hands the span's score to the exporters that take evaluations. */
void trust_evaluate(struct trust_span *s);
/* Frees what nothing is due for any more. */
void trust_maybe_end(struct trust_held *h);

#endif
