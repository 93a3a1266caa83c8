/* The throttle against services that limit calls in every way there is. Client and service are simulated on
 * one clock that the test moves from event to event, so minutes take no time and come out the same on
 * every machine: a row is what share of the calls that were allowed is taken, and what share is refused. */
#include "testing.h"

#include "net/throttle.h"

#include <math.h>

enum { MOST = 64 };

/* A service. What is 0 does not limit. */
struct service {
    double rate[3], burst; /* of the bucket, a second, in each third of the time */
    double tokens; /* a call costs on average, from half of it to one and a half; 0: one, always */
    int at_once;
    double refuses, fails;      /* share of the calls, whatever they are: 429, 503 */
    ts_time latency, to_refuse; /* until an answer, until a refusal */
    double spread;              /* of latencies: between (1 - spread) and (1 + spread) times */
    ts_time hint;               /* Retry-After of refusals */
    bool told;                  /* x-ratelimit-* with all answers */
};

struct call {
    bool sent;
    struct ts_throttle_mark mark;
    ts_time arrives;
    int status;
    struct ts_limits said;
};

struct bed {
    const struct service *service;
    struct ts_throttle throttle;
    struct call calls[MOST];
    ts_time now, ends;
    double bucket;
    ts_time filled;
    int inside;
    uint64_t random;
    int sent, taken, refused;
};

/* splitmix64: the same numbers everywhere. */
static double drawn(struct bed *b)
{
    uint64_t z = b->random += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double rate_now(const struct bed *b)
{
    int third = (int)(3 * b->now / (b->ends + 1));
    const double *rate = b->service->rate;
    return rate[third] > 0 ? rate[third] : rate[0];
}

static void fill(struct bed *b)
{
    double dripped = rate_now(b) * (double)(b->now - b->filled) / (double)TS_S;
    b->bucket = fmin(b->service->burst, b->bucket + dripped);
    b->filled = b->now;
}

static struct ts_limit limit_now(const struct bed *b)
{
    double used = b->service->burst - b->bucket;
    return (struct ts_limit){.most = b->service->burst,
                             .left = floor(b->bucket),
                             .reset = (ts_time)(used / rate_now(b) * (double)TS_S)};
}

static int answer(struct bed *b, double cost)
{
    const struct service *s = b->service;
    if (s->rate[0] > 0)
        fill(b);
    if (drawn(b) < s->refuses || (s->at_once && b->inside >= s->at_once) ||
        (s->rate[0] > 0 && b->bucket < cost))
        return 429;
    if (s->rate[0] > 0)
        b->bucket -= cost;
    b->inside++;
    return drawn(b) < s->fails ? 503 : 200;
}

static void send(struct bed *b, struct call *c)
{
    const struct service *s = b->service;
    double cost = s->tokens > 0 ? s->tokens * (0.5 + drawn(b)) : 1;
    int64_t tokens = s->tokens > 0 ? (int64_t)cost : 0;
    double spread = 1 + s->spread * (2 * drawn(b) - 1);
    *c = (struct call){.sent = true, .mark = ts_throttle_sent(&b->throttle, tokens, b->now)};
    c->status = answer(b, cost);
    c->arrives =
        b->now + (c->status == 429 ? s->to_refuse : (ts_time)(spread * (double)s->latency));
    if (s->told)
        *(s->tokens > 0 ? &c->said.tokens : &c->said.calls) = limit_now(b);
    b->sent++;
}

static void arrive(struct bed *b, struct call *c)
{
    struct ts_throttle *t = &b->throttle;
    c->sent = false;
    ts_throttle_ended(t, &c->mark, &c->said);
    b->inside -= c->status != 429;
    if (c->status == 200)
        ts_throttle_taken(t, &c->mark, true, b->now);
    else if (c->status == 503)
        ts_throttle_strained(t, &c->mark, 0, b->now);
    else
        ts_throttle_refused(t, &c->mark, b->service->hint, b->now);
    b->taken += c->status == 200;
    b->refused += c->status == 429;
}

static void run(struct bed *b, const struct service *s, ts_time length, uint64_t seed)
{
    *b = (struct bed){.service = s, .ends = length, .random = seed, .bucket = s->burst};
    ts_throttle_init(&b->throttle, MOST, TS_S, 300 * TS_S);
    while (b->now < length) {
        int64_t tokens = (int64_t)(1.5 * s->tokens);
        ts_time next = ts_throttle_next(&b->throttle, tokens, b->now);
        struct call *free = NULL;
        struct call *first = NULL;
        for (int i = 0; i < MOST; i++) {
            struct call *c = &b->calls[i];
            if (!c->sent)
                free = c;
            else if (!first || c->arrives < first->arrives)
                first = c;
        }
        if (next <= b->now && free) {
            send(b, free);
            continue;
        }
        if (!first || (free && next < first->arrives)) {
            b->now = next;
            continue;
        }
        b->now = first->arrives;
        arrive(b, first);
    }
}

static double allowed(const struct service *s, ts_time length)
{
    double sum = 0;
    double most = (s->at_once ? s->at_once : MOST) * (double)TS_S / (double)s->latency;
    for (int i = 0; i < 3; i++) {
        double rate = (s->rate[i] > 0 ? s->rate[i] : s->rate[0]) / (s->tokens > 0 ? s->tokens : 1);
        sum += (s->rate[0] > 0 ? fmin(rate, most) : most) * (double)length / (double)TS_S / 3;
    }
    return sum;
}

#define QUICK  .latency = 5 * TS_MS, .to_refuse = TS_MS
#define NORMAL .latency = 100 * TS_MS, .to_refuse = 2 * TS_MS
#define SLOW   .latency = TS_S, .spread = 0.8, .to_refuse = 10 * TS_MS
#define LATE   .latency = 100 * TS_MS, .to_refuse = 100 * TS_MS, .spread = 0.5
#define BUCKET .rate = {50}, .burst = 10
#define TOKENS .rate = {50000}, .burst = 10000, .tokens = 1000

static const struct row {
    const char *name;
    struct service service;
    ts_time length;
    double taken, refused; /* at least, at most; of several seeds together */
} rows[] = {
    {"nothing limits", {NORMAL}, 60 * TS_S, 0.95, 0},
    {"a bucket", {BUCKET, NORMAL}, 60 * TS_S, 0.9, 0.02},
    {"a bucket, quick answers", {BUCKET, QUICK}, 60 * TS_S, 0.9, 0.02},
    {"a bucket, uneven answers", {BUCKET, NORMAL, .spread = 0.8}, 60 * TS_S, 0.9, 0.02},
    {"a bucket, slow answers", {BUCKET, SLOW}, 120 * TS_S, 0.9, 0.02},
    {"a bucket, Retry-After: 1", {BUCKET, NORMAL, .hint = TS_S}, 300 * TS_S, 0.9, 0.02},
    {"a bucket, exact hint", {BUCKET, NORMAL, .hint = 20 * TS_MS}, 60 * TS_S, 0.9, 0.02},
    {"a bucket that is told", {BUCKET, NORMAL, .told = true}, 60 * TS_S, 0.95, 0.005},
    {"a bucket that is told, slow answers", {BUCKET, SLOW, .told = true}, 120 * TS_S, 0.9, 0.005},
    {"a bucket that is told, Retry-After: 1",
     {BUCKET, NORMAL, .told = true, .hint = TS_S},
     60 * TS_S,
     0.95,
     0.005},
    {"a large bucket", {.rate = {50}, .burst = 300, NORMAL}, 60 * TS_S, 0.9, 0.02},
    {"a bucket of one", {.rate = {50}, .burst = 1, NORMAL}, 60 * TS_S, 0.8, 0.02},
    {"a slow bucket", {.rate = {5}, .burst = 5, NORMAL}, 600 * TS_S, 0.9, 0.02},
    {"a bucket of tokens", {TOKENS, NORMAL, .spread = 0.5}, 120 * TS_S, 0.9, 0.02},
    {"a bucket of tokens, Retry-After: 1", {TOKENS, NORMAL, .hint = TS_S}, 180 * TS_S, 0.85, 0.02},
    {"a bucket of tokens that is told", {TOKENS, NORMAL, .told = true}, 60 * TS_S, 0.95, 0.005},
    {"a rate that changes", {.rate = {50, 20, 80}, .burst = 10, NORMAL}, 180 * TS_S, 0.9, 0.02},
    {"a rate that changes and is told",
     {.rate = {50, 20, 80}, .burst = 10, NORMAL, .told = true},
     180 * TS_S,
     0.95,
     0.005},
    {"a rate that changes, Retry-After: 1",
     {.rate = {50, 20, 80}, .burst = 10, NORMAL, .hint = TS_S},
     180 * TS_S,
     0.8,
     0.02},
    {"eight at once", {.at_once = 8, NORMAL, .spread = 0.5}, 60 * TS_S, 0.85, 0.02},
    {"one at once", {.at_once = 1, NORMAL, .spread = 0.5}, 60 * TS_S, 0.5, 0.03},
    {"one in a hundred refused", {.refuses = 0.01, NORMAL}, 60 * TS_S, 0.9, 0.012},
    {"one in a hundred refused late", {.refuses = 0.01, LATE}, 60 * TS_S, 0.9, 0.012},
    {"one in a hundred refused late, Retry-After: 1",
     {.refuses = 0.01, LATE, .hint = TS_S},
     60 * TS_S,
     0.9,
     0.012},
    {"one in a hundred in trouble", {.fails = 0.01, NORMAL, .spread = 0.5}, 60 * TS_S, 0.9, 0},
};

static void check_row(void **state)
{
    enum { SEEDS = 8 };
    const struct row *row = *state;
    double taken = 0;
    double sent = 0;
    double refused = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct bed b;
        run(&b, &row->service, row->length, seed);
        taken += b.taken;
        sent += b.sent;
        refused += b.refused;
    }
    double part = taken / (SEEDS * allowed(&row->service, row->length));
    print_message("%.3f of what is allowed, %.4f refused\n", part, refused / sent);
    if (part < row->taken || refused / sent > row->refused)
        fail_msg("%.3f of what is allowed, %.4f refused", part, refused / sent);
}

/* ---- pauses ---- */

static struct ts_throttle_mark sent_at(struct ts_throttle *t, ts_time now)
{
    assert_true(ts_throttle_next(t, 0, now) <= now);
    return ts_throttle_sent(t, 0, now);
}

static void answered(struct ts_throttle *t, const struct ts_throttle_mark *mark, int status,
                     ts_time hint, ts_time now)
{
    ts_throttle_ended(t, mark, &(struct ts_limits){0});
    if (status == 200)
        ts_throttle_taken(t, mark, true, now);
    else if (status == 503)
        ts_throttle_strained(t, mark, hint, now);
    else
        ts_throttle_refused(t, mark, hint, now);
}

static void a_hint_stops_all_calls_until_then(void **state)
{
    (void)state;
    for (int status = 429; status <= 503; status += 503 - 429) {
        struct ts_throttle t;
        ts_throttle_init(&t, MOST, TS_S, 300 * TS_S);
        struct ts_throttle_mark before = sent_at(&t, TS_S);
        struct ts_throttle_mark refused = sent_at(&t, 2 * TS_S);
        answered(&t, &refused, status, 7 * TS_S, 3 * TS_S);
        answered(&t, &before, 200, 0, 4 * TS_S); /* sent before: says nothing of it */
        assert_int_equal(ts_throttle_next(&t, 0, 5 * TS_S), 10 * TS_S);
        assert_int_equal(ts_throttle_next(&t, 0, 10 * TS_S), 10 * TS_S);
    }
}

static void a_hint_is_kept_no_longer_than_we_allow(void **state)
{
    (void)state;
    struct ts_throttle t;
    ts_throttle_init(&t, MOST, TS_S, 300 * TS_S);
    struct ts_throttle_mark refused = sent_at(&t, TS_S);
    answered(&t, &refused, 429, 86400 * TS_S, TS_S);
    assert_int_equal(ts_throttle_next(&t, 0, TS_S), 301 * TS_S);
}

static void a_call_sent_later_and_taken_ends_the_pause(void **state)
{
    (void)state;
    struct ts_throttle t;
    ts_throttle_init(&t, MOST, TS_S, 300 * TS_S);
    struct ts_throttle_mark refused = sent_at(&t, TS_S);
    struct ts_throttle_mark later = sent_at(&t, TS_S + TS_MS);
    answered(&t, &refused, 429, 60 * TS_S, 2 * TS_S);
    answered(&t, &later, 200, 0, 3 * TS_S);
    assert_true(ts_throttle_next(&t, 0, 5 * TS_S) <= 5 * TS_S);
}

/* One round trip says one thing, however many calls were in it. */
static void a_round_trip_of_trouble_is_one_cut(void **state)
{
    (void)state;
    struct ts_window one;
    struct ts_window many;
    ts_window_init(&one, MOST);
    for (int i = 0; i < 60; i++)
        ts_window_taken(&one, (int)one.size, true);
    many = one;
    ts_window_strained(&one, MOST, TS_S, 2 * TS_S);
    for (int i = 0; i < 20; i++)
        ts_window_strained(&many, MOST - i, TS_S, 2 * TS_S);
    assert_int_equal(ts_window_room(&one), 44);
    assert_int_equal(ts_window_room(&many), 44);
}

static void a_service_that_takes_none_is_asked_ever_less(void **state)
{
    (void)state;
    struct ts_throttle t;
    ts_time now = TS_S;
    int asked = 0;
    ts_throttle_init(&t, MOST, TS_S, 300 * TS_S);
    for (; now < 3600 * TS_S; asked++) {
        struct ts_throttle_mark mark = sent_at(&t, now);
        answered(&t, &mark, 429, 0, now + TS_MS);
        now = ts_throttle_next(&t, 0, now + TS_MS);
    }
    assert_in_range(asked, 60, 75); /* once a minute in the end */
    for (int i = 0; i < 20; i++) {  /* and found again soon */
        struct ts_throttle_mark mark = sent_at(&t, now);
        answered(&t, &mark, 200, 0, now + TS_MS);
        now = ts_throttle_next(&t, 0, now + TS_MS);
    }
    assert_true(ts_throttle_next(&t, 0, now) - now < 2 * TS_S);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows) + 5];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    const struct CMUnitTest more[] = {
        cmocka_unit_test(a_hint_stops_all_calls_until_then),
        cmocka_unit_test(a_hint_is_kept_no_longer_than_we_allow),
        cmocka_unit_test(a_call_sent_later_and_taken_ends_the_pause),
        cmocka_unit_test(a_round_trip_of_trouble_is_one_cut),
        cmocka_unit_test(a_service_that_takes_none_is_asked_ever_less),
    };
    memcpy(tests + TS_COUNT(rows), more, sizeof more);
    return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
