/* chat.c - see chat.h. Both copies of the texts, the flattened one and the one in the JSON of the raw
 * payloads, in the order in which opentelemetry keeps the attributes. */
#include "chat.h"

#include "wire/encode.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const says[] = {
    "Answer passengers:\n- one sentence, no \"small talk\"\n- name times\n- prices in \u20ac\n",
    "Can I take a tandem bicycle on the 07:40 crossing?",
    "Yes \u2014 tandems travel on the 07:40 crossing for the price of two bicycles.",
    "And what if it's full? I'd rather not wait until 09:10 with the children.",
};

/* About `len` bytes of what the `turn`-th to speak says. */
static char *text_of(size_t turn, size_t len)
{
    const char *text = says[turn == 0 ? 0 : 1 + turn % 3];
    struct ts_buf out = TS_BUF_INIT;
    do
        ts_buf_printf(&out, "%s ", text);
    while (out.len < len);
    char *copy = ts_strdup(ts_buf_cstr(&out));
    ts_buf_release(&out);
    return copy;
}

static void put_text(struct ts_buf *span, const char *key, const char *text)
{
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, ts_view_str(key), ts_view_str(text));
}

static void put_message(struct ts_buf *span, const char *side, size_t i, const char *role,
                        const char *text)
{
    char key[80];
    snprintf(key, sizeof key, "llm.%s_messages.%zu.message.role", side, i);
    put_text(span, key, role);
    snprintf(key, sizeof key, "llm.%s_messages.%zu.message.content", side, i);
    put_text(span, key, text);
}

static cJSON *message(const char *role, const char *text)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "role", role);
    cJSON_AddStringToObject(m, "content", text);
    return m;
}

static void put_json(struct ts_buf *span, const char *key, cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    put_text(span, key, text);
    free(text);
    cJSON_Delete(tree);
}

static cJSON *completion(const char *text)
{
    cJSON *tree = cJSON_Parse(
        "{\"id\": \"chatcmpl-Hb7Qe01\", \"object\": \"chat.completion\", \"created\": 1764057600,"
        "\"model\": \"gpt-4o-mini-2024-07-18\", \"choices\": [{\"index\": 0, \"finish_reason\":"
        "\"stop\", \"logprobs\": null}], \"usage\": {\"prompt_tokens\": 912, \"completion_tokens\":"
        "187, \"total_tokens\": 1099, \"completion_tokens_details\": "
        "{\"accepted_prediction_tokens\":"
        "0, \"audio_tokens\": 0, \"reasoning_tokens\": 0, \"rejected_prediction_tokens\": 0},"
        "\"prompt_tokens_details\": {\"audio_tokens\": 0, \"cached_tokens\": 0}}, \"service_tier\":"
        "\"default\", \"system_fingerprint\": \"fp_560af6e559\"}");
    cJSON *choice = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "choices"), 0);
    cJSON *m = message("assistant", text);
    cJSON_AddNullToObject(m, "refusal");
    cJSON_AddItemToObject(m, "annotations", cJSON_CreateArray());
    cJSON_AddItemToObject(choice, "message", m);
    return tree;
}

static void put_chat(struct ts_buf *span, size_t turns, size_t each)
{
    static const char *const roles[] = {"assistant", "user"};
    cJSON *request = cJSON_CreateObject();
    cJSON *messages = cJSON_AddArrayToObject(request, "messages");
    cJSON_AddStringToObject(request, "model", "gpt-4o-mini");
    cJSON_AddNumberToObject(request, "temperature", 0.2);
    cJSON_AddNumberToObject(request, "max_tokens", 400);
    ts_put_bytes(span, TS_SPAN_TRACE_ID, TS_LIT("0123456789abcdef"));
    ts_put_bytes(span, TS_SPAN_SPAN_ID, TS_LIT("01234567"));
    ts_put_bytes(span, TS_SPAN_PARENT_ID, TS_LIT("76543210"));
    ts_put_bytes(span, TS_SPAN_NAME, TS_LIT("ChatCompletion"));
    ts_put_fixed64(span, TS_SPAN_START, 1764061844032000000u);
    ts_put_fixed64(span, TS_SPAN_END, 1764061845132000000u);
    put_text(span, "openinference.span.kind", "LLM");
    put_text(span, "llm.system", "openai");
    put_text(span, "llm.provider", "openai");
    put_text(span, "input.mime_type", "application/json");
    put_text(span, "llm.invocation_parameters",
             "{\"model\": \"gpt-4o-mini\", \"temperature\": 0.2, \"max_tokens\": 400}");
    for (size_t i = 0; i < turns; i++) {
        char *text = text_of(i, each);
        const char *role = i == 0 ? "system" : roles[i % 2];
        put_message(span, "input", i, role, text);
        cJSON_AddItemToArray(messages, message(role, text));
        free(text);
    }
    put_json(span, "input.value", request);
    char *answer = text_of(1, each * 2);
    put_json(span, "output.value", completion(answer));
    put_text(span, "output.mime_type", "application/json");
    put_message(span, "output", 0, "assistant", answer);
    free(answer);
    put_text(span, "llm.model_name", "gpt-4o-mini-2024-07-18");
    put_text(span, "llm.finish_reason", "stop");
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.prompt"), 912);
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.completion"), 187);
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("llm.token_count.total"), 1099);
    ts_put_bytes(span, TS_SPAN_STATUS, TS_LIT("\x18\x01"));
}

void ts_bench_chat(size_t turns, size_t size, struct ts_buf *span)
{
    for (size_t each = 10; span->len < size; each += 10) { /* texts grow until the span is full */
        ts_buf_clear(span);
        put_chat(span, turns, each);
    }
}
