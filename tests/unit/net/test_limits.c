/* What heads say of limits, and when a bucket that was told of has enough. */
#include "testing.h"

#include "net/limits.h"
#include "net/quota.h"

static struct ts_limits read_lines(const char *const *lines, size_t count)
{
    struct ts_limits limits = {0};
    for (size_t i = 0; i < count; i++)
        ts_limits_read(&limits, ts_view_str(lines[i]));
    return limits;
}

static void waits_are_read_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *lines[3];
        ts_time wait;
    } rows[] = {
        {{"Retry-After: 7"}, 7 * TS_S},
        {{"retry-after: 0.25"}, 250 * TS_MS},
        {{"retry-after-ms: 1234"}, 1234 * TS_MS},
        {{"x-ms-retry-after-ms: 20", "Retry-After: 1"}, 20 * TS_MS},
        {{"Retry-After: 1", "X-MS-Retry-After-Ms: 20"}, 20 * TS_MS},
        {{"Retry-After: 3", "retry-after-ms: soon"}, 3 * TS_S},
        {{"Retry-After: soon"}, 0},
        {{"Retry-After: -1"}, 0},
        {{"Retry-After: nan"}, 0},
        {{"Retry-After: 1e300"}, 0},
        {{"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"}, 0}, /* past */
        {{"Retry-After"}, 0},
        {{"x-retry-after: 5"}, 0},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        size_t n = 0;
        while (n < TS_COUNT(rows[i].lines) && rows[i].lines[n])
            n++;
        assert_int_equal(read_lines(rows[i].lines, n).retry_after, rows[i].wait);
    }
}

static void resets_are_read_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        ts_time reset;
    } rows[] = {
        {"x-ratelimit-reset-tokens: 12ms", 12 * TS_MS},
        {"x-ratelimit-reset-tokens: 1s", TS_S},
        {"x-ratelimit-reset-tokens: 6m0s", 360 * TS_S},
        {"x-ratelimit-reset-tokens: 2m59.56s", 179560 * TS_MS},
        {"x-ratelimit-reset-tokens: 1h2m3s", 3723 * TS_S},
        {"X-RateLimit-Reset-Tokens: 42", 42 * TS_S},
        {"x-ratelimit-reset-tokens: 5 apples", 0},
        {"x-ratelimit-reset-tokens: s", 0},
        {"x-ratelimit-reset-tokens:", 0},
        {"x-ratelimit-reset-tokens: 99999999999999h", 0},
    };
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        assert_int_equal(read_lines(&rows[i].line, 1).tokens.reset, rows[i].reset);
}

static void both_buckets_are_read(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "x-ratelimit-limit-requests: 5000",     "x-ratelimit-remaining-requests: 4999",
        "x-ratelimit-reset-requests: 12ms",     "x-ratelimit-limit-tokens: 160000",
        "x-ratelimit-remaining-tokens: 159976", "x-ratelimit-reset-tokens: 9ms"};
    struct ts_limits l = read_lines(lines, TS_COUNT(lines));
    assert_true(l.calls.most == 5000 && l.calls.left == 4999 && l.calls.reset == 12 * TS_MS);
    assert_true(l.tokens.most == 160000 && l.tokens.left == 159976 && l.tokens.reset == 9 * TS_MS);
    static const char *const none[] = {"x-ratelimit-limit-tokens: -1",
                                       "x-ratelimit-remaining-tokens: -1",
                                       "x-ratelimit-reset-tokens: 0"};
    l = read_lines(none, TS_COUNT(none));
    assert_true(l.tokens.most == 0 && l.tokens.reset == 0);
}

/* Of 600 a minute, ten a second, 100 are left: the hundredth may still go, one of the next waits. */
static void a_bucket_is_not_asked_for_more_than_it_holds(void **state)
{
    (void)state;
    struct ts_quota q = {0};
    struct ts_limit said = {.most = 600, .left = 100, .reset = 50 * TS_S};
    assert_true(ts_quota_next(&q, 1) <= 0);
    ts_quota_told(&q, &said, ts_quota_sent(&q, 1), 1000 * TS_S);
    assert_true(ts_quota_next(&q, 1) <= 1000 * TS_S);
    for (int i = 0; i < 98; i++)
        ts_quota_sent(&q, 1);
    assert_true(ts_quota_next(&q, 1) <= 1000 * TS_S);
    for (int i = 0; i < 50; i++)
        ts_quota_sent(&q, 1);
    ts_time next = ts_quota_next(&q, 1);
    assert_true(next > 1004 * TS_S && next < 1006 * TS_S);
}

static void the_newest_call_knows_most(void **state)
{
    (void)state;
    struct ts_quota q = {0};
    struct ts_limit full = {.most = 600, .left = 500, .reset = 10 * TS_S};
    struct ts_limit spent = {.most = 600, .left = 0, .reset = 60 * TS_S};
    double first = ts_quota_sent(&q, 1);
    double second = ts_quota_sent(&q, 1);
    ts_quota_told(&q, &spent, second, 1001 * TS_S);
    ts_quota_told(&q, &full, first, 1000 * TS_S); /* arrives later */
    assert_true(ts_quota_next(&q, 1) > 1001 * TS_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_read_in_every_form),
        cmocka_unit_test(resets_are_read_in_every_form),
        cmocka_unit_test(both_buckets_are_read),
        cmocka_unit_test(a_bucket_is_not_asked_for_more_than_it_holds),
        cmocka_unit_test(the_newest_call_knows_most),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
