/* parse.h - a judge's words into a value (tlm-algorithm §6).
 * Two sets of rules: the reference's to the letter, oddities included, and the recommended ones
 * (D19, tlm-vectors.md), which accept what a judge plainly meant and nothing else. */
#ifndef TS_TLM_PARSE_H
#define TS_TLM_PARSE_H

#include "tlm/tlm.h"

enum ts_tlm_form {                      /* parser and mapping of §6.1, §6.2 */
                   TS_FORM_SCORE_100,   /* SCORE, M100 */
                   TS_FORM_SCORE_10,    /* SCORE10, M10 */
                   TS_FORM_SCORE_OF_10, /* SCORE, M10: rag-argument when it thinks */
                   TS_FORM_RATING_10,
                   TS_FORM_RATING_5,
                   TS_FORM_TRUE_FALSE,    /* <choice> */
                   TS_FORM_YES_NO_CHOICE, /* <choice> */
                   TS_FORM_YES_NO_ANSWER, /* <answer> */
                   TS_FORM_AB,
                   TS_FORM_AB_STRICT,
                   TS_FORM_RATING_LABEL, /* Rating: n */
                   TS_FORM_FIELDS_ACCURACY,
                   TS_FORM_FIELDS_RATING,
                   TS_FORM_FIELDS_WORDS,
                   TS_FORM_FIELDS_SCORES,
};

struct ts_parsed {
    bool found;
    ts_view text;  /* as captured; a view into the reply */
    double mapped; /* 0…1 with the recommended rules; anything with the reference's */
};

/* For the forms that are no JSON. `text` is the stripped reply. */
struct ts_parsed ts_tlm_parse(enum ts_tlm_compat compat, enum ts_tlm_form form, ts_view text);
struct ts_parsed ts_tlm_parse_reference(enum ts_tlm_form form, ts_view text);
struct ts_parsed ts_tlm_parse_recommended(enum ts_tlm_form form, ts_view text);

/* ANSWER: a piece of `text`, which it is all of when there is no <answer>. */
ts_view ts_tlm_parse_answer(ts_view text);
/* The think block in front of a closed tag `name` ("score"); `nocase` for the tags. Empty: none. */
ts_view ts_tlm_parse_reasoning(ts_view text, const char *name, bool nocase);
/* The list in <issues>, when a closed <score> follows. Empty: none. */
ts_view ts_tlm_parse_issues(ts_view text);

/* A reasoning model behind a server that does not separate the reasoning: `text` is cut to what stands
 * beside it, usually behind; `reasoning` gets the last block of it, opened or not (chat templates
 * swallow <think>). False: the text ends in the middle of the reasoning and has no result. `tag` ("answer",
 * or NULL): what the result stands in, where </think> may be quoted. */
bool ts_tlm_cut_reasoning(ts_view *text, const char *tag, ts_view *reasoning);

/* M100: false when the text is no number. NaN and infinity are numbers here. */
bool ts_tlm_number(ts_view text, double *out);

/* ---- tags ---- */

/* The first closed <name>…</name> at or after *at; *at moves behind it. Names without case. */
bool ts_tlm_tag_next(ts_view text, const char *name, size_t *at, ts_view *content);

#endif
