/* tokens.h - what the log probabilities of a reply say (§7.4, §9.2, §10). */
#ifndef TS_TLM_TOKENS_H
#define TS_TLM_TOKENS_H

#include "tlm/tlm.h"

/* The text of all tokens. */
ts_view ts_tokens_join(struct ts_arena *arena, const struct ts_tlm_reply *reply);

/* Choice-token confidence (§7.4): the last token that is `yes` or `no` decides with its own
 * probability p: p or 1 - p; NaN when that is not known. None: 0.5. */
double ts_tokens_choice(const struct ts_tlm_reply *reply, const char *yes, const char *no);

/* Mean token probability of the bytes [from, to) of the joined text (§9.2), its end moved left over
 * white space and punctuation; alternatives that are the same word count in. NaN when a token of
 * the reply has no alternatives recorded, or one of the span no probability; 0.5 for a span of
 * nothing. */
double ts_tokens_probability(const struct ts_tlm_reply *reply, size_t from, size_t to);

/* Expected value of a rating 1…5 in 0…1 from the alternatives at the first token that is exactly
 * `rating` (§10); NaN when there is no such token, or (unless `even_unknown`, as the reference) none of
 * its alternatives has a probability. */
double ts_tokens_rating(const struct ts_tlm_reply *reply, ts_view rating, bool even_unknown);

#endif
