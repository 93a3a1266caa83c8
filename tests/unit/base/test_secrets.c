/* Secrets in errors, logs and the texts of backends. What is registered stays for the whole program, so each
 * test has secrets of its own. */
#include "testing.h"

#include "base/secrets.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static void fails_with(const char *text, const char *want)
{
    struct ts_err err = {0};
    ts_fail(&err, TS_INVALID_ARGUMENT, "%s", text);
    assert_string_equal(err.what, want);
}

static void redacts_to(const char *text, const char *want)
{
    size_t len = 0;
    char *out = ts_secret_redact(ts_view_str(text), NULL, 0, &len);
    assert_string_equal(out ? out : text, want);
    assert_true(!out || len == strlen(out));
    free(out);
}

static void a_credential_shows_in_no_error(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("opensesame"));
    fails_with("the key 'opensesame' is refused", "the key '[REDACTED]' is refused");
    fails_with("opensesameopensesame", "[REDACTED][REDACTED]");
}

static void an_expanded_value_shows_as_it_was_written(void **state)
{
    (void)state;
    ts_secret_add_expanded(TS_LIT("walnut-tree"), TS_LIT("${env:TREE}"));
    fails_with("'walnut-tree' is no URL", "'${env:TREE}' is no URL");
    redacts_to("a walnut-tree", "a walnut-tree"); /* perhaps no secret: what a judge says stays */
}

static void a_longer_secret_goes_before_one_that_it_begins_with(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("abcdef"));
    ts_secret_add(TS_LIT("abcdef-ghi"));
    fails_with("abcdef-ghi abcdef-xy", "[REDACTED] [REDACTED]-xy");
}

static void short_values_are_left_alone(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("e"));
    ts_secret_add(TS_LIT(""));
    ts_secret_add_expanded(TS_LIT("true"), TS_LIT("${env:FLAG}"));
    fails_with("true enough", "true enough");
}

static void the_end_of_a_secret_may_be_cut_off(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("long-long-long-secret"));
    fails_with("the value 'long-long-' is none", "the value '[REDACTED]' is none");
    fails_with("the value long-long-lo", "the value [REDACTED]");
    fails_with("long-long ago", "long-long ago"); /* not cut there: other words */
}

static void what_follows_bearer_is_the_secret(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("Bearer maple-syrup"));
    redacts_to("got Bearer maple-syrup", "got Bearer [REDACTED]");
    redacts_to("token maple-syrup is bad", "token [REDACTED] is bad");
}

static void basic_is_the_user_and_the_password_too(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("Basic cm9iaW46YmVlY2hudXRz")); /* robin:beechnuts */
    redacts_to("Basic cm9iaW46YmVlY2hudXRz", "Basic [REDACTED]");
    redacts_to("no user robin:beechnuts", "no user [REDACTED]");
    redacts_to("password beechnuts is wrong", "password [REDACTED] is wrong");
}

static void escapes_do_not_hide_it(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("elm/oak+\"fir\""));
    redacts_to("x=elm%2Foak%2b%22fir%22&y", "x=[REDACTED]&y");
    redacts_to("{\"a\":\"elm\\/oak+\\\"fir\\\"\"}", "{\"a\":\"[REDACTED]\"}");
    redacts_to("elm/oak\\u002B\\u0022fir\\u0022", "[REDACTED]");
    redacts_to("\\", "\\");
    redacts_to("100%", "100%");
}

static void base64_does_not_hide_it(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("hornbeam9"));
    ts_secret_add(TS_LIT("hornbeam10"));
    redacts_to("aG9ybmJlYW05", "[REDACTED]");
    redacts_to("aG9ybmJlYW0xMA==", "[REDACTED]==");
    redacts_to("aG9ybmJlYW0xMDph", "[REDACTED]MDph"); /* in front of ":a" */
}

static void the_headers_of_the_request_count(void **state)
{
    (void)state;
    const ts_view sent[] = {TS_LIT("Bearer larch-larch"), TS_LIT("x")};
    size_t len = 0;
    char *out = ts_secret_redact(TS_LIT("key larch-larch is bad, x"), sent, 2, &len);
    assert_string_equal(out, "key [REDACTED] is bad, x");
    free(out);
    redacts_to("larch-larch", "larch-larch"); /* they were that request's alone */
}

static void urls_lose_their_user(void **state)
{
    (void)state;
    fails_with("endpoint 'http://me:pw@host:1/x' is bad; write http://host:4317",
               "endpoint 'http://host:1/x' is bad; write http://host:4317");
    fails_with("http://a:p/w@host and me@there.org", "http://host and me@there.org");
    fails_with("https://host/path", "https://host/path");
}

static void the_user_of_a_url_is_a_credential(void **state)
{
    (void)state;
    ts_secret_add_user(TS_LIT("https://dove:nightingale@host/v1"));
    ts_secret_add_user(TS_LIT("heron:kingfisher@host:4317"));
    ts_secret_add_user(TS_LIT("somebody.else@example.org"));
    redacts_to("nightingale", "[REDACTED]");
    redacts_to("dove:nightingale", "[REDACTED]");
    redacts_to("Basic ZG92ZTpuaWdodGluZ2FsZQ==", "Basic [REDACTED]=="); /* what curl makes of it */
    redacts_to("no address kingfisher@host", "no address [REDACTED]@host");
    redacts_to("somebody.else", "somebody.else");
}

static void several_lines_are_one_secret(void **state)
{
    (void)state;
    ts_secret_add(TS_LIT("first line\nsecond line\n"));
    fails_with("a first line\nsecond line z", "a [REDACTED] z");
}

static void a_log_line_shows_none(void **state)
{
    (void)state;
    int pipe_fds[2];
    int saved = dup(STDERR_FILENO);
    char line[512] = "";
    ts_secret_add(TS_LIT("juniper-berry"));
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
    ts_log(TS_ERROR, "exporter/x", "failed", "reason=\"%s\" n=%d", "juniper-berry", 7);
    dup2(saved, STDERR_FILENO);
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);
    assert_true(n > 0);
    assert_non_null(strstr(line, "error exporter/x \"failed\" reason=\"[REDACTED]\" n=7\n"));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_credential_shows_in_no_error),
        cmocka_unit_test(an_expanded_value_shows_as_it_was_written),
        cmocka_unit_test(a_longer_secret_goes_before_one_that_it_begins_with),
        cmocka_unit_test(short_values_are_left_alone),
        cmocka_unit_test(the_end_of_a_secret_may_be_cut_off),
        cmocka_unit_test(what_follows_bearer_is_the_secret),
        cmocka_unit_test(basic_is_the_user_and_the_password_too),
        cmocka_unit_test(escapes_do_not_hide_it),
        cmocka_unit_test(base64_does_not_hide_it),
        cmocka_unit_test(the_headers_of_the_request_count),
        cmocka_unit_test(urls_lose_their_user),
        cmocka_unit_test(the_user_of_a_url_is_a_credential),
        cmocka_unit_test(several_lines_are_one_secret),
        cmocka_unit_test(a_log_line_shows_none),
    };
    return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
