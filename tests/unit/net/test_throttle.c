/* The throttle against services that limit calls in every way there is. Client and service are simulated on
 * one clock that the test moves from event to event, so minutes take no time and come out the same on
 * every machine: a row is what share of the calls that were allowed is taken, and what share is refused. */
#include "testing.h"

#include "net/throttle.h"

#include <math.h>
#include <stdio.h>

enum { MOST = 64 };

/* A service. What is 0 does not limit. */
struct service {
    double rate[3], burst; /* of the bucket, a second, in each third of the time */
    double tokens;         /* a call costs on average, from half of it to one and a half; 0: one, always */
    int at_once;
    double refuses, fails;      /* share of the calls, whatever they are: 429, 503 */
    ts_time latency, to_refuse; /* until an answer, until a refusal */
    double spread;              /* of latencies: between (1 - spread) and (1 + spread) times */
    ts_time hint;               /* Retry-After of refusals */
    bool headers;               /* x-ratelimit-* of all answers */
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
    int sent, taken, refused, failed;
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

static struct ts_limit told(const struct bed *b)
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
    c->arrives = b->now + (c->status == 429 ? s->to_refuse : (ts_time)(spread * (double)s->latency));
    if (s->headers)
        *(s->tokens > 0 ? &c->said.tokens : &c->said.calls) = told(b);
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
    b->failed += c->status == 503;
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

static const struct row {
    const char *name;
    struct service service;
    double taken, refused; /* at least, at most */
    ts_time length;
} rows[] = {
#define L100 .latency = 100 * TS_MS, .to_refuse = 2 * TS_MS
    {"nothing limits", {L100}, 0.95, 0, 60 * TS_S},
    {"50/s", {.rate = {50}, .burst = 10, L100}, 0.9, 0.02, 60 * TS_S},
    {"50/s, spread", {.rate = {50}, .burst = 10, L100, .spread = 0.8}, 0.9, 0.02, 60 * TS_S},
    {"50/s, slow", {.rate = {50}, .burst = 10, .latency = TS_S, .spread = .8, .to_refuse = 10 * TS_MS}, 0.9, 0.02, 60 * TS_S},
    {"50/s, slow refusals", {.rate = {50}, .burst = 10, .latency = TS_S, .spread = .8, .to_refuse = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"50/s, quick", {.rate = {50}, .burst = 10, .latency = 5*TS_MS, .to_refuse = TS_MS}, 0.9, 0.02, 60 * TS_S},
    {"50/s, burst 1", {.rate = {50}, .burst = 1, L100}, 0.9, 0.02, 60 * TS_S},
    {"50/s, burst 300", {.rate = {50}, .burst = 300, L100}, 0.9, 0.02, 60 * TS_S},
    {"50/s, hint", {.rate = {50}, .burst = 10, L100, .hint = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"50/s, exact hint", {.rate = {50}, .burst = 10, L100, .hint = 20*TS_MS}, 0.9, 0.02, 60 * TS_S},
    {"50/s, headers", {.rate = {50}, .burst = 10, L100, .headers = true}, 0.9, 0.02, 60 * TS_S},
    {"50/s, headers, slow", {.rate = {50}, .burst = 10, .latency = TS_S, .spread = .8, .to_refuse = TS_S, .headers = true}, 0.9, 0.02, 60 * TS_S},
    {"50/s, headers and hint", {.rate = {50}, .burst = 10, L100, .headers = true, .hint = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"tokens", {.rate = {50000}, .tokens = 1000, .burst = 10000, L100, .spread = .5}, 0.9, 0.02, 60 * TS_S},
    {"tokens, hint", {.rate = {50000}, .tokens = 1000, .burst = 10000, L100, .spread = .5, .hint = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"tokens, headers", {.rate = {50000}, .tokens = 1000, .burst = 10000, L100, .spread = .5, .headers = true}, 0.9, 0.02, 60 * TS_S},
    {"50-20-80/s", {.rate = {50, 20, 80}, .burst = 10, L100}, 0.9, 0.02, 180 * TS_S},
    {"50-20-80/s hint", {.rate = {50, 20, 80}, .burst = 10, L100, .hint = TS_S}, 0.9, 0.02, 180 * TS_S},
    {"50-20-80/s headers", {.rate = {50, 20, 80}, .burst = 10, L100, .headers = true}, 0.9, 0.02, 180 * TS_S},
    {"5/s", {.rate = {5}, .burst = 5, L100}, 0.9, 0.02, 300 * TS_S},
    {"0.5/s", {.rate = {.5}, .burst = 5, L100}, 0.9, 0.02, 3000 * TS_S},
    {"8 at once", {.at_once = 8, L100, .spread = 0.5}, 0.9, 0.02, 60 * TS_S},
    {"8 at once, 429 late", {.at_once = 8, .latency = 100*TS_MS, .to_refuse= 100*TS_MS, .spread = 0.5}, 0.9, 0.02, 60 * TS_S},
    {"1 at once", {.at_once = 1, L100, .spread = 0.5}, 0.9, 0.02, 60 * TS_S},
    {"1% refused", {.refuses = 0.01, L100}, 0.9, 0.02, 60 * TS_S},
    {"1% refused late", {.refuses = 0.01, .latency = 100*TS_MS, .to_refuse = 100*TS_MS, .spread = .5}, 0.9, 0.02, 60 * TS_S},
    {"1% refused with hint", {.refuses = 0.01, L100, .hint = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"1% refused with hint, late", {.refuses = 0.01, .latency = 100*TS_MS, .to_refuse = 100*TS_MS, .spread = .5, .hint = TS_S}, 0.9, 0.02, 60 * TS_S},
    {"1% 503", {.fails = 0.01, L100, .spread = .5}, 0.9, 0.02, 60 * TS_S},
};

int main(void)
{
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        double low = 1e9, high = 0, mean = 0, meanr = 0;
        for (uint64_t seed = 1; seed <= 10; seed++) {
            static struct bed b;
            run(&b, &r->service, r->length, seed);
            double taken = b.taken / allowed(&r->service, r->length);
            double refused = (double)b.refused / b.sent;
            low = fmin(low, taken);
            high = fmax(high, refused);
            mean += taken / 10;
            meanr += refused / 10;
        }
        printf("%-30s %.3f (low %.3f) %.4f (high %.4f)%s\n", r->name, mean, low, meanr, high, low < r->taken || high > r->refused ? "  ***" : "");
    }
}
