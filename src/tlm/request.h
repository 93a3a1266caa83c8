/* request.h - a call as the body of a request to an OpenAI-compatible server (§4, §5, §8.1). */
#ifndef TS_TLM_REQUEST_H
#define TS_TLM_REQUEST_H

#include "tlm/tlm.h"

enum ts_tlm_format {                      /* how a JSON reply is asked for; servers differ */
                     TS_FORMAT_BY_SCHEMA, /* response_format json_schema, strict */
                     TS_FORMAT_BY_OBJECT, /* response_format json_object */
                     TS_FORMAT_BY_WORDS,  /* in the prompt only */
};

struct ts_tlm_wire {
    const char *judge_model, *sample_model;
    const char *embedding_small, *embedding_large;
    int max_tokens;             /* of a reply, beside the thinking */
    bool logprobs;              /* ask for them where they are of use */
    bool temperature;           /* some models refuse any */
    bool max_completion_tokens; /* the newer name of max_tokens */
    bool user;                  /* name the caller: spans of these calls are not to be scored */
    enum ts_tlm_format format;
    ts_view extra; /* members of a JSON object without its braces; empty: none */
};

/* The model that the call goes to. */
const char *ts_tlm_model_of(const struct ts_tlm_call *call, const struct ts_tlm_wire *wire);

/* Appends the body. Embeddings have a body of their own kind. */
void ts_tlm_request(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                    const struct ts_tlm_wire *wire, struct ts_buf *out);
/* Appends what is sent beside the messages, as a recording keeps it: {"model":…,"temperature":…}. */
void ts_tlm_sent_parameters(const struct ts_tlm *tlm, const struct ts_tlm_call *call,
                            const struct ts_tlm_wire *wire, struct ts_buf *out);
/* Appends a message of the scored conversation, with its calls of tools. */
void ts_tlm_add_message(struct ts_buf *out, const struct ts_message *message);
/* Appends the messages of a consistency sample as a JSON list (§8.1, D22). */
void ts_tlm_sample_messages(const struct ts_tlm *tlm, const struct ts_tlm_wire *wire,
                            struct ts_buf *out);

#endif
