/* The signals of the local scorer: what makes them speak, and above all what must not. */
#include "testing.h"

#include "pipeline/scorer/local.h"
#include "pipeline/scorer/local_agreement.h"

#include <math.h>

struct row {
    const char *name;
    ts_local_signal_fn *evaluate;
    const char *response;
    unsigned flags;
    const char *finish, *schema, *call, *arguments;
    const char *says; /* part of the sentence; NULL: silent */
};

#define REFUSAL(name, text, says)                                                                  \
    {                                                                                              \
        name, ts_local_refusal, text, 0, NULL, NULL, NULL, NULL, says                              \
    }
#define LOOP(name, text, says)                                                                     \
    {                                                                                              \
        name, ts_local_repetition, text, 0, NULL, NULL, NULL, NULL, says                           \
    }
#define FORMAT(name, text, schema, says)                                                           \
    {                                                                                              \
        name, ts_local_format, text, 0, NULL, schema, NULL, NULL, says                             \
    }
#define TOOL(name, call, arguments, says)                                                          \
    {                                                                                              \
        name, ts_local_tools, "", 0, NULL, NULL, call, arguments, says                             \
    }
#define PERSON                                                                                     \
    "{\"type\":\"object\",\"required\":[\"name\",\"age\"],\"additionalProperties\":false,"         \
    "\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":2},\"age\":{\"type\":"            \
    "\"integer\","                                                                                 \
    "\"minimum\":0},\"kind\":{\"enum\":[\"a\",\"b\"]},\"tags\":{\"type\":\"array\",\"items\":"     \
    "{\"$ref\":\"#/$defs/tag\"}},\"x\":{\"anyOf\":[{\"type\":\"null\"},{\"const\":3}]}},"          \
    "\"$defs\":{\"tag\":{\"type\":\"string\"}}}"

static const struct row rows[] = {
    {"truncated", ts_local_truncation, "a", TS_FLAG_LENGTH_LIMITED, NULL, NULL, NULL, NULL,
     "stops at the token limit, behind 'a'."},
    {"truncated before it began", ts_local_truncation, " ", TS_FLAG_LENGTH_LIMITED, NULL, NULL,
     NULL, NULL, "stops at the token limit."},
    {"truncated far behind its beginning", ts_local_truncation,
     "Ada Falk built the depot in Mill Road, and of the two platforms that it had in 1911 the "
     "northern one was",
     TS_FLAG_LENGTH_LIMITED, NULL, NULL, NULL, NULL,
     "behind '…in Mill Road, and of the two platforms that it had in 1911 the northern one was'."},
    {"truncated without a space", ts_local_truncation,
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     TS_FLAG_LENGTH_LIMITED, NULL, NULL, NULL, NULL, "behind '…xxxx"},
    {"truncated inside a character", ts_local_truncation, "\xe6\x9d\xb1\xe4\xba",
     TS_FLAG_LENGTH_LIMITED, NULL, NULL, NULL, NULL, "behind '\xe6\x9d\xb1"},
    {"stream broken off", ts_local_truncation, "on the way", TS_FLAG_PARTIAL_RESPONSE, NULL, NULL,
     NULL, NULL, "without a finish reason, behind 'on the way'; the answer may be cut off."},
    {"whole", ts_local_truncation, "a", 0, NULL, NULL, NULL, NULL, NULL},
    REFUSAL("plain refusal", "I'm sorry, but I can't assist with that.", "declines"),
    REFUSAL("typographic apostrophe",
            "I\xE2\x80\x99m sorry, but I can\xE2\x80\x99t help with this.", "declines"),
    REFUSAL("does not know", "I don't know.", "declines"),
    REFUSAL("as an AI", "As an AI language model, I cannot provide medical advice.", "declines"),
    REFUSAL("I can't wait", "I can't wait to tell you: it is Paris.", NULL),
    REFUSAL("sympathy", "I'm sorry to hear that. Take an umbrella.", NULL),
    REFUSAL("refusal quoted later", "He said: I cannot help with that.", NULL),
    REFUSAL("knows", "I know that it is Paris.", NULL),
    REFUSAL("empty", "", NULL),
    {"content filter", ts_local_refusal, "Well,", 0, "content_filter", NULL, NULL, NULL,
     "content filter"},
    LOOP("a sentence again and again",
         "So it is. And then it was said again. And then it was said again. And then it was said "
         "again. And then it was said again. And then it was said again.",
         "repeats itself"),
    LOOP("a word again and again",
         "really really really really really really really really really really really really "
         "really really really really really really",
         "repeats itself"),
    LOOP("a ruler of dashes",
         "Title\n----------------------------------------------------------------------------------"
         "--------------------------------------------------------",
         NULL),
    LOOP("a table",
         "1 apple red\n2 pear green\n3 plum blue\n4 fig brown\n5 kiwi green\n6 lime green\n7 date "
         "brown\n8 melon yellow\n9 grape red\n10 peach orange",
         NULL),
    LOOP("short", "ha ha ha ha ha ha", NULL),
    FORMAT("keeps its schema", "{\"name\":\"Bo\",\"age\":3,\"tags\":[\"x\"],\"x\":3}", PERSON,
           NULL),
    FORMAT("missing field", "{\"name\":\"Bo\"}", PERSON, "'age' is missing"),
    FORMAT("wrong type", "{\"name\":\"Bo\",\"age\":\"3\"}", PERSON, "'age' is a string"),
    FORMAT("fraction for an integer", "{\"name\":\"Bo\",\"age\":3.5}", PERSON, "'age' is a number"),
    FORMAT("too small", "{\"name\":\"Bo\",\"age\":-1}", PERSON, "breaks minimum"),
    FORMAT("too short", "{\"name\":\"B\",\"age\":1}", PERSON, "breaks minLength"),
    FORMAT("field too many", "{\"name\":\"Bo\",\"age\":1,\"y\":1}", PERSON,
           "'y' is not in the schema"),
    FORMAT("no such word", "{\"name\":\"Bo\",\"age\":1,\"kind\":\"c\"}", PERSON,
           "none of the allowed values"),
    FORMAT("inside a list, through $ref", "{\"name\":\"Bo\",\"age\":1,\"tags\":[\"x\",1]}", PERSON,
           "'tags[1]'"),
    FORMAT("no form fits", "{\"name\":\"Bo\",\"age\":1,\"x\":4}", PERSON, "fits none"),
    FORMAT("no JSON", "Sure! Here it is", PERSON, "not JSON"),
    FORMAT("JSON in a fence", "```json\n{}\n```", PERSON, "not JSON"),
    TOOL("arguments that fit", "person", "{\"name\":\"Bo\",\"age\":1}", NULL),
    TOOL("arguments that do not", "person", "{\"name\":\"Bo\"}", "'age' is missing"),
    TOOL("a tool not offered", "nobody", "{}", "was not offered"),
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tool tool = {TS_LIT("person"), TS_NOTHING, TS_LIT(PERSON)};
    struct ts_tool_call call = {TS_LIT("1"), ts_view_str(row->call), ts_view_str(row->arguments)};
    struct ts_llm llm = {.response = ts_view_str(row->response),
                         .flags = row->flags,
                         .finish_reason = ts_view_str(row->finish),
                         .format_type = row->schema ? TS_FORMAT_JSON_SCHEMA : TS_FORMAT_NONE,
                         .format_schema = ts_view_str(row->schema),
                         .tools = &tool,
                         .tool_count = 1,
                         .has_tools = true,
                         .tool_calls = &call,
                         .tool_call_count = row->call ? 1 : 0};
    struct ts_local_signal got = {0};
    row->evaluate(NULL, &llm, arena, &got);
    assert_int_equal(got.present, row->says != NULL);
    if (row->says) {
        assert_true(got.violation && got.score >= 0 && got.score <= 0.4);
        if (ts_view_find(got.text, ts_view_str(row->says)) == SIZE_MAX)
            fail_msg("'" TS_FMT "' does not say '%s'", TS_ARG(got.text), row->says);
    }
    ts_arena_free(arena);
}

static struct ts_local_signal logprobs(struct ts_arena *arena, struct ts_logprob *list,
                                       size_t count)
{
    struct ts_llm llm = {.logprobs = list, .logprob_count = count, .has_logprobs = true};
    struct ts_local_signal got = {0};
    ts_local_logprobs(NULL, &llm, arena, &got);
    return got;
}

static void probabilities_give_half_mean_half_weakest(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_logprob list[] = {{TS_LIT("It"), log(0.9)},
                                {TS_LIT(" is"), log(0.8)},
                                {TS_LIT(" Canberra"), log(0.4)},
                                {TS_LIT("."), log(0.1)}}; /* punctuation is no content */
    struct ts_local_signal got = logprobs(arena, list, 4);
    double mean = (0.9 + 0.8 + 0.4 + 0.1) / 4;
    assert_true(fabs(got.score - (mean + 0.4) / 2) < 1e-12);
    assert_true(ts_view_find(got.text, TS_LIT("'Canberra' at 0.40")) != SIZE_MAX);
    assert_true(got.weight == 0.5);
    ts_arena_free(arena);
}

static void what_is_no_probability_is_left_out(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_logprob none[] = {{TS_LIT("a"), NAN}, {TS_LIT("b"), 3}};
    assert_false(logprobs(arena, none, 2).present);
    assert_false(logprobs(arena, NULL, 0).present);
    struct ts_logprob zero[] = {{TS_LIT("a"), -INFINITY}};
    struct ts_local_signal got = logprobs(arena, zero, 1);
    assert_true(got.present && got.score == 0);
    ts_arena_free(arena);
}

static void huge_answers_stay_cheap(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    size_t len = 10 << 20;
    uint8_t *text = ts_alloc(len);
    memset(text, 'x', len);
    struct ts_message question = {.role = TS_LIT("user"), .content = TS_LIT("q")};
    struct ts_document document = {.content = ts_view_of(text, len)};
    struct ts_llm llm = {.response = ts_view_of(text, len),
                         .messages = &question,
                         .message_count = 1,
                         .documents = &document,
                         .document_count = 1};
    struct ts_agreement *memory = ts_agreement_new(1 << 20, 3600 * TS_S);
    for (size_t i = 0; ts_local_signals[i].name; i++) {
        struct ts_local_signal got = {0};
        ts_local_signals[i].evaluate(memory, &llm, arena, &got);
        assert_true(!got.present || got.text.len < 400);
    }
    ts_agreement_free(memory);
    free(text);
    ts_arena_free(arena);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 3];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(probabilities_give_half_mean_half_weakest),
        cmocka_unit_test(what_is_no_probability_is_left_out),
        cmocka_unit_test(huge_answers_stay_cheap),
    };
    memcpy(tests + TS_COUNT(rows), more, sizeof more);
    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
