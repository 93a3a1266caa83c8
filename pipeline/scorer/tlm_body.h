/* tlm_body.h - the setting `body`: parameters that the user wants in every chat completion, beside ours
 * or in place of them. */
#ifndef TS_SCORER_TLM_BODY_H
#define TS_SCORER_TLM_BODY_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/node.h"

/* `body` as members of a JSON object, without braces; the arena's. Empty: there is none. */
ts_view ts_tlm_extra_body(struct ts_arena *arena, const struct ts_node *body);
/* Removes our own members from a request that ends in `extra`, where `body` gives them, too: the user's
 * win, and no server sees a key twice. */
void ts_tlm_drop_overridden(const struct ts_node *body, ts_view extra, struct ts_buf *request);

#endif
