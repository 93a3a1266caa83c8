/* Conversations as strings: the example of tlm-algorithm §4.3 and its rules. */
#include "testing.h"

#include "llm/flatten.h"

static void a_lone_user_message_is_its_text(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_message m = {.role = TS_LIT("user"), .content = TS_LIT("Who\xff?")};
    struct ts_llm llm = {.messages = &m, .message_count = 1, .response = TS_LIT("Me.")};
    assert_view_is(ts_flatten_prompt(arena, &llm), "Who\xEF\xBF\xBD?");
    assert_view_is(ts_flatten_response(arena, &llm), "Me.");
    ts_arena_free(arena);
}

static void roles_become_prefixes(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_message m[] = {
        {.role = TS_LIT("system"), .content = TS_LIT("Be brief.")},
        {.role = TS_LIT("system"), .content = TS_LIT("Be kind.")},
        {.role = TS_LIT("user"), .content = TS_LIT("Hi"), .name = TS_LIT("alICE")},
        {.role = TS_LIT("assistant"), .content = TS_LIT("Hello")},
        {.role = TS_LIT("user"), .content = TS_LIT("Bye")},
    };
    struct ts_llm llm = {.messages = m, .message_count = TS_COUNT(m)};
    assert_view_is(ts_flatten_prompt(arena, &llm),
                   "System: Be brief.\n\nBe kind.\n\nAlice: Hi\n\nAssistant: Hello\n\nUser: "
                   "Bye\n\nAssistant:");
    ts_arena_free(arena);
}

static void tools_calls_and_results_are_rendered(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tool tool = {TS_LIT("tram_status"), TS_LIT("Delay of a departure"),
                           TS_LIT("{\"type\":\"object\"}")};
    struct ts_tool_call call = {TS_LIT("call_7"), TS_LIT("tram_status"),
                                TS_LIT("{\"time\":\"14:05\",\"n\":\"\xC3\xA9\"}")};
    struct ts_message m[] = {
        {.role = TS_LIT("system"), .content = TS_LIT("You run a tram kiosk.")},
        {.role = TS_LIT("user"), .content = TS_LIT("Is the 14:05 late?")},
        {.role = TS_LIT("assistant"), .tool_calls = &call, .tool_call_count = 1},
        {.role = TS_LIT("tool"),
         .content = TS_LIT("{\"delay_min\": 6}"),
         .tool_call_id = TS_LIT("call_7")},
    };
    struct ts_llm llm = {.messages = m,
                         .message_count = TS_COUNT(m),
                         .tools = &tool,
                         .tool_count = 1,
                         .tool_calls = &call,
                         .tool_call_count = 1};
    char *prompt = ts_view_dup(ts_flatten_prompt(arena, &llm));
    static const char *const pieces[] = {
        "System: You run a tram kiosk.\n\n",
        "<tools>\n{\"type\":\"function\",\"function\":{\"name\":\"tram_status\",\"description\":"
        "\"Delay of a departure\",\"parameters\":{\"type\":\"object\"}}}\n</tools>\n\n",
        "User: Is the 14:05 late?\n\n",
        "Assistant: <tool_call>\n{\n  \"name\": \"tram_status\",\n  \"arguments\": {\n    "
        "\"time\": "
        "\"14:05\",\n    \"n\": \"\\u00e9\"\n  },\n  \"call_id\": \"call_7\"\n}\n</tool_call>\n\n",
        "Tool: <tool_response>\n{\n  \"name\": \"tram_status\",\n  \"call_id\": \"call_7\",\n  "
        "\"output\": \"{\\\"delay_min\\\": 6}\"\n}\n</tool_response>\n\nAssistant:",
    };
    const char *at = prompt;
    for (size_t i = 0; i < TS_COUNT(pieces); i++) {
        at = strstr(at, pieces[i]);
        if (!at)
            fail_msg("piece %zu is missing in: %s", i, prompt);
    }
    free(prompt);
    assert_view_is(
        ts_flatten_response(arena, &llm),
        "<tool_call>\n{\n  \"name\": \"tram_status\",\n  \"arguments\": {\n    \"time\": "
        "\"14:05\",\n    \"n\": \"\\u00e9\"\n  }\n}\n</tool_call>");
    ts_arena_free(arena);
}

#define CALL(arguments) "<tool_call>\n{\n  \"name\": \"f\",\n  \"arguments\": " arguments

static void text_and_calls_stand_apart(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tool_call calls[] = {{TS_LIT("a"), TS_LIT("f"), TS_LIT("{}")},
                                   {TS_LIT("b"), TS_LIT("f"), TS_LIT("\"\"")}};
    struct ts_message m = {.role = TS_LIT("assistant"),
                           .content = TS_LIT("Let me look."),
                           .tool_calls = calls,
                           .tool_call_count = 2};
    struct ts_llm llm = {.messages = &m,
                         .message_count = 1,
                         .response = m.content,
                         .tool_calls = calls,
                         .tool_call_count = 2};
    assert_view_is(ts_flatten_prompt(arena, &llm),
                   "Assistant: Let me look.\n\n" CALL("{}") ",\n  \"call_id\": \"a\"\n}\n"
                                                            "</tool_call>\n\n" CALL(
                                                                "{}") ",\n  \"call_id\": \"b\"\n}\n"
                                                                      "</tool_call>\n\nAssistant:");
    assert_view_is(
        ts_flatten_response(arena, &llm),
        "Let me look.\n" CALL("{}") "\n}\n</tool_call>\n" CALL("{}") "\n}\n</tool_call>");
    ts_arena_free(arena);
}

static void arguments_that_cannot_be_decoded_leave_the_text(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_tool_call calls[] = {{TS_LIT("a"), TS_LIT("f"), TS_LIT("{}")},
                                   {TS_LIT("b"), TS_LIT("f"), TS_LIT("\"{cut\"")}};
    struct ts_llm llm = {
        .response = TS_LIT("Let me look."), .tool_calls = calls, .tool_call_count = 2};
    assert_view_is(ts_flatten_response(arena, &llm), "Let me look.");
    ts_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_user_message_is_its_text),
        cmocka_unit_test(roles_become_prefixes),
        cmocka_unit_test(tools_calls_and_results_are_rendered),
        cmocka_unit_test(text_and_calls_stand_apart),
        cmocka_unit_test(arguments_that_cannot_be_decoded_leave_the_text),
    };
    return cmocka_run_group_tests_name("flatten", tests, NULL, NULL);
}
