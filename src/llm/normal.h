/* normal.h - one spelling for what everybody spells his own way (dialects §2). */
#ifndef TS_LLM_NORMAL_H
#define TS_LLM_NORMAL_H

#include "base/arena.h"

/* §2.2: system, user, assistant, tool; unknown roles are user. */
ts_view ts_normal_role(ts_view recorded);
/* The recorded role where it is somebody's own, which a message without a name gets for one; else the
 * empty view. */
ts_view ts_own_role(ts_view recorded);
/* §2.3: normal form; the empty view for words that mean nothing. Unknown words lower-cased. */
ts_view ts_normal_finish(struct ts_arena *arena, ts_view recorded);
/* The one word of choice 0 out of a list in JSON text, a comma list, or the word itself. */
ts_view ts_first_word(struct ts_arena *arena, ts_view recorded);
/* §2.4: `system` is llm.system beside llm.provider, else empty. The empty view when the recorded name
 * is that of a framework, or nothing. */
ts_view ts_normal_provider(struct ts_arena *arena, ts_view recorded, ts_view system);
ts_view ts_provider_of_model(ts_view model);
/* What stands for a text that is a reference to media kept elsewhere (Langfuse, §8.2); empty: it is none. */
ts_view ts_media_marker(ts_view text);
/* §11.6 */
bool ts_is_mask(ts_view text);

#endif
