/* Settings: every kind of value, every error with its place, expansion and merging. */
#include "testing.h"

#include "config/settings.h"

#include <stdio.h>

struct inner {
    ts_time timeout;
};
struct config {
    const char *text, *secret;
    bool flag, inner_present;
    int64_t count;
    double ratio;
    uint64_t size;
    int mode;
    struct ts_texts list;
    struct ts_pairs headers;
    struct inner inner;
    struct ts_blocks blocks;
};
struct block {
    const char *name;
    bool wait_given;
    ts_time wait;
};
#define AT(field) offsetof(struct config, field)
static const struct ts_setting inner_table[] = {
    {.key = "timeout",
     .kind = TS_DURATION,
     .offset = 0,
     .default_text = "5s",
     .min = "1s",
     .max = "1h"},
    {0},
};
#define BLOCK(field) offsetof(struct block, field)
static const struct ts_setting block_table[] = {
    {.key = "name", .kind = TS_TEXT, .offset = BLOCK(name), .default_text = "none"},
    {.key = "wait", .kind = TS_DURATION, .offset = BLOCK(wait), .present = BLOCK(wait_given)},
    {0},
};
static const struct ts_setting table[] = {
    {.key = "text", .kind = TS_TEXT, .offset = AT(text), .default_text = "hello"},
    {.key = "secret",
     .kind = TS_SECRET,
     .offset = AT(secret),
     .default_text = "${env:TS_TEST_SECRET:-}"},
    {.key = "flag", .kind = TS_BOOL, .offset = AT(flag), .default_text = "true"},
    {.key = "count",
     .kind = TS_INT,
     .offset = AT(count),
     .default_text = "7",
     .min = "1",
     .max = "9"},
    {.key = "ratio", .kind = TS_DOUBLE, .offset = AT(ratio), .default_text = "0.5"},
    {.key = "size", .kind = TS_SIZE, .offset = AT(size), .default_text = "4MiB"},
    {.key = "mode",
     .kind = TS_ENUM,
     .offset = AT(mode),
     .default_text = "retry",
     .choices = "drop|retry|auto"},
    {.key = "list", .kind = TS_TEXTS, .offset = AT(list), .default_text = "a|b"},
    {.key = "headers", .kind = TS_SECRET_PAIRS, .offset = AT(headers)},
    {.key = "inner",
     .kind = TS_BLOCK,
     .offset = AT(inner),
     .sub = inner_table,
     .present = AT(inner_present)},
    {.key = "blocks",
     .kind = TS_BLOCKS,
     .offset = AT(blocks),
     .sub = block_table,
     .size = sizeof(struct block)},
    {0},
};

static bool load(struct ts_arena *arena, const char *yaml, struct config *out, struct ts_err *err)
{
    *out = (struct config){0};
    struct ts_node *node = ts_node_parse(arena, "f.yaml", ts_view_str(yaml), err);
    return node && ts_settings_load(arena, table, node, "exporters::x", out, err);
}

static void defaults_fill_what_is_not_given(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct config c;
    struct ts_err err = {0};
    assert_true(load(arena, "", &c, &err));
    assert_string_equal(c.text, "hello");
    assert_null(c.secret);
    assert_true(c.flag);
    assert_int_equal(c.count, 7);
    assert_true(c.ratio == 0.5);
    assert_int_equal(c.size, 4 << 20);
    assert_int_equal(c.mode, 1);
    assert_int_equal(c.list.count, 2);
    assert_false(c.inner_present);
    assert_int_equal(c.inner.timeout, 5 * TS_S);
    ts_arena_free(arena);
}

static void all_kinds_are_read(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct config c;
    struct ts_err err = {0};
    assert_true(load(arena,
                     "text: 0123\nflag: false\ncount: 9\nratio: 1e-3\nsize: 64KiB\nmode: auto\n"
                     "list: [x, y, z]\nheaders: {a: b, c: 1}\ninner:\n"
                     "blocks: [{name: a}, {wait: 0s}, {wait: null}]\n",
                     &c, &err));
    assert_string_equal(c.text, "0123");
    assert_false(c.flag);
    assert_int_equal(c.size, 65536);
    assert_int_equal(c.mode, 2);
    assert_int_equal(c.list.count, 3);
    assert_string_equal(c.headers.items[1].value, "1");
    assert_true(c.inner_present);
    const struct block *blocks = c.blocks.items;
    assert_int_equal(c.blocks.count, 3);
    assert_string_equal(blocks[0].name, "a");
    assert_false(blocks[0].wait_given);
    assert_string_equal(blocks[1].name, "none");
    assert_true(blocks[1].wait_given);
    assert_false(blocks[2].wait_given);
    struct ts_buf out = TS_BUF_INIT;
    ts_settings_print(table, &c, 0, &out);
    assert_non_null(strstr(ts_buf_cstr(&out), "headers: {\"a\": \"[REDACTED]\""));
    assert_non_null(
        strstr(ts_buf_cstr(&out), "blocks:\n  -\n    name: \"a\"\n    wait: 0s\n  -\n"));
    ts_buf_release(&out);
    ts_arena_free(arena);
}

static const struct bad {
    const char *yaml, *where, *what;
} bads[] = {
    {"txt: 1", "f.yaml:1:1 exporters::x", "unknown key 'txt'; did you mean 'text'?"},
    {"a:\n  b: 1", "f.yaml:1:1 exporters::x", "unknown key 'a'; known keys are text, secret"},
    {"count: 0", "f.yaml:1:8 exporters::x::count", "'0' is below the least '1'"},
    {"count: 10", "f.yaml:1:8 exporters::x::count", "'10' is above the most '9'"},
    {"count: x", "f.yaml:1:8 exporters::x::count", "'x' is no whole number"},
    {"flag: maybe", "f.yaml:1:7 exporters::x::flag", "'maybe' is neither true nor false"},
    {"ratio: much", "f.yaml:1:8 exporters::x::ratio", "'much' is no number"},
    {"size: 4 elephants", "f.yaml:1:7 exporters::x::size", "is no size"},
    {"mode: drp", "f.yaml:1:7 exporters::x::mode",
     "'drp' is none of drop, retry, auto; did you mean 'drop'?"},
    {"text: [a]", "f.yaml:1:1 exporters::x::text", "a single value is wanted here, not a list"},
    {"headers: 3", "f.yaml:1:10 exporters::x::headers", "a map of 'key: value' is wanted here"},
    {"inner:\n  timeout: 200", "f.yaml:2:12 exporters::x::inner::timeout",
     "bare number '200' has no unit; write '200ms' or '200s'"},
    {"inner: {timeout: 2h}", "f.yaml:1:18 exporters::x::inner::timeout",
     "'2h' is above the most '1h'"},
    {"inner: {timeout: -1s}", "f.yaml:1:18", "is no length of time"},
    {"blocks: {a: b}", "f.yaml:", "a list of blocks is wanted here"},
    {"blocks:\n  - {name: a}\n  - {wait: 5}", "f.yaml:3:12 exporters::x::blocks[1]::wait",
     "bare number '5' has no unit"},
    {"blocks:\n  - {nam: a}", "f.yaml:2:6 exporters::x::blocks[0]", "did you mean 'name'?"},
    {"blocks: [a]", "f.yaml:1:10 exporters::x::blocks[0]", "a map of settings is wanted here"},
    {"text: ${env:A B}", "f.yaml:1:7", "is no name of an environment variable"},
    {"text: ${env:A", "f.yaml:1:7", "'${' without its '}'"},
    {"text: ${http://x}", "f.yaml:1:7", "is not known"},
    {"text: ${file:/does/not/exist}", "f.yaml:1:7", "cannot open"},
    {"text: a\ntext: b", "f.yaml:", "not YAML"},
    {"a: [", "f.yaml:", "not YAML"},
    {"a: 1\n---\nb: 2", "f.yaml", "more than one YAML document"},
    {"text: *none", "f.yaml", ""},
};

static void check_bad(void **state)
{
    const struct bad *bad = *state;
    struct ts_arena *arena = ts_arena_new();
    struct config c;
    struct ts_err err = {0};
    assert_false(load(arena, bad->yaml, &c, &err));
    if (strncmp(err.where, bad->where, strlen(bad->where)) != 0)
        fail_msg("where is '%s'", err.where);
    if (!strstr(err.what, bad->what))
        fail_msg("what is '%s'", err.what);
    ts_arena_free(arena);
}

static void expansion_follows_the_collector(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* NULL: the default */
    } rows[] = {
        {"${env:TS_TEST_A}", "one"},       {"${TS_TEST_A}", "one"},
        {"x${TS_TEST_A}y", "xoney"},       {"$$x", "$x"},
        {"$TS_TEST_A", "$TS_TEST_A"},      {"${env:TS_TEST_NONE:-d}", "d"},
        {"${env:TS_TEST_EMPTY:-d}", ""},   {"${env:${TS_TEST_NAME}}", "one"},
        {"${env:TS_TEST_NUMBER}", "0123"}, {"${env:TS_TEST_NONE}", NULL},
        {"'${env:TS_TEST_A}'", "one"},
    };
    setenv("TS_TEST_A", "one", 1);
    setenv("TS_TEST_EMPTY", "", 1);
    setenv("TS_TEST_NAME", "TS_TEST_A", 1);
    setenv("TS_TEST_NUMBER", "0123", 1);
    unsetenv("TS_TEST_NONE");
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct config c;
        struct ts_err err = {0};
        char yaml[128];
        snprintf(yaml, sizeof yaml, "text: %s", rows[i].text);
        if (!load(arena, yaml, &c, &err))
            fail_msg("%s: %s", rows[i].text, err.what);
        assert_string_equal(c.text, rows[i].want ? rows[i].want : "hello");
        ts_arena_free(arena);
    }
}

static void merging_joins_maps_and_replaces_lists(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    struct ts_node *a = ts_node_parse(
        arena, "a", TS_LIT("text: one\ncount: 3\nlist: [x]\nheaders: {k: v}\n"), &err);
    struct ts_node *b =
        ts_node_parse(arena, "b", TS_LIT("count: 4\nlist: [y, z]\nheaders: {l: w}\ntext:\n"), &err);
    struct config c = {0};
    assert_true(ts_settings_load(arena, table, ts_node_merge(arena, a, b), "x", &c, &err));
    assert_string_equal(c.text, "hello"); /* null erases */
    assert_int_equal(c.count, 4);
    assert_int_equal(c.list.count, 2);
    assert_int_equal(c.headers.count, 2);
    ts_arena_free(arena);
}

static void a_place_is_found_by_its_path(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    struct ts_node *root = ts_node_parse(arena, "f", TS_LIT("{a: {b: [x, {c: y}]}}"), &err);
    assert_true(ts_view_is(ts_node_at(root, "a::b[0]")->text, "x"));
    assert_true(ts_view_is(ts_node_at(root, "a::b[1]::c")->text, "y"));
    assert_ptr_equal(ts_node_at(root, ""), root);
    static const char *const nowhere[] = {"b",          "a::b[2]", "a::b::c",
                                          "a::b[0]::c", "a[0]",    "a::b[x]"};
    for (size_t i = 0; i < TS_COUNT(nowhere); i++)
        if (ts_node_at(root, nowhere[i]))
            fail_msg("%s is somewhere", nowhere[i]);
    ts_arena_free(arena);
}

static void aliases_cannot_explode(void **state)
{
    (void)state;
    struct ts_buf yaml = TS_BUF_INIT;
    ts_buf_add_str(&yaml, "a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (int k = 'b'; k <= 'i'; k++)
        ts_buf_printf(&yaml, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", k, k,
                      k - 1, k - 1, k - 1, k - 1, k - 1, k - 1, k - 1, k - 1, k - 1, k - 1);
    struct ts_arena *arena = ts_arena_new();
    struct ts_err err = {0};
    assert_null(ts_node_parse(arena, "f.yaml", ts_buf_view(&yaml), &err));
    assert_non_null(strstr(err.what, "more than"));
    ts_arena_free(arena);
    ts_buf_release(&yaml);
}

/* Each of these kept the parser busy for ever, or for minutes; the test ends. */
static void hostile_texts_are_refused(void **state)
{
    (void)state;
    struct ts_buf many = TS_BUF_INIT;
    struct ts_buf anchors = TS_BUF_INIT;
    struct ts_buf directive = TS_BUF_INIT;
    struct ts_buf open = TS_BUF_INIT;
    for (int i = 0; i < 300000; i++)
        ts_buf_printf(&many, "k%d: 1\n", i);
    for (int i = 0; i < 100000; i++)
        ts_buf_printf(&anchors, "- &a%d x\n", i);
    for (int i = 0; i < 100000; i++)
        ts_buf_add_byte(&open, '[');
    ts_buf_printf(&directive, "text: a\n%%%0100000d\n", 0);
    const struct {
        ts_view yaml;
        const char *where, *what;
    } rows[] = {
        {ts_view_of("text: a\n%\xff x\n", 13), "f.yaml:2:2", "byte 10 (0xff) is not UTF-8; save"},
        {ts_view_of("text: \"\xc3\"", 9), "f.yaml:1:8", "byte 8 (0xc3) is not UTF-8"},
        {ts_view_of("text: a\0b", 9), "f.yaml:1:8", "byte 8 is a NUL"},
        {ts_buf_view(&many), "f.yaml", "more than 20000 keys and values"},
        {ts_buf_view(&anchors), "f.yaml", "more than 20000 keys and values"},
        {ts_buf_view(&directive), "f.yaml:2:1", "begins with % is longer than 200 bytes"},
        {ts_buf_view(&open), "f.yaml", "more than 20000 keys and values"},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_err err = {0};
        assert_null(ts_node_parse(arena, "f.yaml", rows[i].yaml, &err));
        if (strncmp(err.where, rows[i].where, strlen(rows[i].where)) != 0 ||
            !strstr(err.what, rows[i].what))
            fail_msg("%s: %s", err.where, err.what);
        ts_arena_free(arena);
    }
    ts_buf_release(&many);
    ts_buf_release(&anchors);
    ts_buf_release(&directive);
    ts_buf_release(&open);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(bads) + 7];
    for (size_t i = 0; i < TS_COUNT(bads); i++)
        tests[i] =
            (struct CMUnitTest){bads[i].yaml, check_bad, NULL, NULL, (void *)(uintptr_t)&bads[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(all_kinds_are_read),
        cmocka_unit_test(expansion_follows_the_collector),
        cmocka_unit_test(merging_joins_maps_and_replaces_lists),
        cmocka_unit_test(a_place_is_found_by_its_path),
        cmocka_unit_test(aliases_cannot_explode),
        cmocka_unit_test(hostile_texts_are_refused),
    };
    memcpy(tests + TS_COUNT(bads), more, sizeof more);
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
