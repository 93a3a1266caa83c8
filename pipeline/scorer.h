/* scorer.h - who judges an answer.
 * A scorer is asynchronous and knows nothing of spans or OTLP: it gets an LLM record and answers
 * with a score and why. */
#ifndef TS_PIPELINE_SCORER_H
#define TS_PIPELINE_SCORER_H

#include "llm/llm.h"
#include "loop/job.h"
#include "pipeline/component.h"

struct ts_eval {
    const char *name; /* "groundedness"; lower_snake_case */
    double score;     /* 0…1 */
};

/* One record to judge. Until `done` the scorer owns it; results are allocated in `arena`. */
struct ts_score_job {
    struct ts_job job;        /* first member: the cast back is safe */
    const struct ts_llm *llm; /* borrowed until `done` */
    struct ts_arena *arena;   /* the record's; results live as long */
    struct ts_score {
        bool has_score;        /* with DONE: false means `skipped` says why there is none */
        bool partial;          /* a part of it was lost: good, but not to be kept */
        double score;          /* 0…1 */
        ts_view explanation;   /* empty: none */
        ts_view skipped;       /* "insufficient_evidence" …: a reason, when there is no score */
        ts_view model, preset; /* who judged, with what; empty: does not apply */
        ts_view version;       /* of prompts and rules; empty: the service does not say */
        ts_view signals;       /* which signals spoke, comma-separated; empty: does not apply */
        struct ts_eval *evals; /* extra evaluations */
        size_t eval_count;
        ts_view fields;  /* JSON text: per-field scores of structured outputs; empty: none */
        double cost_usd; /* < 0: unknown */
        int64_t prompt_tokens, completion_tokens; /* of all requests; 0: none reported */
        int attempts;                             /* requests made; 0 for scorers that make none */
    } result;
};

struct ts_scorer {
    struct ts_component base;
    const char *annotator_kind; /* "LLM" or "CODE": who judged, in Phoenix's words */
    /* It asks somebody: answers take their time and cost something, so that they are kept, waited for
     * within bounds, and may come after their span has left. False: it answers at once. */
    bool remote;
    /* Text that names the scorer and every setting that changes its result; part of the cache key.
     * Appended to `out`. */
    void (*identity)(const struct ts_instance *, struct ts_buf *out);
    /* Judge `job->llm`. Never blocks, never calls done itself (ts_job_finish does, later). Ends:
     * DONE with result; FAILED with err (code UNAVAILABLE, UNAUTHENTICATED, …; `what` names the
     * cause without content or keys); EXPIRED at the deadline; CANCELLED. Thread: any loop. */
    void (*score)(struct ts_instance *, struct ts_score_job *job);
};

/* One that was created. Belongs to who created it. */
struct ts_scorer_instance {
    const char *id; /* "local", "cleanlab/strict" */
    const struct ts_scorer *scorer;
    struct ts_instance *instance;
};
/* The host's scorer of this id; NULL: there is none. */
const struct ts_scorer_instance *ts_scorer_find(const struct ts_host *host, const char *id);

#endif
