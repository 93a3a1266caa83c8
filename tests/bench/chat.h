/* chat.h - an LLM span of a given size, as OpenInference's instrumentor of the openai package writes it. */
#ifndef TS_BENCH_CHAT_H
#define TS_BENCH_CHAT_H

#include "base/buf.h"

/* A Span message of about `size` bytes: a chat of `turns` messages, quotes, newlines and all. */
void ts_bench_chat(size_t turns, size_t size, struct ts_buf *span);

#endif
