/* message_reader.h - messages out of any provider's JSON.
 * Everybody writes the same few things - text, a call of a tool, its result, a picture - with other
 * words around them. One reader knows all the words (dialects §2.2, §5, §6.3, §8), so that a dialect
 * only has to say where its messages are. */
#ifndef TS_LLM_MESSAGE_READER_H
#define TS_LLM_MESSAGE_READER_H

#include "llm/dialect/dialect.h"

struct ts_message_reader {
    struct ts_arena *arena;
    bool tight;   /* text parts of one message are joined without a newline (§5.2) */
    bool pieces;  /* the messages are pieces of one text, as they came over a stream */
    bool literal; /* a string is what it is, never a JSON text of blocks */
    struct ts_message *messages;
    size_t count, room;
    bool media, masked, withheld;
    ts_view unread;                   /* type of the first part that nobody knows; empty: none */
    ts_view finish;                   /* of the last message that tells one */
    struct ts_document documents[32]; /* blocks that are retrieved texts (§12.3) */
    size_t document_count;
};

/* One message object, its role as recorded (`role` when it tells none). A message that holds tool
 * results becomes one `tool` message a result, then one with the text, if there is any. */
void ts_read_message(struct ts_message_reader *s, ts_view role, const cJSON *message);
/* One message of an answer, and only one, whatever it holds: tool results are left out (§6.3 rule 5). */
void ts_read_reply(struct ts_message_reader *s, const cJSON *message);
/* Every message of a list; a string in it is one of role user. */
void ts_read_messages(struct ts_message_reader *s, const cJSON *list);
/* One message of plain text, already normal. */
void ts_read_text(struct ts_message_reader *s, const char *role, ts_view text);

/* What was read as a prompt. */
void ts_messages_as_prompt(const struct ts_message_reader *s, struct ts_prompt_side *out);
/* The documents among it, for a request. */
void ts_messages_documents(const struct ts_message_reader *s, struct ts_payload_request *out);
/* … as one answer: texts joined, calls put together, tool results left out. */
void ts_messages_as_response(const struct ts_message_reader *s, struct ts_response_side *out);
/* … as alternatives, one a message. `finish` of each, or NULL. */
void ts_messages_as_choices(const struct ts_message_reader *s, const ts_view *finish,
                            struct ts_response_side *out);

#endif
