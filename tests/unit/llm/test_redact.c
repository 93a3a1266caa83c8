/* Redaction: what is found, what is not, and that JSON stays JSON. */
#include "testing.h"

#include "json/json.h"
#include "llm/extract.h"
#include "llm/redact/redact.h"
#include "wire/encode.h"
#include "wire/otlp.h"

static const char *const all[] = {"key", "email", "iban", "card", "phone", "ip"};

static struct ts_redactor *redactor_of_all(void)
{
    struct ts_err err = {0};
    struct ts_redact_own own = {"ticket", "TCK-\\d+"};
    struct ts_redactor *r = ts_redactor_new(all, TS_COUNT(all), &own, 1, &err);
    if (!r)
        fail_msg("%s", err.what);
    return r;
}

static const struct row {
    const char *name, *text, *want; /* want NULL: unchanged */
} rows[] = {
    {"an address", "Write to ann.lee+x@mail.example.com.", "Write to [email]."},
    {"an address of another script", "почта иван@пример.рф", "почта [email]"},
    {"two addresses", "a@b.io, c@d.io", "[email], [email]"},
    {"a handle is no address", "@ann said hi", NULL},
    {"a decorator is no address", "foo@bar and x@y.", NULL},
    {"a number abroad", "Call +49 30 901820 now", "Call [phone] now"},
    {"a number with a trunk prefix", "Call +44 (0)20 7946 0958.", "Call [phone]."},
    {"a number of North America", "(555) 123-4567 or 555-123-4567", "[phone] or [phone]"},
    {"a number with an area code", "Tel. 030 12345678", "Tel. [phone]"},
    {"a date is no number", "on 2026-11-25 at 12:30", NULL},
    {"a sum is no number", "1000000 + 12345678", NULL},
    {"a decimal is no number", "3.14159265358979", NULL},
    {"a card", "4111 1111 1111 1111", "[card]"},
    {"a card without spaces", "pay 5500005555555559!", "pay [card]!"},
    {"a card of fifteen digits", "3782-822463-10005", "[card]"},
    {"a wrong check digit", "4111 1111 1111 1112", NULL},
    {"a time in milliseconds", "1764086400000", NULL},
    {"an account", "IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban] please"},
    {"an account before capitals", "GB29 NWBK 6016 1331 9268 19 NOW", "[iban] NOW"},
    {"an account in one word", "FR1420041010050500013M02606", "[iban]"},
    {"a wrong account", "GB29 NWBK 6016 1331 9268 18", NULL},
    {"an address of version 4", "from 192.168.1.20, twice", "from [ip], twice"},
    {"no address of version 4", "version 1.2.3 or 300.1.1.1", NULL},
    {"an address of version 6", "at 2001:db8::8a2e:370:7334", "at [ip]"},
    {"a time is no address", "12:30:45", NULL},
    {"a name in C++ is no address", "std::string", NULL},
    {"a key of OpenAI", "key=sk-proj-abcDEF0123456789_xyz-77", "key=[key]"},
    {"a key of AWS", "AKIAIOSFODNN7EXAMPLE", "[key]"},
    {"a token of GitHub", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "[key]"},
    {"a web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "[key]"},
    {"a bearer", "Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer [key]"},
    {"a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nrest",
     "[key]\nrest"},
    {"a word is no key", "risk-assessment of task-oriented-dialogue-systems", NULL},
    {"an expression of one's own", "see TCK-12", "see [ticket]"},
    {"two patterns on one text: the first has it", "TCK-7@b.io, TCK-8, TCK-9@b.io TCK-10",
     "[email], [ticket], [email] [ticket]"},
    {"not UTF-8", "\xff a@b.io \xfe", "\xff [email] \xfe"},
    {"an address in a JSON string", "{\"to\": \"a@b.io\", \"n\": 1}",
     "{\"to\":\"[email]\",\"n\":1}"},
    {"an escape before an address", "{\"t\":\"x\\na@b.io\"}", "{\"t\":\"x\\n[email]\"}"},
    {"an address hidden by an escape", "{\"t\":\"a\\u0040b.io\"}", "{\"t\":\"[email]\"}"},
    {"an address as a key", "{\"a@b.io\":true}", "{\"[email]\":true}"},
    {"a card as a number", "{\"card\":4111111111111111}", "{\"card\":\"[card]\"}"},
    {"JSON in JSON", "{\"arguments\":\"{\\\"to\\\":\\\"a@b.io\\\"}\"}",
     "{\"arguments\":\"{\\\"to\\\":\\\"[email]\\\"}\"}"},
    {"clean JSON stays as it was written", "{ \"a\" : \"b\\n\" }", NULL},
    {"brackets that are no JSON", "[note] to a@b.io", "[note] to [email]"},
    {"cut JSON", "{\"to\": \"a@b.io\", \"te", "{\"to\": \"[email]\", \"te"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_redactor *r = redactor_of_all();
    struct ts_arena *arena = ts_arena_new();
    ts_view got;
    assert_true(ts_redact_text(r, arena, ts_view_str(row->text), &got));
    ts_view want = ts_view_str(row->want ? row->want : row->text);
    if (!ts_view_eq(got, want))
        fail_msg("got '" TS_FMT "', wanted '" TS_FMT "'", TS_ARG(got), TS_ARG(want));
    ts_arena_free(arena);
    ts_redactor_free(r);
}

static void what_cannot_be_made_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *known;
        struct ts_redact_own own;
        const char *says;
    } bad[] = {
        {"emial", {0}, "'emial' is no pattern; known are key, email, iban, card, phone, ip"},
        {NULL, {"x", "a("}, "'x': the expression does not compile at byte 2: missing closing"},
        {NULL, {"x", "a*"}, "'x': the expression matches the empty text"},
        {NULL, {"x", ""}, "'x': the expression matches the empty text"},
        {NULL, {"a b", "c"}, "'a b' is no name"},
    };
    for (size_t i = 0; i < TS_COUNT(bad); i++) {
        struct ts_err err = {0};
        assert_null(ts_redactor_new(&bad[i].known, bad[i].known != NULL, &bad[i].own,
                                    bad[i].own.name != NULL, &err));
        if (!strstr(err.what, bad[i].says))
            fail_msg("'%s' does not say '%s'", err.what, bad[i].says);
    }
    assert_null(ts_redactor_new(NULL, 0, NULL, 0, NULL));
}

static void an_expression_that_gives_up_lets_nothing_through(void **state)
{
    (void)state;
    struct ts_redact_own own = {"slow", "(a|aa|aaa)+$"};
    struct ts_redactor *r = ts_redactor_new(NULL, 0, &own, 1, NULL);
    struct ts_arena *arena = ts_arena_new();
    char text[4001];
    memset(text, 'a', sizeof text);
    text[4000] = 'b';
    ts_view got;
    assert_false(ts_redact_text(r, arena, ts_view_of(text, sizeof text), &got));
    assert_true(ts_view_is(got, "[redaction failed]"));
    ts_arena_free(arena);
    ts_redactor_free(r);
}

static void matches_are_counted_by_name(void **state)
{
    (void)state;
    struct ts_redactor *r = redactor_of_all();
    struct ts_arena *arena = ts_arena_new();
    ts_view got;
    ts_redact_text(r, arena, TS_LIT("a@b.io c@d.io TCK-1"), &got);
    assert_int_equal(ts_redactor_count(r), TS_COUNT(all) + 1);
    for (size_t i = 0; i < ts_redactor_count(r); i++) {
        const char *name = ts_redactor_name(r, i);
        uint64_t want = strcmp(name, "email") == 0 ? 2 : strcmp(name, "ticket") == 0;
        assert_int_equal(ts_redactor_matches(r, i), want);
    }
    ts_arena_free(arena);
    ts_redactor_free(r);
}

/* ---- records ---- */

static void every_text_of_a_record_is_redacted(void **state)
{
    (void)state;
    struct ts_redactor *r = redactor_of_all();
    struct ts_arena *arena = ts_arena_new();
    struct ts_tool_call call = {TS_LIT("1"), TS_LIT("mail"), TS_LIT("{\"to\":\"a@b.io\"}")};
    struct ts_message message = {.role = TS_LIT("user"),
                                 .content = TS_LIT("I am a@b.io"),
                                 .tool_calls = &call,
                                 .tool_call_count = 1,
                                 .name = TS_LIT("a@b.io")};
    struct ts_tool_call answer_call = call;
    struct ts_choice choices[2] = {{TS_LIT("a@b.io"), &answer_call, 1, TS_NOTHING},
                                   {TS_LIT("or a@b.io"), NULL, 0, TS_NOTHING}};
    struct ts_document document = {.content = TS_LIT("a@b.io wrote"), .id = TS_LIT("a@b.io")};
    struct ts_tool tool = {TS_LIT("mail"), TS_LIT("as a@b.io"), TS_LIT("{\"default\":\"a@b.io\"}")};
    struct ts_logprob tokens[] = {{TS_LIT("to "), -1},
                                  {TS_LIT("a@"), -1},
                                  {TS_LIT("b."), -1},
                                  {TS_LIT("io, "), -1},
                                  {TS_LIT("bye"), -1}};
    struct ts_llm llm = {.kind = TS_KIND_LLM,
                         .usage = {-1, -1, -1, -1, -1, -1},
                         .messages = &message,
                         .message_count = 1,
                         .response = TS_LIT("a@b.io"),
                         .tool_calls = &answer_call,
                         .tool_call_count = 1,
                         .choices = choices,
                         .choice_count = 2,
                         .documents = &document,
                         .document_count = 1,
                         .tools = &tool,
                         .tool_count = 1,
                         .has_tools = true,
                         .format_type = TS_FORMAT_JSON_SCHEMA,
                         .format_schema = TS_LIT("{\"const\":\"a@b.io\"}"),
                         .logprobs = tokens,
                         .logprob_count = TS_COUNT(tokens),
                         .has_logprobs = true};
    assert_true(ts_redact_record(r, arena, &llm));
    struct ts_buf printed = TS_BUF_INIT;
    ts_llm_print(&llm, &printed);
    assert_null(strstr(ts_buf_cstr(&printed), "@"));
    assert_true(ts_view_is(message.content, "I am [email]"));
    assert_true(ts_view_is(call.arguments, "{\"to\":\"[email]\"}"));
    assert_true(ts_view_is(tokens[0].token, "to "));
    assert_true(ts_view_is(tokens[1].token, "[email]"));
    assert_true(ts_view_is(tokens[2].token, ""));
    assert_true(ts_view_is(tokens[3].token, ", "));
    assert_true(ts_view_is(tokens[4].token, "bye"));
    ts_buf_release(&printed);
    ts_arena_free(arena);
    ts_redactor_free(r);
}

/* ---- spans ---- */

static void put_list(struct ts_buf *out, uint32_t number, ts_view text)
{
    struct ts_buf any = TS_BUF_INIT;
    struct ts_buf list = TS_BUF_INIT;
    ts_put_bytes(&any, TS_ANY_STRING, text);
    ts_put_bytes(&list, TS_LIST_VALUES, ts_buf_view(&any));
    struct ts_buf outer = TS_BUF_INIT;
    struct ts_buf pair = TS_BUF_INIT;
    ts_put_bytes(&outer, TS_ANY_ARRAY, ts_buf_view(&list));
    ts_put_bytes(&pair, TS_KV_KEY, TS_LIT("list"));
    ts_put_bytes(&pair, TS_KV_VALUE, ts_buf_view(&outer));
    ts_put_bytes(out, number, ts_buf_view(&pair));
    ts_buf_release(&any);
    ts_buf_release(&list);
    ts_buf_release(&outer);
    ts_buf_release(&pair);
}

static void put_span(struct ts_buf *span, const char *address)
{
    struct ts_buf event = TS_BUF_INIT;
    struct ts_buf status = TS_BUF_INIT;
    ts_view text = ts_view_str(address);
    ts_put_bytes(span, TS_SPAN_NAME, TS_LIT("a@b.io")); /* names are the app's own words */
    ts_put_attr_text(span, TS_SPAN_ATTRIBUTES, TS_LIT("user"), text);
    ts_put_attr_int(span, TS_SPAN_ATTRIBUTES, TS_LIT("count"), 3);
    put_list(span, TS_SPAN_ATTRIBUTES, text);
    ts_put_bytes(&event, TS_EVENT_NAME, TS_LIT("exception"));
    ts_put_attr_text(&event, TS_EVENT_ATTRIBUTES, TS_LIT("exception.message"), text);
    ts_put_bytes(span, TS_SPAN_EVENTS, ts_buf_view(&event));
    ts_put_bytes(&status, TS_STATUS_MESSAGE, text);
    ts_put_bytes(span, TS_SPAN_STATUS, ts_buf_view(&status));
    ts_buf_release(&event);
    ts_buf_release(&status);
}

static void a_span_keeps_all_but_the_matches(void **state)
{
    (void)state;
    struct ts_redactor *r = redactor_of_all();
    struct ts_arena *arena = ts_arena_new();
    struct ts_buf span = TS_BUF_INIT;
    struct ts_buf want = TS_BUF_INIT;
    struct ts_buf got = TS_BUF_INIT;
    put_span(&span, "a@b.io");
    put_span(&want, "[email]");
    assert_true(ts_redact_span(r, arena, ts_buf_view(&span), &got));
    assert_true(ts_view_eq(ts_buf_view(&got), ts_buf_view(&want)));
    ts_buf_clear(&got);
    assert_false(ts_redact_span(r, arena, ts_buf_view(&want), &got));
    assert_int_equal(got.len, 0);
    ts_buf_release(&span);
    ts_buf_release(&want);
    ts_buf_release(&got);
    ts_arena_free(arena);
    ts_redactor_free(r);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 5] = {{0}};
    size_t n = 0;
    for (; n < TS_COUNT(rows); n++)
        tests[n] =
            (struct CMUnitTest){rows[n].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[n]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_cannot_be_made_is_refused);
    tests[n++] =
        (struct CMUnitTest)cmocka_unit_test(an_expression_that_gives_up_lets_nothing_through);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(matches_are_counted_by_name);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_text_of_a_record_is_redacted);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_span_keeps_all_but_the_matches);
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
