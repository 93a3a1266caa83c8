/* tlm_internal.h - what the files of the tlm scorer share, and nobody else sees: tlm.c is the component,
 * tlm_score.c one record from its coming to its score, tlm_call.c one call of the judge.
 * All of an instance lives on one loop. */
#ifndef TS_SCORER_TLM_INTERNAL_H
#define TS_SCORER_TLM_INTERNAL_H

#include "pipeline/engine/engine.h"
#include "pipeline/scorer/tlm.h"
#include "pipeline/scorer/inflight.h"

struct ts_instance {
    const struct ts_tlm_config *config;
    const struct ts_host *host;
    struct ts_arena *arena;
    struct ts_tlm_options options;
    struct ts_tlm_wire wire; /* what the server takes, as far as it has been found out */
    struct ts_api *api;
    const char *chat_url, *embeddings_url;
    struct ts_recorder *recorder;
    struct ts_inflight inflight;
    struct tlm_score *waiting, **last_waiting; /* not begun, in the order of coming */
    struct tlm_score *current;                 /* whose planned calls are being asked */
    struct tlm_asking *queued;                 /* its next one, which waits in the api */
    struct ts_counter *calls_ok, *calls_failed, *calls_unread, *tokens_in, *tokens_out;
};

/* One call of a score, from the plan to its reply. */
struct tlm_asking {
    struct ts_api_call api; /* first: the cast back is safe */
    struct tlm_score *score;
    struct tlm_asking *next, **back; /* all of the score */
    size_t call;
    struct ts_judge_used used;
    int changes; /* times that the server wanted it otherwise */
    bool plain;  /* without all that a server may not know */
};

/* One record on its way to a score. */
struct tlm_score {
    struct ts_instance *self;
    struct ts_score_job *job;
    struct ts_inflight_job item;
    struct tlm_score *next_waiting;
    struct ts_timer deadline; /* while it waits */
    struct ts_tlm_input input;
    struct ts_tlm *tlm;       /* NULL: not begun */
    struct tlm_asking *calls; /* in flight */
    size_t asked;
    bool lost; /* a call failed: why, is in the job's err */
    struct ts_buf recorded;
    bool cancelled, no_price;
};

static inline struct ts_tlm_call *tlm_call_of(const struct tlm_asking *a)
{
    return &a->score->tlm->calls[a->call];
}

/* tlm_call.c: for the api client, its body and its answer; one that brought no reply. */
void tlm_call_write(struct ts_api_call *api, struct ts_buf *body);
enum ts_api_verdict tlm_call_read(struct ts_api_call *api, const struct ts_http_job *answer,
                                  struct ts_err *err);
void tlm_call_lost(struct tlm_asking *a, enum ts_job_end end);

/* tlm_score.c: a record comes, or is no longer wanted; see inflight.h. */
void tlm_begin(struct ts_inflight_job *item);
void tlm_give_up(struct ts_inflight_job *item);
/* Asks the next call that is planned, of this score or of the next one. */
void tlm_go_on(struct ts_instance *self);

#endif
