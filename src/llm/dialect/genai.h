/* genai.h - the messages of OpenTelemetry's GenAI conventions, wherever they stand. */
#ifndef TS_LLM_GENAI_H
#define TS_LLM_GENAI_H

#include "llm/dialect/message_reader.h"

/* Structured messages (§6.3) in these attributes: the span's, or an event's. */
void ts_genai_read(struct ts_reader *r, const struct ts_attrs *attrs, struct ts_source *out);

/* Bodies of per-message events (§6.4): {content, role, tool_calls, id …} under an event's name. */
struct ts_genai_bodies {
    struct ts_message_reader prompt, answers;
    struct ts_genai_choice { /* of each answer */
        int64_t index;
        size_t place; /* among the answers */
        ts_view finish;
    } * choices;
    size_t room; /* of choices */
    bool chose;  /* a choice was seen: the prompt is over */
};
void ts_genai_body(struct ts_genai_bodies *b, ts_view event, const cJSON *body);
void ts_genai_bodies_give(struct ts_genai_bodies *b, struct ts_source *out);

#endif
