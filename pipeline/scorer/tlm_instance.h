/* tlm_instance.h - the structs that the files of the tlm scorer share: an instance, its scores, their
 * calls. No functions. All of an instance lives on one loop. */
#ifndef TS_SCORER_TLM_INSTANCE_H
#define TS_SCORER_TLM_INSTANCE_H

#include "pipeline/scorer/inflight.h"
#include "pipeline/scorer/tlm_judge.h"
#include "pipeline/scorer/tlm_settings.h"

struct ts_recorder;

struct ts_instance {
    const struct ts_tlm_config *config;
    const struct ts_host *host;
    struct ts_arena *arena;
    struct ts_tlm_options options;
    struct ts_tlm_wire wire; /* what the server accepts, as far as it is known */
    struct ts_api *api;
    const char *chat_url, *embeddings_url;
    struct ts_recorder *recorder; /* NULL: nothing is recorded */
    struct ts_inflight inflight;
    struct tlm_score *waiting, **last_waiting; /* not planned yet, in the order of submission */
    struct tlm_score *current;                 /* whose planned calls are being submitted */
    struct tlm_api_call *queued;               /* its last one, until the api sends it */
    struct ts_counter *calls_ok, *calls_failed, *calls_unread, *tokens_in, *tokens_out;
};

/* One call of a score at the API, from the plan to its reply. */
struct tlm_api_call {
    struct ts_api_call api; /* first: the cast back is safe */
    struct tlm_score *score;
    struct tlm_api_call *next, **back;       /* all of the score */
    size_t index;                            /* in the calls of the score's plan */
    void (*on_write)(struct tlm_api_call *); /* before each time that it is written */
    struct ts_judge_used used;
    int downgrades; /* times that the server refused a feature */
    bool minimal;   /* without all that a server may not know */
};

/* One score, from its submission to its end. */
struct tlm_score {
    struct ts_instance *self;
    struct ts_score_job *job;
    struct ts_inflight_job item;
    struct tlm_score *next_waiting;
    struct ts_timer deadline; /* while it waits */
    struct ts_tlm_input input;
    struct ts_tlm *tlm;         /* NULL: not planned yet */
    struct tlm_api_call *calls; /* in flight */
    size_t asked;               /* calls of the plan that were submitted */
    bool call_failed;           /* one of them: why, is in the job's err */
    struct ts_buf recorded;
    bool cancelled, no_price;
};

#endif
