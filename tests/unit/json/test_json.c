/* JSON as models and their instrumentations write it. */
#include "testing.h"

#include "json/json.h"
#include "strict_json.h"

static const struct row {
    const char *name, *text, *want; /* NULL: must be refused … */
    const char *error;              /* … saying this */
} rows[] = {
    {"an object", "{\"a\": [1, 2.5, null, true]}", "{\"a\":[1,2.5,null,true]}", NULL},
    {"bare NaN and infinities are null", "[NaN, Infinity, -Infinity]", "[null,null,null]", NULL},
    {"words inside strings stay", "[\"NaN\", \"-Infinity\"]", "[\"NaN\",\"-Infinity\"]", NULL},
    {"a lone surrogate is replaced", "[\"\\ud83d x\"]", "[\"\xEF\xBF\xBD x\"]", NULL},
    {"a pair is kept", "[\"\\ud83d\\ude00\"]", "[\"\xF0\x9F\x98\x80\"]", NULL},
    {"NUL is replaced", "[\"a\\u0000b\"]",
     "[\"a\xEF\xBF\xBD"
     "b\"]",
     NULL},
    {"invalid UTF-8 is replaced", "[\"a\xff\"]", "[\"a\xEF\xBF\xBD\"]", NULL},
    {"a wide integer keeps its digits", "[9223372036854775807]", "[\"9223372036854775807\"]", NULL},
    {"the first of two keys is found", "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}", NULL},
    {"text behind it", "{} x", NULL, "not JSON at byte 3"},
    {"nothing", "", NULL, "not JSON"},
    {"cut in a string", "{\"a\": \"b", NULL, "a string does not end"},
    {"single quotes", "{'a': 1}", NULL, "not JSON"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_err err = {0};
    cJSON *tree = ts_json_parse(ts_view_str(row->text), NULL, &err);
    assert_int_equal(tree != NULL, row->want != NULL);
    if (tree) {
        struct ts_buf out = TS_BUF_INIT;
        ts_json_append(&out, tree);
        assert_string_equal(ts_buf_cstr(&out), row->want);
        ts_buf_release(&out);
    } else if (!strstr(err.what, row->error)) {
        fail_msg("'%s' does not say '%s'", err.what, row->error);
    }
    cJSON_Delete(tree);
}

static const struct cut_row {
    const char *text;
    bool cut;
} cuts[] = {
    {"{\"a\": \"b", true},
    {"{\"a\"", true},
    {"[1, 2", true},
    {"[1, tru", true},
    {"{\"a\": 1...", true},
    {"{\"a\": {\"b\": 1}", true},
    {"{", true},
    {"{\"a\": 1}", false},
    {"[Note] hello", false},
    {"plain", false},
    {"[1, 2]", false},
    {"{'a': 1", false},
    {"[1 2", false},
    {"", false},
    {"{} x", false},
    {"{\"a\": nul", true},
};

static void what_is_cut_is_told_from_what_is_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < TS_COUNT(cuts); i++)
        if (ts_json_is_cut(ts_view_str(cuts[i].text)) != cuts[i].cut)
            fail_msg("'%s' should %sbe cut", cuts[i].text, cuts[i].cut ? "" : "not ");
}

static void depth_and_size_are_limited(void **state)
{
    (void)state;
    struct ts_json_limits limits = {100, 3, 4};
    struct ts_err err = {0};
    cJSON *tree = ts_json_parse(TS_LIT("[[[1]]]"), &limits, &err);
    assert_non_null(tree);
    cJSON_Delete(tree);
    assert_null(ts_json_parse(TS_LIT("[[[[1]]]]"), &limits, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
    tree = ts_json_parse(TS_LIT("[1,[2,\",,,,\"]]"), &limits, &err);
    assert_non_null(tree);
    cJSON_Delete(tree);
    assert_null(ts_json_parse(TS_LIT("[1,[2,3,4]]"), &limits, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
    limits.max_bytes = 3;
    assert_null(ts_json_parse(TS_LIT("[1,2]"), &limits, &err));
    assert_int_equal(err.code, TS_RESOURCE_EXHAUSTED);
}

static void numbers_read_back_exactly(void **state)
{
    (void)state;
    static const double values[] = {0, 0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 123456789.123456789};
    for (size_t i = 0; i < TS_COUNT(values); i++) {
        struct ts_buf out = TS_BUF_INIT;
        ts_json_append_double(&out, values[i]);
        assert_true(strtod(ts_buf_cstr(&out), NULL) == values[i]);
        ts_buf_release(&out);
    }
}

static void text_is_escaped_and_repaired(void **state)
{
    (void)state;
    struct ts_buf out = TS_BUF_INIT;
    ts_json_append_text(&out, TS_LIT("a\"b\\c\n\x01\xff\xC3\xA9"));
    assert_string_equal(ts_buf_cstr(&out), "\"a\\\"b\\\\c\\n\\u0001\xEF\xBF\xBD\xC3\xA9\"");
    ts_buf_release(&out);
}

/* ---- JSON that everybody takes ---- */

static const struct clean {
    const char *text, *want; /* want NULL: the very text */
} cleans[] = {
    {"{\"a\": [1, -0.5e+3, true, \"\\u00e9\"]} ", NULL},
    {"12345678901234567890", NULL}, /* a double does not hold it, a text does */
    {"\"\xC3\xA9 \\ud83d\\ude00\"", NULL},
    {"{\"a\": NaN, \"b\": [-Infinity]}", "{\"a\":null,\"b\":[null]}"},
    {"[\"\\ud83d\"]", "[\"\xEF\xBF\xBD\"]"},
    {"[\"\xf0\"]", "[\"\xEF\xBF\xBD\"]"},
    {"[\"a\nb\"]", "[\"a\\nb\"]"},
    {"[01]", "[1]"},
    {"[1.]", "[1]"},
    {"[1\v]", "[1]"},
    {"\xEF\xBB\xBF[1]", "[1]"},
    {"{'a': 1}", ""},
    {"[1", ""},
    {"", ""},
};

static void what_others_may_not_take_is_printed_anew(void **state)
{
    (void)state;
    for (size_t i = 0; i < TS_COUNT(cleans); i++) {
        struct ts_arena *arena = ts_arena_new();
        ts_view text = ts_view_str(cleans[i].text);
        ts_view got = ts_json_clean(arena, text);
        assert_view_is(got, cleans[i].want ? cleans[i].want : cleans[i].text);
        assert_true(got.len == 0 || ts_json_is_strict(got));
        assert_int_equal(got.ptr == text.ptr, cleans[i].want == NULL);
        ts_arena_free(arena);
    }
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 5];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(what_is_cut_is_told_from_what_is_text),
        cmocka_unit_test(depth_and_size_are_limited),
        cmocka_unit_test(numbers_read_back_exactly),
        cmocka_unit_test(text_is_escaped_and_repaired),
        cmocka_unit_test(what_others_may_not_take_is_printed_anew),
    };
    memcpy(tests + TS_COUNT(rows), more, sizeof more);
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
