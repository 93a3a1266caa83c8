/* What is wrong in a value, in every place that a dialect reads: JSON that is cut, encoded twice, Python's,
 * too deep; text that is no UTF-8; bytes and structures where text was due. The expectations are those of
 * dialects §2.1 and §11, not what came out. */
#include "testing.h"

#include "records.h"
#include "span_lines.h"

#include <stdio.h>

#define ASKED "Why is the sky blue, and why is it red at dusk?"
#define SAID  "Air scatters it."

/* ---- where content is read: a value of the prompt, a value of the answer ---- */

enum {
    FREE_TEXT = 1, /* what is no payload is text (§9.2, §6.6) */
    PLAIN = 2,     /* the value is text, and never JSON */
    WITHHELD = 4,  /* a body that has no content was withheld (§6.4) … */
    SPREAD = 8,    /* … and this value is the content of one: only without it there is none */
};

static const struct place {
    const char *name;
    const char *prompt, *asked; /* lines up to the value, and the value */
    const char *answer, *said;
    unsigned is;
} places[] = {
    {"openinference",
     "=llm.input_messages.0.message.role\tuser\n=llm.input_messages.0.message.content", ASKED,
     "=llm.output_messages.0.message.content", SAID, PLAIN},
    {"openinference, one part", "=llm.input_messages.0.message.contents.0.message_content.text",
     ASKED, "=llm.output_messages.0.message.contents.0.message_content.text", SAID, PLAIN},
    {"openinference completions", "=llm.prompts.0.prompt.text", ASKED,
     "=llm.choices.0.completion.text", SAID, PLAIN},
    {"otel_genai", "=gen_ai.input.messages",
     "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"" ASKED "\"}]}]",
     "=gen_ai.output.messages",
     "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" SAID "\"}]}]", 0},
    {"otel_genai_details", "!gen_ai.client.inference.operation.details\n=gen_ai.input.messages",
     "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"" ASKED "\"}]}]",
     "!gen_ai.client.inference.operation.details\n=gen_ai.output.messages",
     "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"" SAID "\"}]}]", 0},
    {"otel_genai_events, style A", "!gen_ai.user.message\n=gen_ai.event.content",
     "{\"content\":\"" ASKED "\"}", "!gen_ai.choice\n=gen_ai.event.content",
     "{\"message\":{\"content\":\"" SAID "\"}}", WITHHELD},
    {"otel_genai_events, style B", "!gen_ai.user.message\n=content", ASKED,
     "!gen_ai.choice\n=message", SAID, PLAIN | SPREAD},
    {"vercel_ai", "=ai.prompt.messages",
     "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" ASKED "\"}]}]",
     "=ai.response.text", SAID, 0},
    {"vercel_ai, outer prompt", "=ai.prompt", "{\"prompt\":\"" ASKED "\"}", "=ai.result.text", SAID,
     0},
    {"langfuse", "=langfuse.observation.input", "[{\"role\":\"user\",\"content\":\"" ASKED "\"}]",
     "=langfuse.observation.output", "{\"role\":\"assistant\",\"content\":\"" SAID "\"}",
     FREE_TEXT},
    {"google_adk", "=gcp.vertex.agent.llm_request",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" ASKED "\"}]}]}",
     "=gcp.vertex.agent.llm_response",
     "{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"" SAID "\"}]}}", 0},
    {"logfire", "=request_data", "{\"messages\":[{\"role\":\"user\",\"content\":\"" ASKED "\"}]}",
     "=response_data", "{\"message\":{\"role\":\"assistant\",\"content\":\"" SAID "\"}}", 0},
    {"mlflow", "=mlflow.spanInputs",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"" ASKED "\"}]}", "=mlflow.spanOutputs",
     "{\"choices\":[{\"message\":{\"content\":\"" SAID "\"}}]}", FREE_TEXT},
    {"openllmetry", "=gen_ai.prompt.0.content", ASKED, "=gen_ai.completion.0.content", SAID, PLAIN},
    {"langsmith", "=gen_ai.prompt",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"" ASKED "\"}]}", "=gen_ai.completion",
     "{\"choices\":[{\"message\":{\"content\":\"" SAID "\"}}]}", FREE_TEXT},
    {"content_events", "!gen_ai.content.prompt\n=gen_ai.prompt",
     "[{\"role\":\"user\",\"content\":\"" ASKED "\"}]",
     "!gen_ai.content.completion\n=gen_ai.completion",
     "[{\"role\":\"assistant\",\"content\":\"" SAID "\"}]", FREE_TEXT},
    {"haystack", "=haystack.component.input",
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" ASKED "\"}]}]}",
     "=haystack.component.output",
     "{\"replies\":[{\"role\":\"assistant\",\"content\":[{\"text\":\"" SAID "\"}]}]}", 0},
    {"genkit", "=genkit:input",
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" ASKED "\"}]}]}",
     "=genkit:output", "{\"message\":{\"role\":\"model\",\"content\":[{\"text\":\"" SAID "\"}]}}",
     0},
    {"traceloop_entity", "=traceloop.entity.input",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"" ASKED "\"}]}", "=traceloop.entity.output",
     "{\"choices\":[{\"message\":{\"content\":\"" SAID "\"}}]}", FREE_TEXT},
#define RAW(name, request, response)                                                               \
    {                                                                                              \
        "openinference_raw, " name, "=input.value", request, "=output.value", response, FREE_TEXT  \
    }
    RAW("OpenAI chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"" ASKED "\"}]}",
        "{\"choices\":[{\"message\":{\"content\":\"" SAID "\"}}]}"),
    RAW("text completion", "{\"prompt\":\"" ASKED "\"}", "{\"choices\":[{\"text\":\"" SAID "\"}]}"),
    RAW("Anthropic",
        "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
        "\"text\":\"" ASKED "\"}]}]}",
        "{\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\",\"text\":\"" SAID "\"}]}"),
    RAW("Responses", "{\"model\":\"gpt-5\",\"input\":\"" ASKED "\"}",
        "{\"object\":\"response\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":"
        "\"output_text\","
        "\"text\":\"" SAID "\"}]}]}"),
    RAW("Responses, items",
        "{\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
        "\"text\":\"" ASKED "\"}]}]}",
        "{\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_"
        "text\","
        "\"text\":\"" SAID "\"}]}]}"),
    RAW("Bedrock Converse", "[{\"role\":\"user\",\"content\":[{\"text\":\"" ASKED "\"}]}]",
        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"" SAID
        "\"}]}}}"),
    RAW("Gemini", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" ASKED "\"}]}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" SAID "\"}]}}]}"),
    RAW("LangChain",
        "{\"messages\":[[{\"lc\":1,\"id\":[\"HumanMessage\"],\"kwargs\":{\"content\":\"" ASKED
        "\"}}]]}",
        "{\"generations\":[[{\"text\":\"" SAID "\"}]]}"),
    RAW("LangChain, by type",
        "{\"messages\":[[{\"type\":\"human\",\"data\":{\"content\":\"" ASKED "\"}}]]}",
        "{\"generations\":[[{\"message\":{\"id\":[\"AIMessage\"],\"kwargs\":{\"content\":\"" SAID
        "\"}}}]]}"),
    RAW("Cohere", "{\"preamble\":null,\"message\":\"" ASKED "\"}",
        "{\"role\":\"assistant\",\"content\":\"" SAID "\"}"),
    RAW("Ollama", "[{\"role\":\"user\",\"content\":\"" ASKED "\"}]",
        "{\"done_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"" SAID "\"}}"),
    RAW("Haystack", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" ASKED "\"}]}]}",
        "{\"replies\":[\"" SAID "\"]}"),
};

/* ---- what may be wrong with a value ---- */

enum result {
    READ,    /* as if nothing were wrong */
    OTHER,   /* the text that `other` gives; where the value is text, that text as it stands */
    AS_TEXT, /* the value is the text where free text is allowed, and nothing where it is not */
    INNER,   /* the same, and what is encoded in it is the text */
    CUT,     /* truncated on this side */
    NOTHING, /* there is nothing in it */
    ABSENT,  /* as if it were not there */
};

typedef void (*spoil)(ts_view good, const char *text, struct ts_buf *out);

static void change_text(ts_view good, const char *text, const char *to, struct ts_buf *out)
{
    size_t at = ts_view_find(good, ts_view_str(text));
    ts_buf_add_view(out, ts_view_cut(good, 0, at));
    ts_buf_add_str(out, to);
    ts_buf_add_view(out, ts_view_from(good, at + strlen(text)));
}

static void nothing_wrong(ts_view good, const char *text, struct ts_buf *out)
{
    (void)text;
    ts_buf_add_view(out, good);
}

static void cut_off(ts_view good, const char *text, struct ts_buf *out)
{
    (void)text;
    ts_buf_add_view(out, ts_view_cut(good, 0, good.len - 2));
}

static void cut_with_dots(ts_view good, const char *text, struct ts_buf *out)
{
    cut_off(good, text, out);
    ts_buf_add_str(out, "...");
}

static void encoded_twice(ts_view good, const char *text, struct ts_buf *out)
{
    (void)text;
    ts_json_append_text(out, good);
}

static void encoded_three_times(ts_view good, const char *text, struct ts_buf *out)
{
    struct ts_buf twice = TS_BUF_INIT;
    encoded_twice(good, text, &twice);
    ts_json_append_text(out, ts_buf_view(&twice));
    ts_buf_release(&twice);
}

static void as_python(ts_view good, const char *text, struct ts_buf *out)
{
    (void)text;
    for (size_t i = 0; i < good.len; i++)
        ts_buf_add_byte(out, good.ptr[i] == '"' ? '\'' : good.ptr[i]);
}

/* Members in front of the first one of the first object. */
static void with_members(ts_view good, const char *members, struct ts_buf *out)
{
    size_t at = ts_view_find(good, TS_LIT("{")) + 1;
    ts_buf_add_view(out, ts_view_cut(good, 0, at));
    ts_buf_add_str(out, members);
    ts_buf_add_view(out, ts_view_from(good, at));
}

static void with_nan(ts_view good, const char *text, struct ts_buf *out)
{
    (void)text;
    with_members(good, "\"x\":NaN,\"y\":[Infinity,-Infinity],", out);
}

static void with_lone_surrogate(ts_view good, const char *text, struct ts_buf *out)
{
    change_text(good, text, "so \\ud83d so", out);
}

static void with_nul(ts_view good, const char *text, struct ts_buf *out)
{
    change_text(good, text, "so \\u0000 so", out);
}

static void not_utf8(ts_view good, const char *text, struct ts_buf *out)
{
    change_text(good, text, "so \xe2\x82 so", out);
}

/* The key of the text a second time, with another text: the first counts (§11.14). */
static void duplicate_key(ts_view good, const char *text, struct ts_buf *out)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", text);
    size_t at = ts_view_find(good, ts_view_str(quoted));
    size_t key = at - 1; /* at the colon, or the bracket of a list */
    bool member = good.ptr[key] == ':';
    size_t start = key - 1;
    while (member && good.ptr[start - 1] != '"')
        start--;
    ts_buf_add_view(out, ts_view_cut(good, 0, at + strlen(quoted)));
    if (member)
        ts_buf_printf(out, ",\"%.*s:\"Second.\"", (int)(key - start), good.ptr + start);
    ts_buf_add_view(out, ts_view_from(good, at + strlen(quoted)));
}

static void too_deep(ts_view good, const char *text, struct ts_buf *out)
{
    (void)good;
    (void)text;
    for (int i = 0; i < 20000; i++)
        ts_buf_add_byte(out, i < 10000 ? '[' : ']');
}

static void deep_inside(ts_view good, const char *text, struct ts_buf *out)
{
    struct ts_buf deep = TS_BUF_INIT;
    ts_buf_add_str(&deep, "\"x\":");
    too_deep(good, text, &deep);
    ts_buf_add_str(&deep, ",");
    with_members(good, ts_buf_cstr(&deep), out);
    ts_buf_release(&deep);
}

static void empty_text(ts_view good, const char *text, struct ts_buf *out)
{
    (void)good;
    (void)text;
    (void)out;
}

static void the_word_null(ts_view good, const char *text, struct ts_buf *out)
{
    (void)good;
    (void)text;
    ts_buf_add_str(out, "null");
}

static void a_number(ts_view good, const char *text, struct ts_buf *out)
{
    (void)good;
    (void)text;
    ts_buf_add_str(out, "42");
}

static const struct fault {
    const char *name;
    spoil spoil;
    char type; /* of the attribute: see span_lines.h */
    enum result result;
    enum result of_plain; /* where the value is text */
    const char *other;
} faults[] = {
    {"in order", nothing_wrong, '=', READ, READ, NULL},
    {"cut", cut_off, '=', CUT, OTHER, NULL},
    {"cut, and dots behind it", cut_with_dots, '=', CUT, OTHER, NULL},
    {"encoded twice", encoded_twice, '=', READ, OTHER, NULL},
    {"encoded three times", encoded_three_times, '=', INNER, OTHER, NULL},
    {"Python repr", as_python, '=', AS_TEXT, READ, NULL},
    {"with NaN and infinities", with_nan, '=', READ, NOTHING, NULL},
    {"with a lone surrogate", with_lone_surrogate, '=', OTHER, OTHER, "so \xEF\xBF\xBD so"},
    {"with an escaped NUL", with_nul, '=', OTHER, OTHER, "so \xEF\xBF\xBD so"},
    {"no UTF-8", not_utf8, '=', OTHER, OTHER, "so \xEF\xBF\xBD so"},
    {"with a key twice", duplicate_key, '=', READ, READ, NULL},
    {"10,000 levels deep", too_deep, '=', AS_TEXT, OTHER, NULL},
    {"10,000 levels deep in a member", deep_inside, '=', AS_TEXT, NOTHING, NULL},
    {"empty", empty_text, '=', NOTHING, NOTHING, NULL},
    {"null", the_word_null, '=', NOTHING, OTHER, NULL},
    {"bytes of UTF-8", nothing_wrong, '~', READ, READ, NULL},
    {"bytes of no UTF-8", not_utf8, '~', ABSENT, ABSENT, NULL},
    {"a structure", nothing_wrong, '@', READ, NOTHING, NULL},
    {"an integer", a_number, '#', NOTHING, NOTHING, NULL},
    {"an AnyValue of nothing", empty_text, '-', ABSENT, ABSENT, NULL},
};

/* ---- one fault in one place ---- */

struct test_case {
    char name[160];
    const struct place *place;
    const struct fault *fault;
    bool in_answer;
};

static void add_value(struct ts_buf *lines, const char *head, char type, ts_view value)
{
    ts_view before = ts_view_str(head);
    size_t last = 0;
    for (size_t i = 0; i < before.len; i++)
        if (i == 0 || before.ptr[i - 1] == '\n')
            last = i;
    ts_buf_add_view(lines, ts_view_cut(before, 0, last));
    ts_buf_add_byte(lines, (uint8_t)type);
    ts_buf_add_view(lines, ts_view_from(before, last + 1));
    ts_buf_add_byte(lines, '\t');
    ts_buf_add_view(lines, value);
    ts_buf_add_byte(lines, '\n');
}

static cJSON *user_says(ts_view text)
{
    cJSON *messages = cJSON_CreateArray();
    cJSON *message = cJSON_CreateObject();
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddItemToObject(message, "content", ts_json_new_text(text));
    cJSON_AddItemToArray(messages, message);
    return messages;
}

static bool has_text(const cJSON *messages)
{
    const cJSON *m;
    cJSON_ArrayForEach(m,
                       messages) if (ts_json_text(ts_json_get(m, "content")).len > 0) return true;
    return false;
}

/* By the specification: what the side comes to, and the reason not to score it. */
static cJSON *wanted_of(const struct test_case *t, enum result result, ts_view spoiled, bool plain)
{
    struct ts_buf inner = TS_BUF_INIT;
    cJSON *wanted = cJSON_CreateObject();
    const char *good = t->in_answer ? SAID : ASKED;
    ts_view text = TS_NOTHING;
    encoded_twice(ts_view_str(t->in_answer ? t->place->said : t->place->asked), NULL, &inner);
    if (result == READ)
        text = ts_view_str(good);
    else if (result == OTHER && !plain)
        text = ts_view_str(t->fault->other);
    else if (result == OTHER || (result == AS_TEXT && (t->place->is & FREE_TEXT)))
        text = spoiled;
    else if (result == INNER && (t->place->is & FREE_TEXT))
        text = ts_buf_view(&inner);
    bool withheld = (t->place->is & WITHHELD) || (result == ABSENT && (t->place->is & SPREAD));
    const char *reason = result == CUT  ? "truncated"
                         : text.len > 0 ? NULL
                         : withheld     ? "content_disabled"
                         : t->in_answer ? "no_response"
                                        : "no_prompt";
    if (t->in_answer)
        cJSON_AddItemToObject(wanted, "response", ts_json_new_text(text));
    else if (text.len > 0)
        cJSON_AddItemToObject(wanted, "messages", user_says(text));
    cJSON_AddItemToObject(wanted, "skip_reason",
                          reason ? cJSON_CreateString(reason) : cJSON_CreateNull());
    cJSON_AddStringToObject(wanted, "truncated",
                            result != CUT  ? "none"
                            : t->in_answer ? "response"
                                           : "prompt");
    ts_buf_release(&inner);
    return wanted;
}

static void check_case(void **state)
{
    const struct test_case *t = *state;
    struct ts_buf lines = TS_BUF_INIT;
    struct ts_buf spoiled = TS_BUF_INIT;
    struct ts_buf span = TS_BUF_INIT;
    const struct place *p = t->place;
    ts_view good = ts_view_str(t->in_answer ? p->said : p->asked);
    t->fault->spoil(good, t->in_answer ? SAID : ASKED, &spoiled);
    bool plain = (p->is & PLAIN) || ts_view_is(good, SAID);
    enum result result = plain ? t->fault->of_plain : t->fault->result;
    ts_buf_add_str(&lines, "=openinference.span.kind\tLLM\n");
    add_value(&lines, p->prompt, t->in_answer ? '=' : t->fault->type,
              t->in_answer ? ts_view_str(p->asked) : ts_buf_view(&spoiled));
    add_value(&lines, p->answer, t->in_answer ? t->fault->type : '=',
              t->in_answer ? ts_buf_view(&spoiled) : ts_view_str(p->said));
    ts_put_span_lines(&span, ts_buf_view(&lines));
    cJSON *got = record_of(ts_buf_view(&span));
    cJSON *wanted = wanted_of(t, result, ts_buf_view(&spoiled), plain);
    int bad = compare(t->name, wanted, got);
    if (!ts_json_get(wanted, "messages") && !t->in_answer && has_text(ts_json_get(got, "messages")))
        bad++;
    if (!t->in_answer && !ts_view_is(ts_json_text(ts_json_get(got, "response")), SAID))
        bad++; /* the other side is what it was */
    cJSON_Delete(wanted);
    cJSON_Delete(got);
    ts_buf_release(&span);
    ts_buf_release(&spoiled);
    ts_buf_release(&lines);
    assert_int_equal(bad, 0);
}

int main(void)
{
    enum { MOST = 2 * TS_COUNT(places) * TS_COUNT(faults) };
    static struct test_case cases[MOST];
    static struct CMUnitTest tests[MOST];
    size_t n = 0;
    for (size_t p = 0; p < TS_COUNT(places); p++)
        for (size_t f = 0; f < TS_COUNT(faults); f++)
            for (int side = 0; side < 2; side++) {
                struct test_case *t = &cases[n];
                const char *value = side ? places[p].said : places[p].asked;
                bool plain = (places[p].is & PLAIN) || strcmp(value, SAID) == 0;
                if (plain && (faults[f].spoil == with_nan || faults[f].spoil == deep_inside ||
                              faults[f].spoil == duplicate_key || faults[f].type == '@'))
                    continue; /* there is no JSON to be spoiled */
                *t = (struct test_case){"", &places[p], &faults[f], side};
                snprintf(t->name, sizeof t->name, "%s of %s: %s", side ? "answer" : "prompt",
                         places[p].name, faults[f].name);
                tests[n++] = (struct CMUnitTest){t->name, check_case, NULL, NULL, t};
            }
    return _cmocka_run_group_tests("bad_input", tests, n, NULL, NULL);
}
